import type {AddPaths, Community, LimitAction, PeerRole, SessionKind} from '../model/index.ts'
import type {Address, Family, Prefix} from '../net/index.ts'
import type {UplinkTable} from './uplink-tables.ts'

/** BIRD's configuration file as data, as far as Isthmus uses it. Lists are in the order in which they are printed. */
export interface BirdConfig {
  /** What the file is for, `SITE/GATEWAY`; a comment. */
  readonly owner: string
  readonly routerId: Address
  readonly statics: readonly StaticProtocol[]
  /** Names of static protocols whose routes exist to be announced, and are never put into the kernel. */
  readonly kernelExcludes: readonly string[]
  /** The same, of prefixes that are unreachable in the kernel, whatever stands for them elsewhere. */
  readonly kernelUnreachable: readonly string[]
  /** Inside these a route of BGP whose next hop does not resolve is not put into the kernel: a wider one there leads on. */
  readonly kernelUnresolved: readonly PrefixPattern[]
  /** Tables beside the main one, and what goes from one into another: all of a prefix's routes, not the best alone. */
  readonly tables: readonly {readonly name: string; readonly family: Family}[]
  readonly pipes: readonly {
    readonly name: string
    readonly from: string
    readonly to: string
    readonly rules: readonly FilterRule[]
  }[]
  /** The kernel's table whose routes say which connected networks cannot be reached, whatever their carrier says; null: none. */
  readonly lostNetworks: number | null
  /** Far ends that BFD watches whatever asks for it: what wants to know of a loss may change, and no session begins anew. */
  readonly bfdNeighbors: readonly {readonly neighbor: Address; readonly local: Address; readonly device: string}[]
  /** Times of BFD by device, for those and for static ways. */
  readonly bfdDevices: readonly {readonly device: string; readonly options: BfdOptions}[]
  readonly sessions: readonly BgpSession[]
  /** Tables of the kernel beside the main one, by uplink. */
  readonly uplinkTables: readonly UplinkTable[]
}

export interface StaticProtocol {
  readonly name: string
  readonly family: Family
  readonly comment: string
  /** BIRD's preference; null: a static route's own, 200. */
  readonly preference: number | null
  /** Another table than the main one to put routes into, and to look witnesses up in. */
  readonly tables?: {readonly routes: string; readonly witnesses?: string}
  readonly routes: readonly {
    readonly prefix: Prefix
    /** Absent: the protocol's. */
    readonly preference?: number
    readonly to:
      | 'unreachable'
      | 'blackhole'
      /** Reachable while this address is, or that of another route for the same prefix. */
      | {readonly witness: Address}
      /** Several next hops share the packets. `source`: of the gateway's own packets on this way. */
      | {readonly via: readonly Address[]; readonly source: Address | null}
      /** A next hop that is found by the routes to it, so that it counts for as long as these do. */
      | {readonly towards: Address}
      /** Whatever stands between: the device's packets are addressed to the next hop. */
      | {readonly onlink: Address; readonly device: string}
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
  readonly reach: 'direct' | 'multihop' | {readonly hops: number} | null
  readonly ttlSecurity: boolean
  readonly password: string | null
  readonly bfd: BfdOptions | null
  readonly rrClient: boolean
  /** What the neighbor is told to send to; null: this end of the session. */
  readonly nextHop: Address | null
  /** null: the router id. */
  readonly clusterId: Address | null
  /** What we are to the neighbour (RFC 9234). */
  readonly role: {readonly own: PeerRole; readonly required: boolean} | null
  /** `last`: what was told in a session that is gone stays, and counts below all that others tell (RFC 9494). */
  readonly gracefulRestart: boolean | 'last'
  readonly addPaths: AddPaths
  /** How often our own AS may stand in a path that is taken. */
  readonly allowAsIn: number
  readonly holdSeconds: number | null
  readonly family: Family
  /** Where next hops are looked up; null: among all routes. */
  readonly igpTable: string | null
  /** Of what the filter takes; twice as many may be received. */
  readonly maxPrefixes: number
  readonly limitAction: LimitAction
  /** First rule whose conditions all hold decides; none: reject. */
  readonly import: readonly FilterRule[]
  readonly export: readonly FilterRule[]
}

export interface BfdOptions {
  /** `graceful`: a lost BFD session leaves the routes in place, as a restart of the other BIRD does. */
  readonly mode: 'on' | 'graceful'
  readonly intervalMs: number
  readonly multiplier: number
  /** Between two packets of a session that is not up; absent: a second, as RFC 5880 has it. */
  readonly idleMs?: number
}

export interface FilterRule {
  /** None: it holds for every route. */
  readonly when: readonly Condition[]
  /** `continue`: the changes are made, and a later rule decides. */
  readonly verdict: 'accept' | 'reject' | 'continue'
  /** Made in this order, before the verdict. */
  readonly set?: readonly Change[]
}

export type Condition =
  /** In one of the patterns. An empty list holds for nothing. */
  | {readonly is: 'net'; readonly patterns: readonly PrefixPattern[]}
  /** The AS path is exactly this one AS. */
  | {readonly is: 'path'; readonly as: number}
  /** From this AS, as this neighbour tells. */
  | {readonly is: 'path-behind'; readonly neighbor: number; readonly origin: number}
  /** One of these is in the path; is its last, where the route comes from; is its first, the neighbour. */
  | {readonly is: 'path-through' | 'path-from' | 'path-next'; readonly as: readonly number[]}
  | {readonly is: 'path-longer'; readonly than: number}
  | {readonly is: 'path-private'}
  | {readonly is: 'local-pref'; readonly value: number}
  /** One of these is on the route. */
  | {readonly is: 'community'; readonly any: readonly Community[]}
  /** Where the route came from. */
  | {readonly is: 'source'; readonly source: 'bgp' | 'device'}
  /** Its next hop is on a network that is up. */
  | {readonly is: 'reachable'}
  /** From this static protocol or session, or not from it. */
  | {readonly is: 'from' | 'not-from'; readonly protocol: string}
  /** Another gateway told it over a tunnel. */
  | {readonly is: 'from-tunnel'}
  /** In one of the groups all conditions hold. */
  | {readonly is: 'any-of'; readonly groups: readonly (readonly Condition[])[]}
  /** In each group some condition does not hold. */
  | {readonly is: 'none-of'; readonly groups: readonly (readonly Condition[])[]}

export type Change =
  | {readonly attribute: 'local-pref'; readonly value: number}
  /** BIRD's own, which nobody is told: what is compared before all of BGP's attributes. */
  | {readonly attribute: 'preference'; readonly value: number}
  /** Local preference 0 where the sender says that it is about to go away (RFC 8326). */
  | {readonly attribute: 'shutdown-pref'; readonly value: null}
  /** How a route began; of equal ones `igp` is better, and no packets are shared between the two. */
  | {readonly attribute: 'origin'; readonly value: 'igp' | 'incomplete'}
  | {readonly attribute: 'prefsrc'; readonly value: Address}
  /** null, also below: what was meant for somebody else's network is taken out. */
  | {readonly attribute: 'med'; readonly value: number | null}
  | {readonly attribute: 'communities' | 'path' | 'path-private'; readonly value: null}
  | {readonly attribute: 'add-community' | 'remove-community'; readonly value: Community}
  | {readonly attribute: 'prepend'; readonly value: number}

export interface PrefixPattern {
  readonly prefix: Prefix
  /** Longer prefixes inside it match too. */
  readonly longer: boolean
  /** Only those of these lengths. */
  readonly lengths?: {readonly from: number; readonly to: number}
}
