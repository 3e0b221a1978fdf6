import type {GatewayConfig, RemoteSite} from './gateway-config.ts'
import type {SiteName} from './ids.ts'

type Sites = Pick<GatewayConfig, 'sites'>

/** Whose packets and routes a tunnel to this site carries: its own, and of all that are reached through it as a hub. */
export function sitesThrough({sites}: Sites, neighbor: SiteName): RemoteSite[] {
  const own = sites.get(neighbor)
  const behind = [...sites.values()].filter(({via}) => via.includes(neighbor))
  return own && own.via.length === 0 ? [own, ...behind] : behind
}

/** The sites that tunnels to a site begin at, seen from here: itself, or its hubs. */
export const neighborsTo = ({name, via}: Pick<RemoteSite, 'name' | 'via'>): readonly SiteName[] =>
  via.length > 0 ? via : [name]
