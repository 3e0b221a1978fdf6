import type {ApiClient, Rows} from '../../api/client.ts'
import {type GatewayConfig, neighborsTo} from '../../model/index.ts'
import type {EchoAnswer} from '../../probe/index.ts'
import type {CliContext} from '../context.ts'
import {allowedSource} from '../path/legs.ts'
import {judgeRestart, judgeTunnelLoss, type StreamFacts} from './judge-disruption.ts'
import type {Proof} from './proof.ts'
import type {Tools} from './tools.ts'

/** What is disrupted, and what it is measured with. */
export interface Disruptor {
  readonly context: CliContext
  readonly api: ApiClient
  readonly config: GatewayConfig
  readonly sites: readonly string[]
  readonly endpoints: ReadonlyMap<string, readonly Rows['endpoints'][]>
  readonly tools: Tools
}

const EVERY_MS = 10
/** Longer than a graceful restart lasts where every neighbour comes back. */
const STREAM_MS = 15_000
/** What is taken down or restarted must be back within this. */
export const BOUND_MS = 30_000
const LOOK_MS = 200
/** The stream runs before something happens to it. */
const LEAD_MS = 1000

/** Takes things down one after the other, and looks whether they come back, and what was lost meanwhile. */
export async function disrupt(disruptor: Disruptor): Promise<Proof[]> {
  return [
    await loseTunnel(disruptor),
    await restartUnit(disruptor, 'bird', 'restart of BIRD', (before) => sessionsAreBack(disruptor, before)),
    await restartUnit(disruptor, 'isthmus', 'restart of the daemon', (before) => daemonIsBack(disruptor, before)),
  ]
}

async function loseTunnel(disruptor: Disruptor): Promise<Proof> {
  const {context, api, config, sites, tools} = disruptor
  const check = 'loss of a tunnel'
  const status = await api.status()
  const tunnels = status.ok ? status.value.tunnels.filter(({up}) => up) : []
  const remotes = [...config.sites.values()].filter(({name}) => sites.includes(name))
  const found = remotes.flatMap((remote) => {
    const neighbors: readonly string[] = neighborsTo(remote)
    const own = tunnels.filter(({site}) => neighbors.includes(site))
    return own.length === 0 ? [] : [{site: remote.name, tunnel: own[0]!, others: own.length - 1}]
  })
  // Where there is another way, what goes by it can be measured.
  const chosen = found.toSorted((a, b) => b.others - a.others)[0]
  if (!chosen) {
    const evidence = ['no tunnel is up']
    return {site: sites.join(','), check, result: 'unknown', evidence, next: 'isthmus get tunnels'}
  }
  const {site, tunnel, others} = chosen
  const {device} = tunnel
  context.progress(`${device} goes down`)
  const stream = others > 0 ? await startStream(disruptor, [site]) : null
  if (stream) await context.clock.sleep(LEAD_MS)
  const down = await tools.tool('ip', 'link', 'set', 'dev', device, 'down')
  if (!down.ok) return {site, check, result: 'unknown', evidence: [`ip: ${down.said}`], next: 'run it as root'}
  const backMs = await until(context, () => tunnelIsBack(disruptor, tunnel))
  // Whatever the daemon does, nothing is left down by us.
  if (backMs === null) await tools.tool('ip', 'link', 'set', 'dev', device, 'up')
  const loss = stream ? await stream.ended : null
  return judgeTunnelLoss({site, tunnel, others, backMs, loss})
}

async function tunnelIsBack(
  {context, api, tools}: Disruptor,
  {name, device, local, peer}: Rows['tunnels'],
): Promise<boolean> {
  const {ok, said} = await tools.tool('ip', '-j', 'link', 'show', 'dev', device)
  const [link] = ok ? (JSON.parse(said) as {flags?: string[]}[]) : []
  if (!link?.flags?.includes('UP')) return false
  const {received} = await tools.echo({target: peer, source: local, device, count: 1}, context.until)
  const status = await api.status()
  return received > 0 && status.ok && status.value.tunnels.some((one) => one.name === name && one.up)
}

