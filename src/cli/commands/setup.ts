import {readFile} from 'node:fs/promises'
import {Command} from 'commander'
import {type Finding, formatFinding, ifMissing} from '../../model/index.ts'
import {type CliContext, DEFAULT_CONFIG, EXIT, type ExitStatus} from '../context.ts'
import {formatFindingIn, readGatewayConfig} from '../read-config.ts'
import {readInput} from '../read-input.ts'
import type {Finish} from '../run-cli.ts'
import type {Setup} from '../setup/gateway-file.ts'
import type {AnswerFault} from '../setup/judge.ts'
import {QUESTIONS} from '../setup/questions.ts'
import {differenceLine} from './config.ts'

interface SetupOptions {
  readonly config: string
  readonly answers?: string
  readonly print?: boolean
  readonly cloudInit?: boolean
  readonly replace?: boolean
}

const flagOf = (id: string): string => id.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** `isthmus setup`: gateway.yaml of a machine that has none, by questions, by a file of answers or by flags. */
export function setupCommand(context: CliContext, finish: Finish): Command {
  const command = new Command('setup')
    .description('make the configuration of a new gateway: asks at a terminal, else takes answers')
    .option('--config <file>', 'the configuration', DEFAULT_CONFIG)
    .option('--answers <file>', 'answers, as YAML; - is the standard input. Nothing is asked then')
    .option('--print', 'print gateway.yaml, and write nothing')
    .option('--cloud-init', 'print user data that does the same at the first boot of another machine')
    .option('--replace', 'of a gateway that is configured already; what is there is kept beside it')
  for (const {id, text} of QUESTIONS) command.option(`--${flagOf(id)} <answer>`, text)
  return command.action(async (options: SetupOptions & Readonly<Record<string, string | undefined>>, self: Command) => {
    const flags = QUESTIONS.flatMap(({id}) => (options[id] === undefined ? [] : [[id, options[id]] as const]))
    finish(await setUp(context, options, Object.fromEntries(flags), self.optsWithGlobals().socket))
  })
}

async function setUp(
  context: CliContext,
  options: SetupOptions,
  flags: Readonly<Record<string, string>>,
  socketPath: string,
): Promise<ExitStatus> {
  const {print = false, cloudInit = false, config: file} = options
  const held = await readFile(file, 'utf8')
    .catch(ifMissing(null))
    .catch((error: unknown) => said(error))
  if (held instanceof Unreadable && !print && !cloudInit) {
    context.err(`${file} cannot be read: ${held.why}\n`)
    return EXIT.usage
  }
  const before = typeof held === 'string' && isConfigured(held) ? held : null
  const asks = context.ask !== undefined && options.answers === undefined && !cloudInit
  const why = before === null || print || cloudInit ? null : await whyNotReplaced(context, options, asks, socketPath)
  if (why !== null) {
    context.err(`${why}\n`)
    return EXIT.finding
  }
  const answered = await answersFor(context, options, flags, asks)
  if (typeof answered === 'number') return answered
  const {gatewayFileOf} = await import('../setup/gateway-file.ts')
  if (cloudInit) {
    const {cloudInitOf} = await import('../setup/cloud-init.ts')
    context.out(cloudInitOf(answered.setup))
    return EXIT.fine
  }
  const text = gatewayFileOf(answered.setup, answered.machine)
  if (print) {
    context.out(text)
    return EXIT.fine
  }
  if (asks && !(await isWanted(context, file, text, before))) {
    context.err('nothing was changed\n')
    return EXIT.finding
  }
  const {putConfig} = await import('../setup/put-config.ts')
  try {
    const kept = await putConfig(file, text, before !== null)
    if (kept !== null) context.out(`what was there is ${kept}\n`)
  } catch (error) {
    context.err(`${file}: nothing was changed: ${error instanceof Error ? error.message : String(error)}\n`)
    return EXIT.usage
  }
  return check(context, file)
}

class Unreadable {
  readonly why: string
  constructor(why: string) {
    this.why = why
  }
}
const said = (error: unknown): Unreadable => new Unreadable(error instanceof Error ? error.message : String(error))

