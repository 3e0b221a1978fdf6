import type {LocalUplink, WanPeer} from '../model/index.ts'
import {
  type Address,
  compareAddresses,
  type Family,
  familyOf,
  hostPrefix,
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
export function planWanWays({config, world}: RoutingInput): Pick<BirdConfig, 'statics' | 'tables' | 'pipes'> {
  const known = new Set<Address>()
  for (const [name, site] of world.sites) {
    if (name === config.site) continue
    for (const gateway of site.gateways)
      for (const uplink of gateway.uplinks) known.add(uplink.public ?? uplink.address)
  }
  for (const site of config.sites.values()) {
    for (const endpoint of site.endpoints) {
      const host = hostOf(endpoint)
      if (host !== null) known.add(host)
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
  }
}

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