async function restartUnit(
  disruptor: Disruptor,
  unit: string,
  check: string,
  isBack: (before: readonly string[]) => Promise<boolean>,
): Promise<Proof> {
  const {context, api, sites, tools} = disruptor
  const proof = {site: 'all', check}
  const why = await notOfSystemd(tools, unit)
  if (why !== null) return {...proof, result: 'skipped', evidence: [why], next: null}
  const stream = await startStream(disruptor, sites)
  const [status, peers] = await Promise.all([api.status(), api.get('peers', null, {limit: 0})])
  if (!status.ok || !peers.ok) {
    return {...proof, result: 'unknown', evidence: ['the gateway does not answer'], next: 'isthmus status'}
  }
  const up = peers.value.items.flatMap((peer) => (peer.up ? [peer.session] : []))
  const before = unit === 'bird' ? up : [status.value.startedAt]
  await context.clock.sleep(LEAD_MS)
  context.progress(check)
  const restarted = await tools.tool('systemctl', 'restart', unit)
  if (!restarted.ok) {
    const evidence = [`systemctl restart ${unit}: ${restarted.said}`]
    return {...proof, result: 'failed', evidence, next: `systemctl status ${unit}`}
  }
  const backMs = await until(context, () => isBack(before))
  return judgeRestart({...proof, unit, backMs, loss: await stream.ended})
}

async function sessionsAreBack({api}: Disruptor, before: readonly string[]): Promise<boolean> {
  const peers = await api.get('peers', null, {limit: 0})
  return peers.ok && before.every((name) => peers.value.items.some(({session, up}) => session === name && up))
}

async function daemonIsBack({api}: Disruptor, [startedAt]: readonly string[]): Promise<boolean> {
  const status = await api.status()
  return status.ok && status.value.ready && status.value.startedAt !== startedAt
}

/** Why a unit is not restarted; null: systemd runs it, in the network that we are in. */
async function notOfSystemd({tool}: Tools, unit: string): Promise<string | null> {
  const {ok, said} = await tool('systemctl', 'show', unit, '--property', 'ActiveState,MainPID')
  const pid = /^MainPID=([1-9]\d*)$/m.exec(said)?.[1]
  if (!ok || !/^ActiveState=active$/m.test(said) || pid === undefined) return `systemd does not run ${unit} here`
  const [ours, its] = [await tool('readlink', '/proc/self/ns/net'), await tool('readlink', `/proc/${pid}/ns/net`)]
  return ours.ok && its.ok && ours.said === its.said ? null : `the ${unit} of systemd is not in this network namespace`
}

/** Pings an endpoint that policy lets this gateway speak with, a hundred a second, for as long as a restart lasts. */
async function startStream(
  {context, api, endpoints, tools}: Disruptor,
  sites: readonly string[],
): Promise<{readonly ended: Promise<StreamFacts>}> {
  for (const site of sites) {
    for (const {address} of (endpoints.get(site) ?? []).slice(0, MOST_TRIED)) {
      const {address: source} = await allowedSource(api, tools.addresses(), address)
      if (source === null) continue
      const ask = (count: number): Promise<EchoAnswer> =>
        tools.echo({target: address, source, count, everyMs: EVERY_MS}, context.until)
      // Not everybody answers, and of one who never does nothing can be learnt.
      if ((await ask(1)).received === 0) continue
      return {ended: ask(STREAM_MS / EVERY_MS).then((answer) => ({target: address, answer}))}
    }
  }
  return {ended: Promise.resolve({why: 'no endpoint that this gateway may speak with answers'})}
}

const MOST_TRIED = 10

/** How long something takes; null: it did not come about in time. */
async function until({clock}: CliContext, holds: () => Promise<boolean>): Promise<number | null> {
  const began = performance.now()
  for (;;) {
    const holdsNow = await holds()
    const ms = Math.round(performance.now() - began)
    if (holdsNow) return ms
    if (ms > BOUND_MS) return null
    await clock.sleep(LOOK_MS)
  }
}
