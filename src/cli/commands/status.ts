import {Command} from 'commander'
import type {GatewayStatus, Kind, Rows} from '../../api/client.ts'
import {formatFinding} from '../../model/index.ts'
import {columnsAt} from '../columns.ts'
import {type CliContext, EXIT, explain} from '../context.ts'
import {type Format, outputOption, printValue} from '../output.ts'
import {painterOf} from '../paint.ts'
import type {Finish} from '../run-cli.ts'
import {ageOf, formatTable} from '../table.ts'

/** `isthmus status`: the gateway at a glance; findings go to stderr. */
export function statusCommand(context: CliContext, finish: Finish): Command {
  return new Command('status')
    .description('the gateway at a glance')
    .addOption(outputOption())
    .action(async ({output}: {output: Format}, command: Command) => {
      const socketPath: string = command.optsWithGlobals().socket
      const answer = await context.api(socketPath).status()
      if (!answer.ok) return finish(explain(context, socketPath, answer))
      const status = answer.value
      if (output === 'name') context.out(`gateway/${status.site}/${status.gateway}\n`)
      else if (!(await printValue(context, output, status))) printSections(context, status, output === 'wide')
      finish(EXIT.fine)
    })
}

function printSections(context: CliContext, status: GatewayStatus, wide: boolean): void {
  const nowMs = context.clock.nowMs()
  const {site, gateway, version, startedAt, ready, waitingFor, reconcile, nft} = status
  const state = ready ? 'ready' : `not ready, waits for ${waitingFor ?? 'its first pass'}`
  context.out(`gateway ${gateway} of site ${site}: ${state} (isthmus ${version}, up ${ageOf(startedAt, nowMs)})\n`)
  if (status.drainingSince !== null) {
    context.out(`draining for ${ageOf(status.drainingSince, nowMs)}: others are asked to use another way\n`)
  }
  const last = reconcile.lastSuccess === null ? 'never' : `${ageOf(reconcile.lastSuccess, nowMs)} ago`
  const duration = reconcile.durationMs === null ? '' : `, ${Math.round(reconcile.durationMs)} ms`
  const dirty = reconcile.dirty ? ', something is left undone' : ''
  context.out(`last complete pass ${last}${duration}, ${reconcile.errors} errors since start${dirty}\n`)
  context.out(`export: ${leadText(status)}\n`)
  const generation = nft.generation === null ? '-' : String(nft.generation)
  const drops = nft.drops.reduce((sum, {packets}) => sum + packets, 0)
  context.out(
    `policy in force: ${nft.classes} classes, ${nft.verdictEntries} verdicts, ${nft.chains} chains, generation ${generation}, ${drops} packets dropped\n`,
  )
  context.out(`fast path: ${fastPathText(nft)}\n`)

  const columns = columnsAt(nowMs)
  const paint = painterOf(context)
  const section = <K extends Kind>(kind: K, rows: readonly Rows[K][]): void => {
    context.out(
      rows.length === 0 ? `\n${kind}: none\n` : `\n${kind}\n${formatTable(columns[kind], rows, {wide, paint})}`,
    )
  }
  section('tunnels', status.tunnels)
  section('sessions', status.sessions)
  section('datastores', status.datastores)
  section('sites', status.sites)
  section('policies', status.policies)
  for (const error of reconcile.lastErrors) context.err(`undone: ${error}\n`)
  for (const finding of status.findings) context.err(`${formatFinding(finding)}\n`)
}

function leadText({export: {leader, leads, leaseAgeSeconds, lastError}}: GatewayStatus): string {
  const who = leads ? 'this gateway leads' : leader === null ? 'no gateway leads' : `${leader} leads`
  const lease = leaseAgeSeconds === null ? 'no lease' : `lease confirmed ${Math.round(leaseAgeSeconds)} s ago`
  return [who, lease, ...(lastError === null ? [] : [lastError])].join(', ')
}

function fastPathText({fastPath}: GatewayStatus['nft']): string {
  const {devices, packets, judgedPackets, judges, missing} = fastPath
  if (missing !== null) return `none here: ${missing}`
  if (devices === 0) return 'off'
  return `${devices} devices, ${packets} packets, ${judgedPackets} of them judged there${judges ? '' : '; the rules judge now'}`
}
