import {isTakenOut, type RemoteSite, type SiteName, type Tunnel} from '../model/index.ts'
import {type Address, comparePrefixes, type Family, familyOf, prefixFamily} from '../net/index.ts'
import type {StaticProtocol} from './bird-config.ts'
import {lastTranslatedProtocol, type RoutingInput, translatedProtocol} from './input.ts'
import {hasOtherWay} from './transit.ts'

/**
 * Ways to prefixes that stand for what a site announces: BIRD's filters cannot change a prefix, so these are static, by
 * all tunnels to the site.
 *
 * With a second way to go to, by another tunnel here or by the twin, a tunnel counts while its BFD session is up. On a
 * single one nothing is gained by taking the route away: so a restart of the other BIRD costs nothing.
 *
 * Tunnels that are held down have routes of their own, below all others: BIRD itself goes back to them, at once, when
 * nothing else is left. So has one that is beside the tunnel of its pair that is sent on: nothing goes by it before its time,
 * nor after it.
 */
export function planTranslatedWays(input: RoutingInput): StaticProtocol[] {
  const {config, world, tunnels, held} = input
  const bySite = new Map<SiteName, readonly Tunnel[]>()
  for (const tunnel of tunnels) bySite.set(tunnel.site, [...(bySite.get(tunnel.site) ?? []), tunnel])
  const sites = [...config.sites.values()].filter(
    ({name, translations}) =>
      translations.length > 0 && bySite.has(name) && !isTakenOut(world.sites.get(name)?.presence),
  )
  const isHeld = (site: RemoteSite, tunnel: Tunnel): boolean =>
    site.holdDown && hasOtherWay(input, tunnel) && (held?.has(tunnel.session) ?? false)
  const routesBy = (family: Family, last: boolean): StaticProtocol['routes'] =>
    sites
      .flatMap((site) => site.translations.map(({seen}) => ({site, seen})))
      .filter(({seen}) => prefixFamily(seen) === family)
      .sort((a, b) => comparePrefixes(a.seen, b.seen))
      .flatMap(({site, seen}) => {
        const over = bySite
          .get(site.name)!
          .filter((tunnel) => isHeld(site, tunnel) === last && familyOf(tunnel.peer as Address) === family)
          .sort((a, b) => (a.device < b.device ? -1 : 1))
        const by = (some: readonly Tunnel[], bfd: boolean) => ({
          to: {over: some.map(({peer, device}) => ({peer: peer as Address, device})), bfd},
        })
        const isHanging = over.some((tunnel) => hasOtherWay(input, tunnel))
        const [beside, sent] = [over.filter(({standby}) => standby), over.filter(({standby}) => !standby)]
        if (beside.length === 0 || sent.length === 0)
          return over.length > 0 ? [{prefix: seen, ...by(over, isHanging)}] : []
        const preference = last ? LAST_PREFERENCE : STATIC_PREFERENCE
        return [
          {prefix: seen, ...by(sent, true)},
          {prefix: seen, ...by(beside, true), preference: preference - 1},
          // Nothing else is left, and it is no other way: a restart of the other BIRD costs nothing.
          ...(isHanging ? [] : [{prefix: seen, ...by(sent, false), preference: preference - 2}]),
        ]
      })

  const statics = ([4, 6] as const).flatMap((family): StaticProtocol[] => [
    {
      name: translatedProtocol(family),
      family,
      comment: 'Remote prefixes that are translated: what the site announces them as is not theirs here.',
      preference: null,
      routes: routesBy(family, false),
    },
    {
      name: lastTranslatedProtocol(family),
      family,
      comment: 'The same by tunnels that come and go, where nothing else is left.',
      preference: LAST_PREFERENCE,
      routes: routesBy(family, true),
    },
  ])
  return statics.filter(({routes}) => routes.length > 0)
}

/** Below all that the twin tells. */
const LAST_PREFERENCE = 40
/** BIRD's own for static routes. */
const STATIC_PREFERENCE = 200
