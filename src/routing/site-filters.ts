import {type GatewayConfig, GRACEFUL_SHUTDOWN, type NativeWays, type RemoteSite} from '../model/index.ts'
import {comparePrefixes, type Family, familyOf, type Prefix, prefixFamily} from '../net/index.ts'
import type {Change, Condition, FilterRule, PrefixPattern} from './bird-config.ts'
import {aggregatesProtocol, fallbackProtocol} from './input.ts'

/** What routes have unless something is said. */
export const LOCAL_PREF = 100
/** What they have over a tunnel beside which another one of the same uplinks is preferred. */
export const STANDBY_PREF = LOCAL_PREF - 1

/** These prefixes and all longer ones inside them, one family, in order. */
export function inside(prefixes: readonly Prefix[], family: Family): PrefixPattern[] {
  return [...new Set(prefixes)]
    .filter((prefix) => prefixFamily(prefix) === family)
    .sort(comparePrefixes)
    .map((prefix) => ({prefix, longer: true}))
}

export const netIn = (patterns: readonly PrefixPattern[]): Condition => ({is: 'net', patterns})

/** Of which routers of the WAN may tell us nothing. */
export function tunnelledSites({sites}: GatewayConfig, native: NativeWays): RemoteSite[] {
  return [...sites.values()].filter(({name}) => native.get(name)?.isLeft ?? true)
}

export function directSites({sites}: GatewayConfig, native: NativeWays): RemoteSite[] {
  return [...sites.values()].filter(({name}) => native.get(name)?.isLeft === false)
}

/** What a site may announce: what is known here by another prefix has static routes instead. */
export const announcedOwns = ({owns, translations}: RemoteSite): Prefix[] =>
  owns.filter((own) => !translations.some(({seen}) => seen === own))

export const NO_COMMUNITIES: Change = {attribute: 'communities', value: null}

/** What belongs to the sender's own network and says nothing to the next one. */
export const FORGET: readonly Change[] = [{attribute: 'med', value: null}, NO_COMMUNITIES]

type Twins = Pick<GatewayConfig, 'gateway' | 'twin'>

/** Of two gateways of a site the one that all go by while both work, so that both directions of a flow cross the same. */
const isPreferred = ({gateway, twin}: Twins): boolean => twin === null || gateway < twin

/** What tells other sites which of the two that is: the lower MED, on all prefixes and tunnels. */
export const medOf = (twins: Twins): Change => ({
  attribute: 'med',
  value: twins.twin === null ? null : isPreferred(twins) ? 0 : 100,
})

/** What tells the own nodes: the higher local preference. Another's for all else, which is BIRD's and Calico's own. */
export const localPrefOf = (twins: Twins): Change[] =>
  isPreferred(twins) ? [] : [{attribute: 'local-pref', value: LOCAL_PREF / 2}]

/** Of a way that is about to go away: below all others, and still the same of the two. */
export const lastPrefOf = (twins: Twins): Change => ({attribute: 'local-pref', value: isPreferred(twins) ? 2 : 1})

/**
 * Own prefixes as something inside announces them. The unreachable routes beneath are no announcement, nor is one whose
 * next hop cannot be reached: of a gateway without its LAN, say, whose twin has it still. The path is
 * emptied: a node's AS number is nobody's business outside, and the other end accepts nothing but our own.
 */
export function ownPrefixRule(config: GatewayConfig, family: Family, draining: boolean): FilterRule {
  return {
    when: [...ownPrefixes(config, family), {is: 'reachable'}],
    verdict: 'accept',
    set: [...anonymous(config), ...goingAway(draining)],
  }
}

export const anonymous = (config: GatewayConfig): Change[] => [
  {attribute: 'path', value: null},
  medOf(config),
  NO_COMMUNITIES,
]

export const ownPrefixes = (config: GatewayConfig, family: Family): Condition[] => [
  netIn(inside(config.owns, family)),
  {is: 'not-from', protocol: fallbackProtocol(family)},
  ...(aggregatesTo(config, family) ? [{is: 'not-from', protocol: aggregatesProtocol(family)} as const] : []),
]

/** Some router is told own prefixes whole. */
export const aggregatesTo = ({peers}: GatewayConfig, family: Family): boolean =>
  peers.some(({aggregate, address}) => aggregate && familyOf(address) === family)

/** Rules that can match; one with an empty list of prefixes says nothing. */
export function meaningful(rules: readonly FilterRule[]): FilterRule[] {
  return rules.filter(({when}) => when.every((condition) => condition.is !== 'net' || condition.patterns.length > 0))
}

/** Told to every session of a gateway that is being emptied: like me less than any other (RFC 8326). */
export const goingAway = (draining: boolean): readonly Change[] =>
  draining ? [{attribute: 'add-community', value: GRACEFUL_SHUTDOWN}] : []

/** Of a route that is taken, after what sets local preference and before what takes communities out. */
export const shutdownPreference = (draining: boolean): Change =>
  draining ? {attribute: 'local-pref', value: 0} : {attribute: 'shutdown-pref', value: null}
