import type {Finding, LocalUplink, SiteName, WanPeer} from '../model/index.ts'
import {
  type Address,
  compareAddresses,
  type Family,
  familyOf,
  hostPrefix,
  type Prefix,
  parseAddress,
  prefixAddress,
  prefixContainsAddress,
} from '../net/index.ts'
import type {BirdConfig, StaticProtocol} from './bird-config.ts'
import {FALLBACK_PREFERENCE, nearTable, type RoutingInput} from './input.ts'
import {acceptedPrefixes} from './wan-policy.ts'

/**
 * A way to every known remote gateway that does not hang on BGP: by the WAN routers that may tell us of it.
 *
 * Used only while BGP has no route at all. A BIRD that restarts has its sessions back before the routers have sent
 * their routes, and then takes from the kernel what it has not learnt again: seen with FRR, 100 ms without a way, in
 * which every tunnel loses its packets. It also lets a cold start read the remote exports at once.
 *
 * Who is on a line of this gateway is reached by that line, as without all this: what leads by a router is longer than the
 * line's own network, so each has another way, which is there while a connected network holds the address.
 */
export function planWanWays(input: RoutingInput): WanWays {
  const {config, world} = input
  const findings: Finding[] = []
  const known = new Set(
    [...config.sites.values()].flatMap(({endpoints}) => endpoints.flatMap((one) => hostOf(one) ?? [])),
  )
  for (const [name, site] of world.sites) {
    if (name === config.site) continue
    for (const gateway of site.gateways) {
      for (const uplink of gateway.uplinks) {
        const address = uplink.public ?? uplink.address
        const whose = known.has(address) ? null : whoseIs(input, name, address)
        if (whose === null) known.add(address)
        else if (config.peers.some((peer) => mayTellOf(peer, address)))
          findings.push(elsewhere(name, gateway.name, uplink.name, address, whose))
      }
    }
  }

  const statics = ([4, 6] as const).flatMap((family): StaticProtocol[] => {
    const routes = [...known]
      .filter((address) => familyOf(address) === family)
      .sort(compareAddresses)
      .flatMap((address) => {
        const peers = config.peers.toSorted(byName).filter((peer) => mayTellOf(peer, address))
        if (peers.length === 0) return []
        const source = sourceFor(config.uplinks, peers[0]!, family)
        return [
          {prefix: hostPrefix(address), to: {via: peers.map((peer) => peer.address).sort(compareAddresses), source}},
        ]
      })
    if (routes.length === 0) return []
    const comment = 'The way to remote gateways while BGP has none.'
    const lines: StaticProtocol = {
      name: `at_${linesTable(family)}`,
      family,
      comment: 'Those of them that are on a line of this gateway.',
      preference: null,
      tables: {routes: linesTable(family), witnesses: nearTable(family)},
      routes: routes.map(({prefix}) => ({prefix, to: {towards: prefixAddress(prefix)}})),
    }
    return [{name: `ways${family}`, family, comment, preference: FALLBACK_PREFERENCE, routes}, lines]
  })
  const families = ([4, 6] as const).filter((family) => statics.some((one) => one.family === family))
  return {
    statics,
    tables: families.map((family) => ({name: linesTable(family), family})),
    pipes: families.map((family) => ({
      ...{name: `from_${linesTable(family)}`, from: linesTable(family), to: `master${family}`},
      rules: [{when: [{is: 'reachable'}], verdict: 'accept', set: [LINES_PREFERENCE]}],
    })),
    findings,
  }
}

interface WanWays extends Pick<BirdConfig, 'statics' | 'tables' | 'pipes'> {
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
  const behind = config.static.find(({via}) => via === address)
  return behind ? `the next hop of ${behind.prefix}` : null
}

const elsewhere = (site: SiteName, gateway: string, uplink: string, address: Address, whose: string): Finding => ({
  code: 'prefix-not-granted',
  severity: 'warning',
  where: {source: `export ${site}`, key: `gateways/${gateway}`, field: `uplinks ${uplink}`},
  detail: `site ${site} says that its gateway ${gateway} is at ${address}, which is ${whose}: it gets no way by the WAN's routers`,
  remedy: `correct the uplink there; if that is where it is, name it here: https://${address.includes(':') ? `[${address}]` : address}:2379 in sites.${site}.endpoints`,
})

const linesTable = (family: Family): string => `lines${family}`

const LINES_PREFERENCE = {attribute: 'preference', value: FALLBACK_PREFERENCE + 1} as const

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