/** What has a line that is no comment: as installed, it has none. */
const isConfigured = (text: string): boolean => /^[ \t]*[^#\s]/m.test(text)

/** A running gateway would take the file at once, without a way back; it has a better way. */
async function whyNotReplaced(
  context: CliContext,
  {config: file, replace = false}: SetupOptions,
  asks: boolean,
  socketPath: string,
): Promise<string | null> {
  const {config} = await readGatewayConfig(file)
  const what = config
    ? `gateway ${config.gateway} of site ${config.site} is configured in ${file}`
    : `${file} is not empty`
  const answer = await context.api(socketPath).status()
  if (answer.ok || answer.code !== 'unreachable') {
    return `${what}, and runs: nothing was changed. \`isthmus setup --print\` to a file, then \`isthmus config apply FILE --confirm 5m\``
  }
  if (replace) return null
  if (!asks) return `${what}: nothing was changed. --replace writes another one, and keeps this one beside it`
  context.out(`${what} already; another one takes its place only if you say so at the end.\n\n`)
  return null
}

interface Answered {
  readonly setup: Setup
  readonly machine: Machine | null
}
type Machine = import('../setup/questions.ts').Machine

async function answersFor(
  context: CliContext,
  {answers: file, cloudInit = false, print = false}: SetupOptions,
  flags: Readonly<Record<string, string>>,
  asks: boolean,
): Promise<Answered | ExitStatus> {
  const [{judge}, {settle}, {readMachine}] = await Promise.all([
    import('../setup/judge.ts'),
    import('../setup/settle.ts'),
    import('../setup/machine.ts'),
  ])
  const machine = cloudInit ? null : await readMachine()
  let setup: Setup = {answers: flags, sites: []}
  let lineOf = flagLine
  if (file !== undefined) {
    const {readAnswers} = await import('../setup/read-answers.ts')
    let text: string
    try {
      text = await readInput(file)
    } catch (error) {
      context.err(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}\n`)
      return EXIT.usage
    }
    const read = readAnswers(text, file)
    const fileLine = (finding: Finding): string => formatFindingIn(file, finding)
    if (read.findings.length > 0) {
      for (const finding of read.findings) context.err(`${fileLine(finding)}\n`)
      return EXIT.finding
    }
    setup = {answers: {...read.setup.answers, ...flags}, sites: read.setup.sites}
    lineOf = (fault) =>
      fault.site === null && flags[fault.id] !== undefined ? flagLine(fault) : fileLine(read.place(fault))
  }
  const tell = (faults: readonly AnswerFault[]): boolean => {
    for (const fault of faults) context.err(`${lineOf(fault)}\n`)
    return faults.some(({severity}) => severity === 'error')
  }
  if (asks && machine) {
    if (tell(judge(setup, machine))) return EXIT.finding
    const {interview} = await import('../setup/interview.ts')
    const person = {say: print ? context.err : context.out, ask: context.ask!}
    const asked = await interview(setup, machine, person)
    if (asked) return {setup: asked, machine}
    context.err('\nnothing was changed\n')
    return EXIT.finding
  }
  const settled = settle(setup, machine)
  // What is proposed for a wrong answer is wrong as well, and nobody's fault.
  const early = judge(setup, machine)
  const isWrong = early.some(({severity}) => severity === 'error')
  const late = isWrong ? early : judge(settled.setup, machine)
  if (tell([...settled.faults, ...late])) return EXIT.finding
  return {setup: settled.setup, machine}
}

const flagLine = ({id, site, code, severity, detail, remedy}: AnswerFault): string => {
  const field = site === null ? `--${flagOf(id)}` : `sites[${site}].${id}`
  return `${severity} ${code} ${field}: ${detail}${remedy ? `; ${remedy}` : ''}`
}

async function isWanted(context: CliContext, file: string, text: string, before: string | null): Promise<boolean> {
  context.out(`\n${text}\n`)
  if (before !== null) {
    const {configDifferences} = await import('../../config/index.ts')
    const differences = configDifferences(before, text)
    context.out(`${file} has another configuration now${differences === null ? ', which is not even YAML' : ':'}\n`)
    for (const difference of differences ?? []) context.out(differenceLine(difference))
    context.out(`replace it? It is kept as ${file}.before-setup. [y/N] `)
  } else context.out(`write this to ${file}? [y/N] `)
  return /^y(es)?$/i.test(((await context.ask?.()) ?? '').trim())
}

/** As `isthmus check` says it, and what comes next. */
async function check(context: CliContext, file: string): Promise<ExitStatus> {
  const {config, findings} = await readGatewayConfig(file)
  for (const finding of findings) context.err(`${formatFinding(finding)}\n`)
  if (!config) return EXIT.finding
  context.out(`${file}: gateway ${config.gateway} of site ${config.site}, written and checked\n`)
  const {nextSteps} = await import('../setup/next-steps.ts')
  for (const line of await nextSteps(config)) context.out(`${line}\n`)
  return EXIT.fine
}
