import {
  type Community,
  type GatewayConfig,
  type NativeWays,
  type PrefixRange,
  type RouteChanges,
  type RoutePolicy,
  type RouteRule,
  sessionName,
  type WanPeer,
} from '../model/index.ts'
import {
  type Address,
  comparePrefixes,
  type Family,
  familyOf,
  hostPrefix,
  type Prefix,
  prefixContains,
  prefixFamily,
  prefixLength,
} from '../net/index.ts'
import type {Change, Condition, FilterRule, PrefixPattern} from './bird-config.ts'
import {aggregatesProtocol} from './input.ts'
import {
  anonymous,
  directSites,
  goingAway,
  inside,
  meaningful,
  netIn,
  ownPrefixRule,
  shutdownPreference,
  tunnelledSites,
} from './site-filters.ts'

/** No network of the world is so far away; paths beyond are mistakes that spread, or attacks. */
const LONGEST_PATH = 100

/** What no router may announce: this network, loopback, link-local, multicast and above. Private ranges are a WAN's daily bread. */
const MARTIANS = [
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'],
  ...['::/96', '::ffff:0:0/96', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
] as Prefix[]

const DEFAULT_ROUTE: Readonly<Record<Family, Prefix>> = {4: '0.0.0.0/0' as Prefix, 6: '::/0' as Prefix}

export const wanSession = (name: string): string => sessionName('wan', name, name)

/**
 * What is taken from a router. Before its policy is asked: nothing that is ours, inner, or behind a tunnel, where a
 * longer prefix would lead pod traffic past its tunnel in clear text; no martian, and no default route unless it is
 * asked for by name.
 */
export function importRules(
  config: GatewayConfig,
  native: NativeWays,
  peer: WanPeer,
  source: Address | null,
  draining: boolean,
): FilterRule[] {
  const family = familyOf(peer.address)
  const forbidden = [
    ...config.interconnect,
    ...config.owns,
    ...tunnelledSites(config, native).flatMap((site) => site.owns),
  ]
  const always: Change[] = [
    shutdownPreference(draining),
    // The gateway's own packets to other gateways come from the address that these know.
    ...(source !== null && familyOf(source) === family ? [{attribute: 'prefsrc', value: source} as const] : []),
  ]
  const accepting =
    'rules' in peer.import
      ? peer.import.rules.map((rule) => toFilterRule(rule, family, always, 0))
      : [
          {
            when: [
              netIn(
                inside([...peer.import.prefixes, ...directSites(config, native).flatMap((site) => site.owns)], family),
              ),
            ],
            verdict: 'accept',
            set: always,
          } as const,
        ]
  const wanted = meaningful(accepting)
  if (wanted.every(({verdict}) => verdict === 'reject')) return []
  return [
    ...meaningful([{when: [netIn(inside(forbidden, family))], verdict: 'reject'}]),
    {when: [netIn(inside(MARTIANS, family))], verdict: 'reject'},
    ...(peer.defaultRoute
      ? []
      : [{when: [netIn([{prefix: DEFAULT_ROUTE[family], longer: false}])], verdict: 'reject'} as const]),
    {when: [{is: 'path-longer', than: LONGEST_PATH}], verdict: 'reject'},
    ...(peer.rejectPrivateAs ? [{when: [{is: 'path-private'}], verdict: 'reject'} as const] : []),
    ...wanted,
  ]
}

/**
 * What a router is told. What may be told at all comes first: uplinks, own prefixes where some pair has no tunnel, and
 * routes of the routers that `passOn` names; then the policy chooses. A plain list chooses uplinks and what is passed
 * on, and own prefixes go whatever it says; rules choose everything.
 */
export function exportRules(config: GatewayConfig, native: NativeWays, peer: WanPeer, draining: boolean): FilterRule[] {
  const family = familyOf(peer.address)
  const direct = native.size > 0
  const last: Change[] = [
    ...goingAway(draining),
    ...(peer.removePrivateAs ? [{attribute: 'path-private', value: null} as const] : []),
  ]
  const others = peer.passOn.toSorted().map((name): Condition => ({is: 'from', protocol: wanSession(name)}))
  if ('prefixes' in peer.export) {
    const {prefixes} = peer.export
    const listed = netIn(inside(prefixes, family))
    return meaningful([
      {when: [netIn(uplinksFor(config, peer, family, prefixes))], verdict: 'accept', set: last},
      ...(direct ? [ownRule(config, peer, draining)] : []),
      ...others.map((from): FilterRule => ({when: [listed, from], verdict: 'accept', set: last})),
    ])
  }
  const own = ownRule(config, peer, draining).when
  const groups = [
    [netIn(uplinksFor(config, peer, family, null))],
    ...(direct ? [own] : []),
    ...others.map((from) => [from]),
  ].filter((group) => meaningful([{when: group, verdict: 'accept'}]).length > 0)
  const chosen = meaningful(
    peer.export.rules.map((rule) => toFilterRule(rule, family, last, peer.localAs ?? config.as)),
  )
  if (groups.length === 0 || chosen.every(({verdict}) => verdict === 'reject')) return []
  return [
    {when: [{is: 'none-of', groups}], verdict: 'reject'},
    ...(direct ? meaningful([{when: own, verdict: 'continue', set: anonymous(config)}]) : []),
    ...chosen,
  ]
}

/** Own prefixes as they are known inside, or whole; by what stands for them, these come only while they are reachable. */
function ownRule(config: GatewayConfig, peer: WanPeer, draining: boolean): FilterRule {
  const family = familyOf(peer.address)
  const rule = ownPrefixRule(config, family, draining)
  if (!peer.aggregate) return rule
  return {...rule, when: [{is: 'from', protocol: aggregatesProtocol(family)}, {is: 'reachable'}]}
}

/** A router that belongs to one uplink is told of that one: two uplinks are two paths only while each fails alone. */
function uplinksFor(
  config: GatewayConfig,
  peer: WanPeer,
  family: Family,
  within: readonly Prefix[] | null,
): PrefixPattern[] {
  return config.uplinks
    .filter(({name}) => peer.uplink === null || name === peer.uplink)
    .map(({address}) => hostPrefix(address))
    .filter((prefix) => prefixFamily(prefix) === family)
    .filter((prefix) => within === null || within.some((list) => prefixContains(list, prefix)))
    .sort()
    .map((prefix) => ({prefix, longer: false}))
}

function toFilterRule(rule: RouteRule, family: Family, last: readonly Change[], prependAs: number): FilterRule {
  const {prefixes, communities, asPath} = rule
  const when: Condition[] = [
    ...(prefixes
      ? [
          netIn(
            prefixes
              .filter(({prefix}) => prefixFamily(prefix) === family)
              .sort(byRange)
              .map(toPattern),
          ),
        ]
      : []),
    ...(communities ? [{is: 'community', any: inOrder(communities)} as const] : []),
    ...(['through', 'from', 'next'] as const).flatMap((place): Condition[] => {
      const as = asPath[place]
      return as ? [{is: `path-${place}`, as: [...new Set(as)].sort((a, b) => a - b)}] : []
    }),
    ...(asPath.longerThan === null ? [] : [{is: 'path-longer', than: asPath.longerThan} as const]),
  ]
  if (rule.action === 'reject') return {when, verdict: 'reject'}
  return {when, verdict: 'accept', set: changesOf(rule.set, last, prependAs)}
}

/** What everybody's routes get goes between local preference, which it may lower, and communities, which tell it to. */
function changesOf(set: RouteChanges, always: readonly Change[], prependAs: number): Change[] {
  const preference = always.filter(({attribute}) => attribute === 'local-pref' || attribute === 'shutdown-pref')
  return [
    ...(set.localPreference === null ? [] : [{attribute: 'local-pref', value: set.localPreference} as const]),
    ...preference,
    ...(set.med === null ? [] : [{attribute: 'med', value: set.med} as const]),
    ...(set.communities ? [{attribute: 'communities', value: null} as const] : []),
    ...inOrder(set.removeCommunities).map((value): Change => ({attribute: 'remove-community', value})),
    ...inOrder([...(set.communities ?? []), ...set.addCommunities]).map(
      (value): Change => ({attribute: 'add-community', value}),
    ),
    ...always.filter((change) => !preference.includes(change)),
    ...Array.from({length: set.prepend}, (): Change => ({attribute: 'prepend', value: prependAs})),
  ]
}

const toPattern = ({prefix, ge, le}: PrefixRange): PrefixPattern => {
  const bits = prefixFamily(prefix) === 4 ? 32 : 128
  const isAll = ge === prefixLength(prefix) && le === bits
  return {prefix, longer: isAll, ...(isAll ? {} : {lengths: {from: ge, to: le}})}
}

const byRange = (a: PrefixRange, b: PrefixRange): number =>
  comparePrefixes(a.prefix, b.prefix) || a.ge - b.ge || a.le - b.le

/** Of a set the order says nothing. */
function inOrder(communities: readonly Community[]): Community[] {
  const byText = new Map(communities.map((one) => [`${one.kind} ${one.parts.join(' ')}`, one]))
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
}

/** Prefixes that a policy accepts something of, as far as it names any; null: it may accept whatever there is. */
export function acceptedPrefixes(policy: RoutePolicy): readonly Prefix[] | null {
  if ('prefixes' in policy) return policy.prefixes
  const accepting = policy.rules.filter(({action}) => action === 'accept')
  if (accepting.some(({prefixes}) => prefixes === null)) return null
  return accepting.flatMap(({prefixes}) => (prefixes ?? []).map(({prefix}) => prefix))
}
