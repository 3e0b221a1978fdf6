import {type GatewayConfig, type NativeWays, nativeByConfig, type Tunnel, type World} from '../model/index.ts'
import type {Family} from '../net/index.ts'

export interface RoutingInput {
  readonly config: GatewayConfig
  readonly world: Pick<World, 'sites' | 'nodes' | 'blocks'>
  readonly tunnels: readonly Tunnel[]
  /** Contents of the secret files, by path; one that could not be read is absent. */
  readonly passwords: ReadonlyMap<string, string>
  /** Whoever has another way than by this gateway is to take it. */
  readonly draining: boolean
  /** Sessions over tunnels that come and go: the last choice, where there is another one. */
  readonly held?: ReadonlySet<string>
  /** As the configuration has it unless said. */
  readonly native?: NativeWays
}

/** Sites whose prefixes come from the WAN's routers, or are to be told to them. */
export const nativeOf = ({native, config}: Pick<RoutingInput, 'native' | 'config'>): NativeWays =>
  native ?? nativeByConfig(config)

/** Names of BIRD's static protocols: what lies beneath everything, and what is there to be announced. */
export const fallbackProtocol = (family: Family): string => `fallback${family}`
export const staticProtocol = (family: Family): string => `static${family}`
export const uplinksProtocol = (family: Family): string => `uplinks${family}`

/** Prefixes of remote sites that are known here by other prefixes than the sites announce. */
export const translatedProtocol = (family: Family): string => `translated${family}`

/** The same, by tunnels that come and go: what is left where there is no other way. */
export const lastTranslatedProtocol = (family: Family): string => `translated${family}_last`

/** What is granted to remote sites, by their tunnels, whatever sessions over these say. */
export const lastWaysProtocol = (family: Family): string => `lastways${family}`

/** Own prefixes, whole, for routers that are told so. */
export const aggregatesProtocol = (family: Family): string => `aggregates${family}`

/** Connected networks, where next hops of own prefixes are looked up. */
export const nearTable = (family: Family): string => `near${family}`

/** Networks that are connected and cannot be reached, whatever their carrier says. */
export const LOST_NETWORKS = 'lost_networks'

/** Of routes over a tunnel beside which the WAN carries the prefixes too; all other routes of BGP have 100. */
export const BESIDE_NATIVE = {before: 101, after: 99}

/** Below every other preference: what holds when nobody announces the prefix. */
export const FALLBACK_PREFERENCE = 1
