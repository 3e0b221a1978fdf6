import type {SessionKind} from '../model/index.ts'
import type {Address, Family, Prefix} from '../net/index.ts'

/** BIRD's configuration file as data, as far as Isthmus uses it. Lists are in the order in which they are printed. */
export interface BirdConfig {
  /** What the file is for, `SITE/GATEWAY`; a comment. */
  readonly owner: string
  readonly routerId: Address
  readonly statics: readonly StaticProtocol[]
  /** Names of static protocols whose routes exist to be announced, and are never put into the kernel. */
  readonly kernelExcludes: readonly string[]
  /** Times of BFD by device, where something else than a session asks for it as well. */
  readonly bfdDevices: readonly {readonly device: string; readonly options: BfdOptions}[]
  readonly sessions: readonly BgpSession[]
}

export interface StaticProtocol {
  readonly name: string
  readonly family: Family
  readonly comment: string
  /** BIRD's preference; null: a static route's own, 200. */
  readonly preference: number | null
  readonly routes: readonly {
    readonly prefix: Prefix
    readonly to:
      | 'unreachable'
      | 'blackhole'
      /** Several next hops share the packets. `source`: of the gateway's own packets on this way. */
      | {readonly via: readonly Address[]; readonly source: Address | null}
      /** Several tunnels, whose far ends may have one address. `bfd`: one counts while BFD says that its far end is there. */
      | {readonly over: readonly {readonly peer: Address; readonly device: string}[]; readonly bfd: boolean}
  }[]
}

export interface BgpSession {
  readonly name: string
  readonly kind: SessionKind
  readonly comment: string
  /** Own end; null: what the kernel chooses towards the neighbour. */
  readonly local: Address | null
  readonly localAs: number
  readonly neighbor: Address
  readonly neighborAs: number
  /** The device that the neighbour is on; null: found by address. */
  readonly device: string | null
  /** null: BIRD's default, direct for eBGP and multihop for iBGP. */
  readonly reach: 'direct' | 'multihop' | null
  readonly ttlSecurity: boolean
  readonly password: string | null
  readonly bfd: BfdOptions | null
  readonly rrClient: boolean
  /** What the neighbor is told to send to; null: this end of the session. */
  readonly nextHop: Address | null
  readonly holdSeconds: number | null
  readonly family: Family
  readonly maxPrefixes: number
  /** First rule whose conditions all hold decides; none: reject. */
  readonly import: readonly FilterRule[]
  readonly export: readonly FilterRule[]
}

export interface BfdOptions {
  /** `graceful`: a lost BFD session leaves the routes in place, as a restart of the other BIRD does. */
  readonly mode: 'on' | 'graceful'
  readonly intervalMs: number
  readonly multiplier: number
}

export interface FilterRule {
  readonly when: readonly Condition[]
  readonly verdict: 'accept' | 'reject'
  /** Done before the route is accepted. */
  readonly set?: readonly Change[]
}

export type Condition =
  /** In one of the patterns. An empty list holds for nothing. */
  | {readonly is: 'net'; readonly patterns: readonly PrefixPattern[]}
  /** The AS path is exactly this one AS. */
  | {readonly is: 'path'; readonly as: number}
  /** Where the route came from. */
  | {readonly is: 'source'; readonly source: 'bgp' | 'device'}
  /** Its next hop is on a network that is up. */
  | {readonly is: 'reachable'}
  /** From this static protocol, or not from it. */
  | {readonly is: 'from' | 'not-from'; readonly protocol: string}

export type Change =
  | {readonly attribute: 'local-pref' | 'med'; readonly value: number}
  | {readonly attribute: 'prefsrc'; readonly value: Address}
  /** MED, communities: what was meant for somebody else's network. */
  | {readonly attribute: 'med' | 'communities' | 'path'; readonly value: null}

export interface PrefixPattern {
  readonly prefix: Prefix
  /** Longer prefixes inside it match too. */
  readonly longer: boolean
}
