import {readFile} from 'node:fs/promises'
import {Command} from 'commander'
import {type Finding, formatFinding} from '../../model/index.ts'
import type {Flow} from '../../policy/index.ts'
import {type CliContext, DEFAULT_CONFIG, EXIT, type ExitStatus, explain} from '../context.ts'
import {type Format, outputOption} from '../output.ts'
import {readGatewayConfig} from '../read-config.ts'
import {readSnapshots} from '../read-snapshots.ts'
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
  readonly config: string
  readonly output: Format
}

type TraceAnswer = Readonly<Record<string, unknown>>
/** Answers one flow as it was given; a number instead: the status with which to give up. */
type Tracer = (flow: unknown) => Promise<{readonly answer: TraceAnswer} | {readonly problem: string} | ExitStatus>

/** `isthmus policy trace`: which verdict, and which rule gives it; by a gateway, or offline by snapshots. */
export function policyTraceCommand(context: CliContext, finish: Finish): Command {
  return new Command('trace')
    .description('what becomes of a flow, and which rule decides')
    .option('--from <address>', 'its source')
    .option('--to <address>', 'its destination')
    .option('--protocol <name>', 'tcp, udp, sctp, icmp, icmpv6 or a number')
    .option('--port <port>', 'destination port')
    .option('--source-port <port>', 'source port')
    .option('--type <n>', 'ICMP type')
    .option('--code <n>', 'ICMP code')
    .option('--flows <file>', 'many flows instead, a JSON object a line; an answer a line')
    .option('--snapshot <path...>', 'ask no gateway: judge by these snapshots')
    .option('--config <file>', 'the configuration, for --snapshot', DEFAULT_CONFIG)
    .addOption(outputOption(['table', 'json']))
    .action(async (options: TraceOptions, command: Command) => {
      const {from, to, protocol, port, sourcePort, type, code, flows, snapshot} = options
      const single = {from, to, protocol, port, sourcePort, type, code}
      const some = Object.values(single).some((value) => value !== undefined)
      if (some === (flows !== undefined)) command.error('error: either --from, --to, --protocol … or --flows FILE')
      const tracer = snapshot
        ? await offlineTracer(context, options.config, snapshot)
        : onlineTracer(context, command.optsWithGlobals().socket)
      if (typeof tracer === 'number') return finish(tracer)
      if (flows === undefined) finish(await traceOne(context, tracer, single, options.output))
      else finish(await traceFile(context, tracer, flows))
    })
}

async function traceOne(context: CliContext, tracer: Tracer, flow: object, output: Format): Promise<ExitStatus> {
  const result = await tracer(flow)
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
    text = await readFile(file === '-' ? '/dev/stdin' : file, 'utf8')
  } catch (error) {
    context.err(`${error instanceof Error ? error.message : String(error)}\n`)
    return EXIT.usage
  }
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const result = await tracer(parseLine(line))
    if (typeof result === 'number') return result
    if ('problem' in result) {
      context.err(`${file}:${index + 1}: ${result.problem}\n`)
      return EXIT.usage
    }
    context.out(`${JSON.stringify(result.answer)}\n`)
  }
  return EXIT.fine
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

function onlineTracer(context: CliContext, socketPath: string): Tracer {
  const api = context.api(socketPath)
  return async (flow) => {
    const answer = await api.trace(flow)
    if (answer.ok) return {answer: answer.value}
    return answer.code === 'bad-request' ? {problem: answer.message} : explain(context, socketPath, answer)
  }
}

async function offlineTracer(
  context: CliContext,
  configFile: string,
  paths: readonly string[],
): Promise<Tracer | ExitStatus> {
  const tell = (findings: readonly Finding[]): void => {
    for (const finding of findings) context.err(`${formatFinding(finding)}\n`)
  }
  const {config, findings} = await readGatewayConfig(configFile)
  tell(findings)
  if (!config) return EXIT.finding
  const {files, findings: unread} = await readSnapshots(paths)
  tell(unread)
  if (files.length === 0) return EXIT.finding
  const [{worldOf}, {trace}] = await Promise.all([import('../offline-world.ts'), import('../../policy/index.ts')])
  const {world, findings: left} = worldOf(config, files)
  tell(left)
  tell(world.findings)
  return async (flow) => {
    if (!isFlow(flow)) return {problem: 'a flow is an object with from, to and protocol'}
    const traced = trace(world, config.default, flow)
    return traced.ok ? {answer: {...traced.line}} : {problem: `${traced.field}: ${traced.message}`}
  }
}

/** Enough of a flow that `parseFlow` can say what is wrong with the rest. */
function isFlow(value: unknown): value is Flow {
  if (typeof value !== 'object' || value === null) return false
  const {from, to, protocol}: Partial<Record<keyof Flow, unknown>> = value
  return (
    typeof from === 'string' && typeof to === 'string' && (typeof protocol === 'string' || typeof protocol === 'number')
  )
}

/** One line for people: `deny: rule 0 of GlobalNetworkPolicy db in tier default (ingress at site b)`. */
function describe({verdict, reason, direction, site, kind, tier, policy, rule}: TraceAnswer): string {
  const where = direction === null || direction === undefined ? '' : ` (${direction} at site ${site})`
  const which =
    reason === 'rule'
      ? `${rule === null ? 'a policy that cannot be read whole, ' : `rule ${rule} of `}${kind} ${policy} in tier ${tier}`
      : reason === 'tier'
        ? `the end of tier ${tier}`
        : reason === 'default'
          ? 'no policy decides, the default'
          : 'neither address belongs to a site'
  return `${verdict}: ${which}${where}`
}
