import type {GatewayConfig} from './gateway-config.ts'
import type {SiteName} from './ids.ts'

/** How far it counts that the WAN carries a site's prefixes itself. */
export interface NativeWay {
  /** Before its tunnels, if it has any: then they are on their way out, or not yet to be used. */
  readonly isFirst: boolean
  /** Nothing is sent so any more; what comes is taken until the other end says the same. */
  readonly isLeft: boolean
}

/** The remote sites that are reached without a tunnel, or are to be, or were a moment ago. */
export type NativeWays = ReadonlyMap<SiteName, NativeWay>

/** What the configuration says (nothing of a site that must encrypt), while nothing is known of how one way follows another. */
export const nativeByConfig = ({sites}: Pick<GatewayConfig, 'sites'>): NativeWays =>
  new Map(
    [...sites.values()]
      .filter(({encapsulation, encrypted}) => encapsulation === 'none' && !encrypted)
      .map(({name}) => [name, {isFirst: true, isLeft: false}]),
  )
