import type {GatewayConfig, RemoteSite, SiteName, Tunnel, World} from '../model/index.ts'
import {type Address, type Prefix, prefixFamily} from '../net/index.ts'

export const SYN = 'tcp flags & (syn | rst) == syn'

export const icmpErrors = (ip: 'ip' | 'ip6'): string =>
  ip === 'ip'
    ? 'icmp type { destination-unreachable, time-exceeded, parameter-problem }'
    : 'icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }'

/** What a field is compared with: one value costs a packet a comparison, a set a look-up. */
export const oneOf = (values: readonly string[]): string =>
  values.length === 1 ? values[0]! : `{ ${values.join(', ')} }`

/** One rule for each family that has prefixes, with what to compare with and the header's name. */
export function byFamily(
  nets: readonly (Prefix | Address)[],
  rule: (set: string, ip: 'ip' | 'ip6') => string,
): string[] {
  return ([4, 6] as const).flatMap((family) => {
    const own = [...new Set(nets.filter((net) => prefixFamily(net as Prefix) === family))].sort()
    return own.length > 0 ? [rule(oneOf(own), family === 4 ? 'ip' : 'ip6')] : []
  })
}

/** The addresses that tunnels of other sites come from. */
export const farGateways = ({world, config}: Sites & {readonly config: Pick<GatewayConfig, 'site'>}): Address[] =>
  [...world.sites]
    .filter(([name]) => name !== config.site)
    .flatMap(([, {gateways}]) =>
      gateways.flatMap(({uplinks}) => uplinks.map((uplink) => uplink.public ?? uplink.address)),
    )

interface Sites {
  readonly world: Pick<World, 'sites'>
}

/** A site of which nothing passes, whatever policy and older flows would say. */
export const isClosedTo = ({world}: Sites, site: SiteName): boolean =>
  (world.sites.get(site)?.presence ?? 'open') !== 'open'

/**
 * Who may tell of a flow's packets over these tunnels, beside their ends: the far gateway, infrastructure, and behind a
 * hub the gateways there.
 */
export function errorSources(
  {world}: Sites,
  tunnels: readonly Tunnel[],
  reached: readonly RemoteSite[],
): (Address | Prefix)[] {
  return [
    ...tunnels.map(({peer}) => peer as Address),
    ...reached.flatMap(({name, via}) => {
      const {infrastructure = [], gateways = []} = world.sites.get(name) ?? {}
      const uplinks = via.length > 0 ? gateways.flatMap((gateway) => gateway.uplinks) : []
      return [...infrastructure, ...uplinks.flatMap(({inner}) => [...inner[4], ...inner[6]])]
    }),
  ]
}
