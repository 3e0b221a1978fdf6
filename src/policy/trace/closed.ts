import type {SiteName, World} from '../../model/index.ts'
import {prefixContainsAddress} from '../../net/index.ts'
import type {Packet} from '../oracle/index.ts'
import type {Answer} from './trace.ts'
import {type Tracer, traceWith} from './tracer.ts'

/**
 * The same tracer at a gateway where sites may be closed: of their granted prefixes no packet passes, either way, whatever
 * policy says. What policy says can still be asked and explained.
 */
export function withClosed(tracer: Tracer, sites: World['sites']): Tracer {
  const closed = [...sites.values()].filter(({presence}) => presence !== 'open')
  if (closed.length === 0) return tracer
  const closedAt = ({from, to}: Packet): SiteName | null =>
    closed.find(({granted}) =>
      granted.some((prefix) => prefixContainsAddress(prefix, from) || prefixContainsAddress(prefix, to)),
    )?.name ?? null
  const answer = (packet: Packet): Answer => {
    const site = closedAt(packet)
    return site === null ? tracer.judge(packet) : {...NOTHING, verdict: 'deny', reason: 'closed', site}
  }
  return {...tracer, trace: (flow) => traceWith(answer, flow)}
}

const NOTHING = {direction: null, kind: null, tier: null, policy: null, rule: null} as const
