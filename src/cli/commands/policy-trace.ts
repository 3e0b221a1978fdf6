import {Command} from 'commander'
import type {Explanation, Flow, Station, TraceLine, TranslatedEnd} from '../../policy/index.ts'
import {type CliContext, EXIT, type ExitStatus, explain} from '../context.ts'
import {describeJudgement} from '../describe-judgement.ts'
import {type FindNamed, flowEnds, namedIn} from '../flow-ends.ts'
import {type Format, outputOption} from '../output.ts'
import {readInput} from '../read-input.ts'
import {configOption, type OfflineOptions, policyOption, readOffline} from '../read-offline.ts'
import type {Finish} from '../run-cli.ts'

interface TraceOptions {
  readonly from?: string
  readonly to?: string
  readonly protocol?: string
  readonly port?: string
  readonly sourcePort?: string
  readonly type?: string
  readonly code?: string
  readonly flows?: string
  readonly snapshot?: readonly string[]
  readonly policy?: readonly string[]
  readonly config: string
  readonly output: Format
}

type TraceAnswer = {readonly [K in keyof TraceLine]?: unknown} & {
  readonly translated?: readonly TranslatedEnd[]
  readonly stations?: readonly Station[]
}
/** Answers one flow as it was given; a number instead: the status with which to give up. */
type Result = {readonly answer: TraceAnswer} | {readonly problem: string} | ExitStatus
/** And knows the names of endpoints. */
interface Tracer {
  readonly trace: (flow: unknown) => Result | Promise<Result>
  readonly find: FindNamed
}

/** `isthmus policy trace`: which verdict, and which rule gives it; by a gateway, or offline by snapshots. */
export function policyTraceCommand(context: CliContext, finish: Finish): Command {
  return new Command('trace')
    .description('what becomes of a flow, and which rule decides')
    .option('--from <address>', 'its source, or the name of an endpoint (NAMESPACE/POD)')
    .option('--to <address>', 'its destination, or such a name')
    .option('--protocol <name>', 'tcp, udp, sctp, icmp, icmpv6 or a number')
    .option('--port <port>', 'destination port')
    .option('--source-port <port>', 'source port')
    .option('--type <n>', 'ICMP type')
    .option('--code <n>', 'ICMP code')
    .option('--flows <file>', 'many flows instead, a JSON object a line; an answer a line')
    .option('--snapshot <path...>', 'ask no gateway: judge by these snapshots')
    .option(...policyOption)
    .option(...configOption)
    .addOption(outputOption(['table', 'json']))
    .action(async (options: TraceOptions, command: Command) => {
      const {from, to, protocol, port, sourcePort, type, code, flows, snapshot} = options
      const single = {from, to, protocol, port, sourcePort, type, code}
      const some = Object.values(single).some((value) => value !== undefined)
      if (some === (flows !== undefined)) command.error('error: either --from, --to, --protocol … or --flows FILE')
      if (options.policy && !snapshot) command.error('error: --policy goes with --snapshot')
      const tracer = snapshot
        ? await offlineTracer(context, {...options, snapshot}, flows === undefined)
        : onlineTracer(context, command.optsWithGlobals().socket, flows === undefined)
      if (typeof tracer === 'number') return finish(tracer)
      if (flows === undefined) finish(await traceOne(context, tracer, single, options.output))
      else finish(await traceFile(context, tracer, flows))
    })
}

async function traceOne(
  context: CliContext,
  {trace, find}: Tracer,
  flow: {readonly from: string | undefined; readonly to: string | undefined},
  output: Format,
): Promise<ExitStatus> {
  const {from, to} = flow
  const ends = from === undefined || to === undefined ? flow : await flowEnds({from, to}, find)
  if (typeof ends === 'number') return ends
  const result = typeof ends === 'string' ? {problem: ends} : await trace({...flow, ...ends})
  if (typeof result === 'number') return result
  if ('problem' in result) {
    context.err(`${result.problem}\n`)
    return EXIT.usage
  }
  context.out(`${output === 'json' ? JSON.stringify(result.answer) : describe(result.answer)}\n`)
  return EXIT.fine
}

