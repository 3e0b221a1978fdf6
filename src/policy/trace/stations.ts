import type {Direction, SiteName} from '../../model/index.ts'
import type {Address} from '../../net/index.ts'
import {type CalicoView, judgeOwn, type OwnJudgement, type Packet, type RuleNote} from '../oracle/index.ts'
import type {Flow} from './flow.ts'
import {parseFlow} from './flow.ts'
import type {Traced} from './trace.ts'
import type {Explained, Tracer} from './tracer.ts'
import type {Translated, TranslatedEnd} from './translated.ts'

/** One place that judges a flow, in the order in which the flow meets them. */
export interface Station {
  readonly station: 'source-own' | 'egress' | 'ingress' | 'destination-own'
  readonly site: string | null
  readonly verdict: 'allow' | 'deny' | 'unknown'
  /** What decides, or why nothing is known. */
  readonly why: string
  /** Every rule up to the one that decides, with why it was passed over. */
  readonly rules: readonly RuleNote[]
}

/** The Calico datastores of a site, as far as these addresses can meet them, by name. Empty: none of them has been read. */
export type OwnCalico = (site: SiteName, addresses: readonly Address[]) => ReadonlyMap<string, CalicoView>

export type Explanation = Traced & {readonly stations?: readonly Station[]}

const NONE: Translated = () => []

/**
 * One flow at every station: the source's own policies, global egress and ingress (both checked at both gateways), the
 * destination's own policies. The global stations are judged by both ends even where the first already refuses.
 */
export function traceStations(tracer: Tracer, own: OwnCalico, flow: Flow, translated: Translated = NONE): Explanation {
  const traced = tracer.trace(flow)
  const parsed = parseFlow(flow)
  if (!traced.ok || !parsed.ok) return traced
  const {packet} = parsed
  const {egress, ingress} = tracer.explain(packet)
  const ends = translated(packet)
  const closed = traced.line.reason === 'closed' ? traced.line.site : null
  return {
    ...traced,
    stations: [
      ownStation('egress', packet, egress, own, ends),
      globalStation('egress', packet.from, egress, closed),
      globalStation('ingress', packet.to, ingress, closed),
      ownStation('ingress', packet, ingress, own, ends),
    ],
  }
}

function globalStation(
  station: Direction,
  address: Address,
  {judgement, rules}: Explained,
  closed: SiteName | null,
): Station {
  if (closed !== null) {
    const why = `site ${closed} is lost and closed at this gateway: no policy is asked`
    return {station, site: judgement?.site ?? null, verdict: 'deny', why, rules: []}
  }
  if (!judgement) {
    const why = `${address} belongs to no site: only the other end decides`
    return {station, site: null, verdict: 'unknown', why, rules: []}
  }
  const {site, verdict, reason, kind, policy, rule, tier} = judgement
  const why =
    reason === 'default'
      ? 'no policy decides: the default'
      : reason === 'tier'
        ? `the end of tier ${tier}`
        : ruleText(kind, policy, rule, tier)
  return {station, site, verdict, why, rules}
}

function ownStation(
  direction: Direction,
  packet: Packet,
  {judgement}: Explained,
  own: OwnCalico,
  ends: readonly TranslatedEnd[],
): Station {
  const station = direction === 'egress' ? 'source-own' : 'destination-own'
  const address = direction === 'egress' ? packet.from : packet.to
  const site = judgement?.site ?? null
  const unknown = (why: string): Station => ({station, site, verdict: 'unknown', why, rules: []})
  if (site === null) return unknown(`${address} belongs to no site`)
  const its = ends.find(({end}) => end === (direction === 'egress' ? 'from' : 'to'))
  // Its policies judge other addresses than these, and what it calls the other end is for its own gateway to say.
  if (its) return unknown(`${address} is ${its.real} to site ${site}, which does not know the flow by these addresses`)
  const datastores = own(site, [packet.from, packet.to])
  if (datastores.size === 0) return unknown(`what site ${site}'s own Calico says is not known here: only its export is`)
  for (const calico of datastores.values()) {
    const doubt = calico.doubts?.get(address)
    if (doubt !== undefined) return unknown(doubt)
    const rules: RuleNote[] = []
    const decided = judgeOwn(calico, direction, packet, (note) => rules.push(note))
    if (decided) return {station, site, verdict: decided.verdict, why: ownText(decided), rules}
  }
  return unknown(`${address} is no pod or host of site ${site}'s Calico, which therefore has no say in it`)
}

function ownText({reason, kind, policy, rule, tier}: OwnJudgement): string {
  if (reason === 'tier') return `the end of tier ${tier}`
  if (reason === 'end') return 'no policy and no profile decides: the drop at the end'
  if (reason === 'profile' && rule === null) return `profile ${policy} is missing`
  return ruleText(kind, policy, rule, tier)
}

function ruleText(kind: string | null, policy: string | null, rule: number | null, tier: string | null): string {
  const which = rule === null ? 'a policy that cannot be read whole,' : `rule ${rule} of`
  return `${which} ${kind} ${policy}${tier === null ? '' : ` in tier ${tier}`}`
}
