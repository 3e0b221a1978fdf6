import type {GatewayConfig} from '../model/index.ts'
import {type Family, type Prefix, prefixAddress, prefixLength} from '../net/index.ts'
import type {BirdConfig, Condition, StaticProtocol} from './bird-config.ts'
import {FALLBACK_PREFERENCE, fallbackProtocol, LOST_NETWORKS, staticProtocol} from './input.ts'
import {netIn} from './site-filters.ts'
import {wanSession} from './wan-policy.ts'

/** Ways by hand of one family. */
export interface WaysByHand {
  readonly family: Family
  readonly routes: readonly HostRoute[]
}

interface HostRoute {
  readonly prefix: Prefix
  /** To somebody inside of a site's prefixes who is no gateway: whatever leads to that one's like leads to it. */
  readonly isInside: boolean
}

export const waysProtocol = (family: Family): string => `ways${family}`

const coveredTable = (family: Family): string => `covered${family}`

const COVERED_PREFERENCE = {attribute: 'preference', value: FALLBACK_PREFERENCE + 1} as const

/** Beside each way by hand a better one while something else leads there, which the kernel does not get (decision 0157). */
export function planCovered(
  config: GatewayConfig,
  families: readonly WaysByHand[],
): Pick<BirdConfig, 'statics' | 'tables' | 'pipes' | 'kernelExcludes'> {
  const lookups = families.flatMap(({family, routes}) =>
    [
      {
        ...{protocol: `at_covered${family}`, covers: `covers${family}`},
        comment: 'Those of them to which something else leads.',
        routes: routes.filter(({isInside}) => !isInside),
        counts: (own: readonly HostRoute[]) => ofGateways(config, family, own),
      },
      {
        ...{protocol: `at_within${family}`, covers: `within${family}`},
        comment:
          'Those of them that are inside of prefixes of sites, to which a node, a static prefix or a tunnel leads.',
        routes: routes.filter(({isInside}) => isInside),
        counts: (own: readonly HostRoute[]) => ofOthers(family, own),
      },
    ].flatMap((lookup) => (lookup.routes.length > 0 ? {...lookup, family} : [])),
  )
  return {
    statics: lookups.map(
      ({protocol: name, covers, comment, family, routes}): StaticProtocol => ({
        ...{name, family, comment, preference: null},
        tables: {routes: coveredTable(family), witnesses: covers},
        routes: routes.map(({prefix}) => ({prefix, to: {towards: prefixAddress(prefix)}})),
      }),
    ),
    tables: [
      ...lookups.map(({covers: name, family}) => ({name, family})),
      ...families.map(({family}) => ({name: coveredTable(family), family})),
    ],
    pipes: [
      ...lookups.map(({covers, family, routes, counts}) => ({
        ...{name: `to_${covers}`, from: `master${family}`, to: covers},
        rules: counts(routes).map((when) => ({when, verdict: 'accept'}) as const),
      })),
      ...families.map(({family}) => ({
        ...{name: `from_${coveredTable(family)}`, from: coveredTable(family), to: `master${family}`},
        rules: [{when: [{is: 'reachable'}], verdict: 'accept', set: [COVERED_PREFERENCE]} as const],
      })),
    ],
    kernelExcludes: lookups.map(({protocol}) => protocol),
  }
}

/** Of all routes only what holds one of the addresses, since routers may tell of a million others; shorter than it by so many bits. */
const holding = (routes: readonly HostRoute[], shorter = 0): Condition =>
  netIn(routes.map(({prefix}) => ({prefix, longer: false, lengths: {from: 0, to: prefixLength(prefix) - shorter}})))

/**
 * Lines, what routers of the WAN tell, and what must not fall through: an address within that is led to by nothing shorter. No
 * tunnel: where a gateway stands inside of its site's prefixes its outer packets would go into the tunnel itself.
 *
 * A router that tells of the very address is no cover: it is in the kernel by itself, and when it goes the way by hand takes
 * its place in one step. With a better one between the two the kernel had neither for a moment.
 */
const ofGateways = ({peers}: GatewayConfig, family: Family, routes: readonly HostRoute[]): Condition[][] => [
  [holding(routes), anyOf([DEVICE, ...[fallbackProtocol(family), LOST_NETWORKS].map(fromProtocol)])],
  [
    holding(routes, 1),
    anyOf(
      peers
        .map(({name}) => wanSession(name))
        .sort()
        .map(fromProtocol),
    ),
  ],
]

/**
 * Besides, static prefixes and what any session tells, of a node or over a tunnel. Not what stands whatever becomes of a tunnel (`lastwaysN`): what
 * tells of its new far end may have to be read there.
 */
const ofOthers = (family: Family, routes: readonly HostRoute[]): Condition[][] => [
  [
    holding(routes),
    anyOf([
      DEVICE,
      {is: 'source', source: 'bgp'},
      ...[fallbackProtocol(family), LOST_NETWORKS, staticProtocol(family)].map(fromProtocol),
    ]),
  ],
]

const DEVICE: Condition = {is: 'source', source: 'device'}

const fromProtocol = (protocol: string): Condition => ({is: 'from', protocol})

const anyOf = (conditions: readonly Condition[]): Condition => ({is: 'any-of', groups: conditions.map((one) => [one])})
