import type {Address, Prefix} from '../net/index.ts'
import type {Community} from './community.ts'
import type {BfdProfile} from './gateway-config.ts'
import type {PeerName, UplinkName} from './ids.ts'

/** A router of the WAN that was there before us. No policy: nothing passes (RFC 8212). */
export interface WanPeer {
  readonly name: PeerName
  readonly address: Address
  readonly as: number
  /** The AS that we are to this router; null: the site's. The same as its own makes the session iBGP. */
  readonly localAs: number | null
  readonly passwordFile: string | null
  readonly uplink: UplinkName | null
  readonly import: RoutePolicy
  readonly export: RoutePolicy
  /** Own prefixes are told whole, each while something inside is reachable; else as they are known inside. */
  readonly aggregate: boolean
  /** Other routers of the WAN whose routes may be told to this one, as far as `export` lets them. */
  readonly passOn: readonly PeerName[]
  /** The default route is taken, where `import` lets it. */
  readonly defaultRoute: boolean
  /** Routes with a private AS in their path are refused. */
  readonly rejectPrivateAs: boolean
  /** Private AS numbers are taken out of the paths that it is told. */
  readonly removePrivateAs: boolean
  readonly maxPrefixes: PrefixLimit
  /** Hops to it, at most; null: a neighbour of the link, or for iBGP any number. */
  readonly multihop: number | null
  readonly ttlSecurity: boolean
  /** What we are to it (RFC 9234). */
  readonly role: PeerRole | null
  /** No session with a router that does not tell its role. */
  readonly requireRole: boolean
  readonly gracefulRestart: boolean
  readonly addPaths: AddPaths
  /** How often our own AS may stand in a path that is taken. */
  readonly allowAsIn: number
  readonly routeReflectorClient: boolean
  /** null: the router id. */
  readonly clusterId: Address | null
  readonly bfd: PeerBfd | null
}

/** Private AS numbers (RFC 6996), from and to. */
export const PRIVATE_AS = [
  [64512, 65534],
  [4200000000, 4294967294],
] as const

/** Plain prefixes, with all longer ones inside them; or rules, of which the first that matches decides. */
export type RoutePolicy = {readonly prefixes: readonly Prefix[]} | {readonly rules: readonly RouteRule[]}

/** All conditions that are given must hold; of the values in one of them any. */
export interface RouteRule {
  readonly prefixes: readonly PrefixRange[] | null
  readonly communities: readonly Community[] | null
  readonly asPath: PathMatch
  readonly action: 'accept' | 'reject'
  readonly set: RouteChanges
}

/** Prefixes inside this one, of these lengths. */
export interface PrefixRange {
  readonly prefix: Prefix
  readonly ge: number
  readonly le: number
}

export interface PathMatch {
  /** Somewhere in the path; at its end, where the route comes from; at its beginning, the neighbour. */
  readonly through: readonly number[] | null
  readonly from: readonly number[] | null
  readonly next: readonly number[] | null
  readonly longerThan: number | null
}

/** In this order. */
export interface RouteChanges {
  readonly localPreference: number | null
  readonly med: number | null
  /** All that there are, of every kind, are replaced by these. */
  readonly communities: readonly Community[] | null
  readonly removeCommunities: readonly Community[]
  readonly addCommunities: readonly Community[]
  /** Own AS, so many times more. */
  readonly prepend: number
}

export interface PrefixLimit {
  readonly limit: number
  readonly action: LimitAction
}

export const LIMIT_ACTIONS = ['warn', 'block', 'restart', 'disable'] as const
export type LimitAction = (typeof LIMIT_ACTIONS)[number]

export const PEER_ROLES = ['provider', 'customer', 'peer', 'rs-server', 'rs-client'] as const
export type PeerRole = (typeof PEER_ROLES)[number]

export const ADD_PATHS = ['off', 'receive', 'send', 'both'] as const
export type AddPaths = (typeof ADD_PATHS)[number]

export interface PeerBfd {
  readonly profile: BfdProfile
  /** null: the profile's. */
  readonly intervalMs: number | null
  readonly multiplier: number | null
}
