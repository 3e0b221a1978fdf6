import type {PeerRow} from '../api/index.ts'
import {sessionKind, sessionName} from '../model/index.ts'
import type {BgpSessionState} from '../observe/index.ts'
import {nodeRows} from './node-rows.ts'
import type {Runtime} from './runtime.ts'

type Peered = Pick<Runtime, 'config' | 'last' | 'monitor' | 'world'>

/** How `get peers` names whom a session is with; for a session that is no longer configured, none. */
export function peerNames({
  config,
  last,
  world,
}: Pick<Runtime, 'config' | 'last' | 'world'>): ReadonlyMap<string, string> {
  return new Map([
    ...(last()?.planned?.desired.tunnels ?? []).map(({session, id}): [string, string] => [session, id]),
    ...config.peers.map(({name}): [string, string] => [sessionName('wan', name, name), name]),
    ...nodeRows(world(), config).flatMap(({name, sessions}) =>
      sessions.map((session): [string, string] => [session, name]),
    ),
  ])
}

/** Every neighbour that is configured, found or planned, whether BIRD has a session with it or not; sorted. */
export function peerRows(runtime: Peered): PeerRow[] {
  const {config, last, monitor} = runtime
  const router = monitor.router()
  const bfd = new Map(router?.bfd.map(({neighbor, device, up}) => [`${neighbor} ${device ?? ''}`, up]))
  const tunnels = new Map(last()?.planned?.desired.tunnels.map((tunnel) => [tunnel.session, tunnel]))
  const names = new Map(peerNames(runtime))
  for (const {name} of router?.sessions ?? []) {
    if (!names.has(name)) names.set(name, sessionKind(name) === 'twin' ? (config.twin ?? name) : name)
  }
  const states = new Map(router?.sessions.map((session) => [session.name, session]))
  const rows = [...names].map(([session, name]): PeerRow => {
    const tunnel = tunnels.get(session)
    const wan = config.peers.find((peer) => sessionName('wan', peer.name, peer.name) === session)
    const state = states.get(session) ?? null
    const address = state?.neighbor ?? tunnel?.peer ?? wan?.address ?? ''
    return {
      name,
      kind: sessionKind(session) ?? 'wan',
      session,
      address,
      as: state?.as ?? wan?.as ?? null,
      bfd: (tunnel ? bfd.get(`${address} ${tunnel.device}`) : undefined) ?? bfdWith(address, bfd) ?? null,
      ...ofSession(state),
    }
  })
  return rows.sort((a, b) => (`${a.kind} ${a.name}` < `${b.kind} ${b.name}` ? -1 : 1))
}

const ofSession = (state: BgpSessionState | null) => ({
  state: state?.state ?? 'absent',
  up: state?.up ?? false,
  since: state?.sinceMs == null ? null : new Date(state.sinceMs).toISOString(),
  received: state?.received ?? 0,
  accepted: state?.imported ?? 0,
  filtered: state?.filtered ?? 0,
  exported: state?.exported ?? 0,
  limit: state?.maxPrefixes ?? null,
  overLimit: state?.limitHit != null,
  lastError: state?.lastError ?? null,
})

/** Of a neighbour that is on one device, or behind several hops. */
function bfdWith(address: string, bfd: ReadonlyMap<string, boolean>): boolean | undefined {
  for (const [key, up] of bfd) if (key.startsWith(`${address} `)) return up
  return undefined
}
