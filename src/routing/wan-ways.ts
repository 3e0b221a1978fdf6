import type {Finding, GatewayConfig, LocalUplink, SiteName, WanPeer} from '../model/index.ts'
import {
  type Address,
  compareAddresses,
  type Family,
  familyOf,
  hostPrefix,
  type Prefix,
  parseAddress,
  prefixContainsAddress,
} from '../net/index.ts'
import type {BirdConfig, StaticProtocol} from './bird-config.ts'
import {planCovered, waysProtocol} from './covered-ways.ts'
import {FALLBACK_PREFERENCE, type RoutingInput} from './input.ts'
import {acceptedPrefixes} from './wan-policy.ts'

/**
 * A way to every known remote gateway that does not hang on BGP: by the WAN routers that may tell us of it.
 *
 * Used only while BGP has no route at all. A BIRD that restarts has its sessions back before the routers have sent
 * their routes, and then takes from the kernel what it has not learnt again: seen with FRR, 100 ms without a way, in
 * which every tunnel loses its packets. It also lets a cold start read the remote exports at once.
 *
 * It is longer than what routers tell of as a rule, and than the network of a line of this gateway. So beside each there is a
 * better one while either of these covers the address, which the kernel does not get: then it has none of the two, and goes
 * by what covers it (decision 0157).
 */
export function planWanWays(input: RoutingInput): WanWays {
  const {config, world} = input
  const findings: Finding[] = []
  const named = new Set(
    [...config.sites.values()].flatMap(({endpoints}) => endpoints.flatMap((one) => hostOf(one) ?? [])),
  )
  const gateways = new Set<Address>()
  for (const [name, site] of world.sites) {
    if (name === config.site) continue
    const refused: Refused[] = []
    for (const gateway of site.gateways) {
      for (const uplink of gateway.uplinks) {
        const address = uplink.public ?? uplink.address
        const whose = named.has(address) ? null : whoseIs(input, name, address)
        if (whose === null) gateways.add(address)
        else if (config.peers.some((peer) => mayTellOf(peer, address)))
          refused.push({gateway: gateway.name, uplink: uplink.name, address, whose})
      }
    }
    findings.push(...elsewhere(name, refused))
  }

  const known = [...gateways, ...[...named].filter((address) => !gateways.has(address) && !isOwn(input, address))]
  const families = ([4, 6] as const).flatMap((family) => {
    const routes = known
      .filter((address) => familyOf(address) === family)
      .sort(compareAddresses)
      .flatMap((address) => {
        const peers = config.peers.toSorted(byName).filter((peer) => mayTellOf(peer, address))
        if (peers.length === 0) return []
        const source = sourceFor(config.uplinks, peers[0]!, family)
        const to = {via: peers.map((peer) => peer.address).sort(compareAddresses), source}
        return [{prefix: hostPrefix(address), to, isInside: !gateways.has(address) && isOfSite(config, address)}]
      })
    return routes.length === 0 ? [] : [{family, routes}]
  })
  const covered = planCovered(config, families)
  const ways = families.map(
    ({family, routes}): StaticProtocol => ({
      name: waysProtocol(family),
      family,
      comment: 'The way to remote gateways while BGP has none.',
      preference: FALLBACK_PREFERENCE,
      routes: routes.map(({prefix, to}) => ({prefix, to})),
    }),
  )
  return {...covered, statics: [...ways, ...covered.statics], findings}
}

/** An address of a pod or machine, of this site's or another's. */
const isOfSite = ({owns, sites}: GatewayConfig, address: Address): boolean =>
  [...owns, ...[...sites.values()].flatMap((site) => site.owns)].some((own) => prefixContainsAddress(own, address))

/**
 * Whether an endpoint is behind this gateway: a relay in a pod, or in a rack of static prefixes. It has no way by the WAN, also
 * while nobody announces it. Nor has an inner address, which is at the far end of a tunnel and nowhere else.
 */
function isOwn({config, world}: RoutingInput, address: Address): boolean {
  const holds = (prefix: Prefix): boolean => prefixContainsAddress(prefix, address)
  const known = [...config.static.map(({prefix}) => prefix), ...world.blocks.map(({cidr}) => cidr)]
  return config.interconnect.some(holds) || (config.owns.some(holds) && known.some(holds))
}

interface WanWays extends Pick<BirdConfig, 'statics' | 'tables' | 'pipes' | 'kernelExcludes'> {
  readonly findings: readonly Finding[]
}

/**
 * Who has an address that a site gives for a gateway of its own, if that is somebody else: a way there would lead that one's
 * packets to the WAN, past every filter. What the configuration itself names, as an endpoint, is not asked.
 */
function whoseIs({config, world}: RoutingInput, site: SiteName, address: Address): string | null {
  const holds = (prefix: Prefix): boolean => prefixContainsAddress(prefix, address)
  const own = config.owns.find(holds)
  if (own) return `in ${own} of site ${config.site}`
  for (const {name, owns} of config.sites.values()) {
    const theirs = name === site ? undefined : owns.find(holds)
    if (theirs) return `in ${theirs} of site ${name}`
  }
  if (config.interconnect.some(holds)) return 'an inner one, in `interconnect`'
  const node = world.nodes.find(({addresses}) => addresses.some((one) => one.address === address))
  if (node) return `node ${node.meta.name}`
  const peer = config.peers.find((one) => one.address === address)
  if (peer) return `peer ${peer.name}`
  const datastore = config.datastores.find(({endpoints}) => endpoints.some((one) => hostOf(one) === address))
  if (datastore) return `an endpoint of datastore ${datastore.name}`
  const behind = config.static.find(({via}) => via === address)
  return behind ? `the next hop of ${behind.prefix}` : null
}

interface Refused {
  readonly gateway: string
  readonly uplink: string
  readonly address: Address
  readonly whose: string
}

/** One of them: how many a site says is its own to choose. */
function elsewhere(site: SiteName, [first, ...others]: readonly Refused[]): Finding[] {
  if (!first) return []
  const {gateway, uplink, address, whose} = first
  const more = others.length === 0 ? '' : `; so are ${others.length} more of its uplinks`
  const host = address.includes(':') ? `[${address}]` : address
  return [
    {
      code: 'prefix-not-granted',
      severity: 'warning',
      where: {source: `export ${site}`, key: `gateways/${gateway}`, field: `uplinks ${uplink}`},
      detail: `site ${site} says that its gateway ${gateway} is at ${address}, which is ${whose}: it gets no way by the WAN's routers${more}`,
      remedy: `correct the uplink there; if that is where it is, name it here: https://${host}:2379 in sites.${site}.endpoints`,
    },
  ]
}

const byName = (a: WanPeer, b: WanPeer): number => (a.name < b.name ? -1 : 1)

/** The endpoint's address; null for a host name. */
function hostOf(endpoint: string): Address | null {
  const host = endpoint.replace(/^https?:\/\//, '').replace(/:\d+$/, '')
  return parseAddress(host.replace(/^\[|\]$/g, ''))
}

/** A policy that names no prefixes may tell of anything. */
const mayTellOf = (peer: WanPeer, address: Address): boolean =>
  familyOf(peer.address) === familyOf(address) &&
  (acceptedPrefixes(peer.import)?.some((prefix) => prefixContainsAddress(prefix, address)) ?? true)

function sourceFor(uplinks: readonly LocalUplink[], peer: WanPeer, family: Family): Address | null {
  const own = uplinks.filter(({address}) => familyOf(address) === family)
  return (own.find(({name}) => name === peer.uplink) ?? own[0])?.address ?? null
}
