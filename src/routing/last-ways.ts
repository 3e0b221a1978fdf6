import {isTakenOut, type RemoteSite, type Tunnel} from '../model/index.ts'
import {
  type Address,
  comparePrefixes,
  type Family,
  familyOf,
  type Prefix,
  prefixFamily,
  prefixLength,
} from '../net/index.ts'
import type {PrefixPattern, StaticProtocol} from './bird-config.ts'
import {FALLBACK_PREFERENCE, lastWaysProtocol, nativeOf, type RoutingInput} from './input.ts'
import {allEncrypt, hasOtherWay} from './transit.ts'

/**
 * What is granted to a site leads to it by its tunnels, beneath all that sessions tell, where a lost BFD session takes routes
 * away at once: when all of them are lost there is nothing better to move to, and it may be the other BIRD that
 * restarts, whose kernel goes on forwarding (decision 0197). On a single path nothing is taken away, so nothing lies beneath.
 *
 * A site behind hubs has none: what lies between it and the hub nobody knows then. Nor has one that the WAN carries too, or
 * one that must be encrypted while some tunnel to it does not.
 */
export function planLastWays(input: RoutingInput): StaticProtocol[] {
  const {config, world, tunnels} = input
  const native = nativeOf(input)
  const byTunnels = (site: RemoteSite, family: Family): Tunnel[] =>
    tunnels
      .filter(({site: to, peer, standby}) => to === site.name && !standby && familyOf(peer as Address) === family)
      .sort((a, b) => (a.device < b.device ? -1 : 1))
  const sites = [...config.sites.values()].filter(({name, via, encrypted}) => {
    const {as = null, presence} = world.sites.get(name) ?? {}
    if (as === null || as === config.as || isTakenOut(presence)) return false
    return via.length === 0 && !native.has(name) && (!encrypted || allEncrypt(input, name))
  })
  return ([4, 6] as const).flatMap((family): StaticProtocol[] => {
    const routes = sites
      .flatMap((site) => {
        const over = byTunnels(site, family)
        if (!over.some((tunnel) => hasOtherWay(input, tunnel))) return []
        const to = {over: over.map(({peer, device}) => ({peer: peer as Address, device})), bfd: false}
        return site.owns.filter((own) => prefixFamily(own) === family).map((prefix) => ({prefix, to}))
      })
      .sort((a, b) => comparePrefixes(a.prefix, b.prefix))
    const comment = 'Beneath all that sessions tell: a site that no BFD session sees may have a BIRD that restarts.'
    const preference = FALLBACK_PREFERENCE + 1
    return routes.length === 0 ? [] : [{name: lastWaysProtocol(family), family, comment, preference, routes}]
  })
}

/**
 * Longer prefixes than those: a session that is back before its BFD tells of them, they do not resolve yet (decision 0144), and
 * must not stand in the way of what lies beneath.
 */
export const abovePatterns = (lastWays: readonly StaticProtocol[]): PrefixPattern[] =>
  lastWays.flatMap(({family, routes}) => routes.flatMap(({prefix}) => longerThan(prefix, family === 4 ? 32 : 128)))

function longerThan(prefix: Prefix, longest: number): PrefixPattern[] {
  const from = prefixLength(prefix) + 1
  return from > longest ? [] : [{prefix, longer: true, lengths: {from, to: longest}}]
}
