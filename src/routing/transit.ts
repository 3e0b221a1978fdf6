import {
  type Community,
  type GatewayConfig,
  isTakenOut,
  neighborsTo,
  type SiteName,
  sitesThrough,
  type Tunnel,
} from '../model/index.ts'
import {type Address, familyOf} from '../net/index.ts'
import type {Change, Condition, FilterRule} from './bird-config.ts'
import {BESIDE_NATIVE, nativeOf, type RoutingInput} from './input.ts'
import {
  announcedOwns,
  goingAway,
  inside,
  LOCAL_PREF,
  medOf,
  NO_COMMUNITIES,
  netIn,
  STANDBY_PREF,
  shutdownPreference,
} from './site-filters.ts'

/** A hub, its neighbour's hub, and the site: no interconnect is deeper. */
const LONGEST_PATH = 3

/** What hubs say of a route in a large community, beside their own AS: all tunnels between them and the site encrypt. */
const encryptedUpTo = (as: number): Community => ({kind: 'large', parts: [as, 1, 1]})
/** What a hub notes on a route for itself: it may be told to others. Told to nobody. */
const forOthers = (as: number): Community => ({kind: 'large', parts: [as, 1, 0]})

/**
 * What is taken over a tunnel: what each site is granted that the tunnel is for, from its own AS: of the neighbour
 * itself, or as the neighbour tells of a site behind it.
 *
 * Of what a hub may tell others a note is made, and whether its way encrypts throughout: what the neighbour says of
 * its part counts for a site behind it, our own tunnels for the rest.
 */
export function tunnelImport(input: RoutingInput, tunnel: Tunnel, as: number): FilterRule[] {
  const {config, world, draining} = input
  const family = familyOf(tunnel.peer as Address)
  const isEncrypted = allEncrypt(input, tunnel.site)
  const told: Condition = {is: 'community', any: [encryptedUpTo(as)]}
  const groups: Record<'noted' | 'notedEncrypted' | 'plain', Condition[][]> = {notedEncrypted: [], noted: [], plain: []}
  for (const site of sitesThrough(config, tunnel.site)) {
    const {as: origin = null, presence} = world.sites.get(site.name) ?? {}
    const patterns = inside(announcedOwns(site), family)
    // The session of a withdrawn site stands, so that it can come back, but brings nothing.
    if (origin === null || origin === config.as || isTakenOut(presence) || patterns.length === 0) continue
    if (site.encrypted && !isEncrypted) continue
    const isBehind = site.name !== tunnel.site
    const from: Condition = isBehind ? {is: 'path-behind', neighbor: as, origin} : {is: 'path', as}
    const when = [netIn(patterns), from]
    const whenTold = isBehind ? [...when, told] : when
    if (!config.transit.includes(site.name)) groups.plain.push(site.encrypted ? whenTold : when)
    else {
      if (isEncrypted) groups.notedEncrypted.push(whenTold)
      if (!site.encrypted) groups.noted.push(when)
    }
  }
  // The MED stays: it says which of the site's gateways is to be gone by.
  const preference = tunnel.standby ? STANDBY_PREF : LOCAL_PREF
  const native = nativeOf(input).get(tunnel.site)
  // Not even longer prefixes than the WAN has may lead there: the other end is about to take the tunnel away.
  if (native && tunnel.followed) return []
  const {before, after} = BESIDE_NATIVE
  const set: Change[] = [
    ...(native ? [{attribute: 'preference', value: native.isFirst ? after : before} as const] : []),
    {attribute: 'local-pref', value: preference},
    shutdownPreference(draining),
    NO_COMMUNITIES,
  ]
  const accepting = [
    ...ruleFor(groups.notedEncrypted, [...set, ...notes(config, true)]),
    ...ruleFor(groups.noted, [...set, ...notes(config, false)]),
    ...ruleFor(groups.plain, set),
  ]
  return sitesThrough(config, tunnel.site).some(({via}) => via.length > 0) ? [TOO_LONG, ...accepting] : accepting
}

/** One rule, since BIRD reads hundreds of blocks in seconds, and hundreds of conditions in none. */
const ruleFor = (groups: readonly (readonly Condition[])[], set: readonly Change[]): FilterRule[] =>
  groups.length === 0
    ? []
    : [{when: groups.length === 1 ? groups[0]! : [{is: 'any-of', groups}], verdict: 'accept', set}]

const TOO_LONG: FilterRule = {when: [{is: 'path-longer', than: LONGEST_PATH}], verdict: 'reject'}

/** Origin keeps the two kinds apart: BIRD would share packets between equal routes, and tell the note of one of them. */
const notes = (config: GatewayConfig, encrypted: boolean): Change[] => [
  {attribute: 'origin', value: encrypted ? 'igp' : 'incomplete'},
  {attribute: 'add-community', value: forOthers(config.as)},
  ...(encrypted ? [{attribute: 'add-community', value: encryptedUpTo(config.as)} as const] : []),
]

/**
 * What a hub tells over a tunnel, beside its own prefixes: what it has of the sites that it is a hub for, to a tunnel
 * that is for one of these; nothing of what that tunnel leads to. The path stays: each hub adds its AS, so a route
 * that comes back is known.
 */
export function transitExport(input: RoutingInput, tunnel: Tunnel): FilterRule[] {
  const {config, world, draining} = input
  const through = sitesThrough(config, tunnel.site)
  if (!through.some(({name}) => config.transit.includes(name))) return []
  const origins = through.flatMap(({name}) => world.sites.get(name)?.as ?? []).sort((a, b) => a - b)
  const rule = (noted: Community, more: readonly Change[]): FilterRule => ({
    when: [
      {is: 'from-tunnel'},
      {is: 'reachable'},
      {is: 'community', any: [noted]},
      {is: 'none-of', groups: [[{is: 'path-from', as: origins}], [{is: 'path-longer', than: LONGEST_PATH - 1}]]},
    ],
    verdict: 'accept',
    set: [medOf(config), NO_COMMUNITIES, ...more, ...goingAway(draining)],
  })
  const encrypted = encryptedUpTo(config.as)
  return [
    // Whether the tunnel to it encrypts too, the other end knows itself.
    rule(encrypted, [{attribute: 'add-community', value: encrypted}]),
    rule(forOthers(config.as), []),
  ]
}

/** While encapsulations change there are tunnels of both. */
export const allEncrypt = ({tunnels}: RoutingInput, site: SiteName): boolean =>
  tunnels.every((tunnel) => tunnel.site !== site || tunnel.encapsulation === 'wireguard')

/**
 * Whether somebody has another way to what a tunnel leads to: this gateway for one of the sites, its twin, or whom it is a
 * hub for. They must not be kept on one that is lost.
 */
export const hasOtherWay = ({config, tunnels}: RoutingInput, {site, peer}: Tunnel): boolean =>
  config.twin !== null ||
  sitesThrough(config, site).some((reached) => {
    const neighbors = neighborsTo(reached)
    const bears = (other: Tunnel): boolean => familyOf(other.peer as Address) === familyOf(peer as Address)
    const ways = tunnels.filter((other) => neighbors.includes(other.site) && bears(other))
    // A tunnel and its follower are one way.
    const pairs = new Set(ways.map(({localUplink, remote}) => `${localUplink} ${remote}`))
    return config.transit.includes(reached.name) || pairs.size > 1
  })
