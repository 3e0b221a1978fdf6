import {Counter, Gauge, type Registry} from 'prom-client'
import {beganLater} from '../../model/index.ts'
import type {RouterState} from './read.ts'

export interface BirdMetrics {
  /** Sets everything from one reading; a session that is gone leaves no series behind. */
  set(state: RouterState): void
}

/**
 * BIRD's part of /metrics. `kind` of a session is `tunnel`, `wan` or `node`; of prefixes, what became of them. `aheadMs`: how far the
 * clock that BIRD tells times by is before one that nobody sets.
 */
export function createBirdMetrics(register: Registry, aheadMs = () => Date.now() - performance.now()): BirdMetrics {
  const registers = [register]
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]): Gauge<L> =>
    new Gauge({name, help, labelNames, registers})
  const up = gauge('isthmus_bird_up', 'Whether BIRD answers on its control socket', [])
  const sessionUp = gauge('isthmus_bgp_session_up', 'Whether a BGP session is established', [
    'neighbor',
    'session',
    'kind',
  ])
  const established = gauge(
    'isthmus_bgp_session_established_timestamp_seconds',
    'Since when an established BGP session is so',
    ['neighbor', 'session'],
  )
  const restarting = gauge(
    'isthmus_bgp_session_graceful_restart',
    'Whether the neighbour is away and its routes are kept until it is back',
    ['neighbor', 'session'],
  )
  const prefixes = gauge('isthmus_bgp_prefixes', 'Prefixes of a BGP session by what became of them', [
    'neighbor',
    'session',
    'kind',
  ])
  const overLimit = gauge(
    'isthmus_bgp_session_over_limit',
    'Whether the neighbour announces more prefixes than it may',
    ['neighbor', 'session'],
  )
  const limit = gauge('isthmus_bgp_session_prefix_limit', 'Prefixes that the neighbour may announce', [
    'neighbor',
    'session',
  ])
  const flaps = new Counter({
    name: 'isthmus_bgp_session_flaps_total',
    help: 'Times that an established BGP session was lost, as far as it was seen',
    labelNames: ['neighbor', 'session'],
    registers,
  })
  const bfdUp = gauge('isthmus_bfd_session_up', 'Whether a BFD session is up', ['neighbor', 'device'])
  const bfdDetect = gauge('isthmus_bfd_detect_time_seconds', 'Silence after which a BFD session is down', [
    'neighbor',
    'device',
  ])
  const routes = gauge('isthmus_bird_routes', 'Routes in a routing table of BIRD', ['table'])
  const sinceWhenUp = new Map<string, number | null>()

  function countFlaps(state: RouterState): void {
    const ahead = aheadMs()
    for (const {name: session, neighbor, up: isUp, sinceMs} of state.sessions) {
      const before = sinceWhenUp.get(session)
      const since = sinceMs === null ? null : sinceMs - ahead
      // Up before and up now with a later beginning: lost and back between two readings.
      const isLost = before !== undefined && (!isUp || beganLater(since, before))
      flaps.inc({neighbor, session}, isLost ? 1 : 0)
      if (isUp) sinceWhenUp.set(session, since)
      else sinceWhenUp.delete(session)
    }
  }

  return {
    set(state) {
      up.set(state.up ? 1 : 0)
      for (const each of [sessionUp, established, restarting, prefixes, overLimit, limit, bfdUp, bfdDetect, routes])
        each.reset()
      countFlaps(state)
      for (const session of state.sessions) {
        const labels = {neighbor: session.neighbor, session: session.name}
        sessionUp.set({...labels, kind: session.kind}, session.up ? 1 : 0)
        overLimit.set(labels, session.limitHit ? 1 : 0)
        if (session.maxPrefixes !== null) limit.set(labels, session.maxPrefixes)
        restarting.set(labels, session.gracefulRestart ? 1 : 0)
        if (session.up && session.sinceMs !== null) established.set(labels, session.sinceMs / 1000)
        prefixes.set({...labels, kind: 'received'}, session.received)
        prefixes.set({...labels, kind: 'accepted'}, session.imported)
        prefixes.set({...labels, kind: 'filtered'}, session.filtered)
        prefixes.set({...labels, kind: 'exported'}, session.exported)
        prefixes.set({...labels, kind: 'preferred'}, session.preferred)
      }
      for (const {neighbor, device, up: isUp, detectSeconds} of state.bfd) {
        bfdUp.set({neighbor, device: device ?? ''}, isUp ? 1 : 0)
        bfdDetect.set({neighbor, device: device ?? ''}, detectSeconds)
      }
      for (const [table, count] of state.routes) routes.set({table}, count)
    },
  }
}