/** Stops at the first flow that makes no sense: answers must stay beside their flows. */
async function traceFile(context: CliContext, tracer: Tracer, file: string): Promise<ExitStatus> {
  let text: string
  try {
    text = await readInput(file)
  } catch (error) {
    context.err(`${error instanceof Error ? error.message : String(error)}\n`)
    return EXIT.usage
  }
  // A write for each line would be most of the time of a million flows.
  let answers: string[] = []
  const write = (): void => {
    if (answers.length > 0) context.out(`${answers.join('\n')}\n`)
    answers = []
  }
  for (const [number, line] of linesOf(text)) {
    if (line.trim() === '') continue
    const given = tracer.trace(parseLine(line))
    const result = given instanceof Promise ? await given : given
    if (typeof result === 'number' || 'problem' in result) {
      write()
      if (typeof result === 'number') return result
      context.err(`${file}:${number}: ${result.problem}\n`)
      return EXIT.usage
    }
    answers.push(JSON.stringify(result.answer))
    if (answers.length === ANSWERS_A_WRITE) write()
  }
  write()
  return EXIT.fine
}

const ANSWERS_A_WRITE = 4096

function* linesOf(text: string): Generator<[number: number, line: string]> {
  let start = 0
  for (let number = 1; start <= text.length; number++) {
    const end = text.indexOf('\n', start)
    yield [number, text.slice(start, end < 0 ? undefined : end)]
    if (end < 0) return
    start = end + 1
  }
}

/** What is no JSON stays a text, which no flow is. */
function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return line
  }
}

function onlineTracer(context: CliContext, socketPath: string, single: boolean): Tracer {
  const api = context.api(socketPath)
  return {
    async trace(flow) {
      const answer = await api.trace(flow, single)
      if (answer.ok) return {answer: answer.value}
      return answer.code === 'bad-request' ? {problem: answer.message} : explain(context, socketPath, answer)
    },
    async find(name) {
      const answer = await api.get('endpoints', name)
      if (answer.ok) return answer.value.items
      return answer.code === 'not-found' ? [] : explain(context, socketPath, answer)
    },
  }
}

/** A single flow is told with its stations, flows of a file without: a line each. */
async function offlineTracer(
  context: CliContext,
  options: OfflineOptions,
  single: boolean,
): Promise<Tracer | ExitStatus> {
  const offline = await readOffline(context, options)
  if (!offline) return EXIT.finding
  const {prepareTracer, traceStations, translatedEnds} = await import('../../policy/index.ts')
  const tracer = prepareTracer(offline.world, offline.config.default)
  const translated = translatedEnds(offline.world.sites)
  const trace: Tracer['trace'] = (flow) => {
    if (!isFlow(flow)) return {problem: 'a flow is an object with from, to and protocol'}
    const traced: Explanation = single ? traceStations(tracer, offline.ownCalico, flow, translated) : tracer.trace(flow)
    if (!traced.ok) return {problem: `${traced.field}: ${traced.message}`}
    const [{line, stations}, ends] = [traced, translated(flow)]
    if (!stations && ends.length === 0) return {answer: line}
    return {answer: {...line, ...(ends.length > 0 ? {translated: ends} : {}), ...(stations ? {stations} : {})}}
  }
  return {trace, find: async (name) => namedIn(offline.world, name)}
}

/** Enough of a flow that `parseFlow` can say what is wrong with the rest. */
function isFlow(value: unknown): value is Flow {
  if (typeof value !== 'object' || value === null) return false
  const {from, to, protocol}: Partial<Record<keyof Flow, unknown>> = value
  return (
    typeof from === 'string' && typeof to === 'string' && (typeof protocol === 'string' || typeof protocol === 'number')
  )
}

/** The verdict, then each station with every rule that it went through. */
function describe(answer: TraceAnswer): string {
  const lines = (answer.stations ?? []).flatMap(({station, site, verdict, why, rules}) => [
    `${STATIONS[station]}${site === null ? '' : ` (site ${site})`}: ${verdict}: ${why}`,
    ...rules.map(({kind, tier, policy, rule, action, passedOver}) => {
      const which = `${kind} ${policy}${tier === null ? '' : ` in tier ${tier}`}${rule === null ? '' : `, rule ${rule}`}`
      return `    ${which}: ${passedOver === null ? action : `passed over (${action}): ${passedOver}`}`
    }),
  ])
  const translated = (answer.translated ?? []).map(
    ({address, site, real}) => `${address} is site ${site}'s own ${real}, translated at this gateway`,
  )
  return [describeJudgement(answer), ...translated, ...lines].join('\n')
}

const STATIONS: Readonly<Record<Station['station'], string>> = {
  'source-own': "source's own policies",
  egress: 'global egress, at both gateways',
  ingress: 'global ingress, at both gateways',
  'destination-own': "destination's own policies",
}
