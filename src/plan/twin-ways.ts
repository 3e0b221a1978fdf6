import type {GatewayConfig, NftChain, NftHook} from '../model/index.ts'
import {type Prefix, prefixFamily} from '../net/index.ts'
import {byFamily} from './rule-texts.ts'
import {BEFORE_CONNTRACK} from './translation.ts'

/**
 * What goes to the twin since no way is left here is judged there, where both halves of the flow pass; here only one does. So no
 * state is made of it, which the twin would get for its own flow. Of a packet that came from the LAN this is known
 * before its state: the way to where it goes leads back there.
 */
export function passingToTwin({twin, lan}: GatewayConfig, remotes: readonly Prefix[]): NftChain[] {
  if (twin === null || !lan) return []
  const hook: NftHook = {type: 'filter', hook: 'prerouting', priority: BEFORE_CONNTRACK, policy: 'accept'}
  const rules = byFamily(
    remotes.filter((prefix) => prefixFamily(prefix) === 4),
    (set, ip) => `iifname "${lan.device}" ${ip} daddr ${set} fib daddr oifname "${lan.device}" notrack`,
  )
  return rules.length > 0 ? [{name: 'passing', hook, rules}] : []
}

/** And nowhere else on the LAN than to the twin itself. */
export const toTwin = ({twin, lan}: GatewayConfig): string[] =>
  twin === null || !lan
    ? []
    : [`iifname "${lan.device}" oifname "${lan.device}" ct state untracked rt ip nexthop ${lan.twin} accept`]
