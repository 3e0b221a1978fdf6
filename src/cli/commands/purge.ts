import {rm} from 'node:fs/promises'
import path from 'node:path'
import {Command} from 'commander'
import {type Finding, formatFinding, type GatewayConfig} from '../../model/index.ts'
import {type CliContext, DEFAULT_CONFIG, EXIT, type ExitStatus} from '../context.ts'
import {type Format, outputOption} from '../output.ts'
import type {Trace} from '../purge/traces.ts'
import {readGatewayConfig} from '../read-config.ts'
import type {Finish} from '../run-cli.ts'
import {printRowsOfSite} from '../site-answer.ts'
import type {Row} from '../site-folder.ts'

interface PurgeOptions {
  readonly config: string
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly state?: boolean
  readonly datastore?: boolean
  readonly output: Format
}

/** `isthmus purge`: takes all of Isthmus off this machine; traffic between sites ends. Safe to run again. */
export function purgeCommand(context: CliContext, finish: Finish): Command {
  return new Command('purge')
    .description('take everything of Isthmus off this machine; traffic between sites ends')
    .option('--dry-run', 'say what would be removed, and remove nothing')
    .option('--yes', 'do it')
    .option('--state', 'also the state folder: keys, last known state, versions of the configuration')
    .option('--datastore', 'also what Isthmus made in the datastores of the site, as `isthmus site leave` does')
    .option('--config <file>', "the gateway's configuration", DEFAULT_CONFIG)
    .addOption(outputOption(['table', 'json', 'yaml']))
    .action(async (options: PurgeOptions, command: Command) => {
      const {dryRun = false, yes = false, output} = options
      if (context.remote?.())
        command.error('error: it is done on the gateway itself: not with --url', {exitCode: EXIT.usage})
      if (dryRun === yes) command.error('error: say --dry-run to see what would go, or --yes', {exitCode: EXIT.usage})
      if (yes && process.getuid?.() !== 0) command.error('error: only root can remove it', {exitCode: EXIT.usage})
      const {config, findings: wrong} = await readGatewayConfig(options.config)
      for (const finding of wrong) context.err(`${formatFinding(finding)}\n`)
      if (!config) return finish(EXIT.finding)
      const {rows, findings} = await purge(context, config, {...options, dryRun})
      await printRowsOfSite(context, output, rows, findings, dryRun)
      finish(statusOf(findings))
    })
}

const statusOf = (findings: readonly Finding[]): ExitStatus =>
  findings.length === 0
    ? EXIT.fine
    : findings.every(({code}) => code === 'etcd-unreachable')
      ? EXIT.unreachable
      : EXIT.finding

interface Purged {
  readonly rows: readonly Row[]
  readonly findings: readonly Finding[]
}

/** Nothing goes while a daemon would make it anew, or where a datastore that is to be left does not answer. */
async function purge(
  context: CliContext,
  config: GatewayConfig,
  {dryRun, state = false, datastore = false}: Pick<PurgeOptions, 'state' | 'datastore'> & {readonly dryRun: boolean},
): Promise<Purged> {
  const socket = path.join(config.paths.run, 'api.sock')
  if ((await context.api(socket).status()).ok) return {rows: [], findings: [inUse(socket)]}
  const {kernelTraces} = await import('../purge/traces.ts')
  const traces = [...(await kernelTraces(config)), ...(await folders(config, state))]
  const left = datastore ? await leave(config, dryRun) : NOTHING
  if (left.findings.length > 0) return left
  const rows: Row[] = [...left.rows]
  const findings: Finding[] = []
  for (const {what, action, reason, remove} of traces) {
    rows.push({what, action, reason})
    if (dryRun || remove === null) continue
    context.progress(what)
    try {
      await remove()
    } catch (error) {
      findings.push({
        ...{code: 'kernel-refused', severity: 'error', where: {source: 'kernel', key: what}},
        detail: error instanceof Error ? error.message.trim() : String(error),
      })
    }
  }
  if (rows.length === 0) rows.push({what: 'this machine', action: 'keep', reason: 'nothing of Isthmus is on it'})
  return {rows, findings}
}

const NOTHING: Purged = {rows: [], findings: []}

async function leave(config: GatewayConfig, dryRun: boolean): Promise<Purged> {
  const {leaveOwnSite} = await import('../leave-own-site.ts')
  return await leaveOwnSite(config, dryRun)
}

async function folders({paths}: GatewayConfig, withState: boolean): Promise<Trace[]> {
  const {isThere} = await import('../purge/traces.ts')
  const traces: Trace[] = []
  for (const [folder, what, holds, goes] of [
    [paths.run, 'run folder', 'sockets', true],
    [paths.state, 'state folder', 'keys and what was known', withState],
  ] as const) {
    if (!(await isThere(folder))) continue
    // A folder of its own, and no part of the machine.
    const remove = goes && path.dirname(path.resolve(folder)) !== '/' ? () => rm(folder, {recursive: true}) : null
    const reason = goes ? holds : `${holds}: --state removes it too`
    traces.push({what: `${what} ${folder}`, action: remove ? 'remove' : 'keep', reason, remove})
  }
  return traces
}

const inUse = (socket: string): Finding => ({
  code: 'site-in-use',
  severity: 'error',
  where: {source: `socket ${socket}`},
  detail: 'the daemon runs, and would make anew what is removed',
  remedy: 'isthmus drain; systemctl stop isthmus; and run this again',
})
