import type {GatewayConfig} from '../model/index.ts'
import {type Family, prefixFamily} from '../net/index.ts'
import type {BgpSession, BirdConfig, Condition} from './bird-config.ts'
import {LOST_NETWORKS, nearTable} from './input.ts'

/** Static prefixes whose next hop is looked up, so that one on a network that is lost does not count. */
export const hasTowards = ({lan, static: statics}: GatewayConfig): boolean =>
  lan !== null && statics.some(({prefix}) => prefixFamily(prefix) === 4)

/**
 * Connected networks alone, for next hops of own prefixes. One that is looked up among all routes is there as long as a router
 * of the WAN gives a default one, or a network that holds it: packets for own pods would leave by an uplink when the LAN is lost.
 */
export function planNear(config: GatewayConfig, sessions: readonly BgpSession[]): Pick<BirdConfig, 'tables' | 'pipes'> {
  const isUsed = (family: Family): boolean =>
    (family === 4 && hasTowards(config)) || sessions.some(({igpTable}) => igpTable === nearTable(family))
  const families = ([4, 6] as const).filter(isUsed)
  const lost: Condition = {is: 'from', protocol: LOST_NETWORKS}
  return {
    tables: families.map((family) => ({name: nearTable(family), family})),
    pipes: families.map((family) => ({
      ...{name: `networks${family}`, from: `master${family}`, to: nearTable(family)},
      rules: [
        {when: [{is: 'source', source: 'device'}], verdict: 'accept'},
        ...(family === 4 && config.lan ? [{when: [lost], verdict: 'accept'} as const] : []),
      ],
    })),
  }
}
