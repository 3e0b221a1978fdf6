import type {PeerName, RouteRule, WanPeer} from '../../src/model/index.ts'
import type {Address, Prefix} from '../../src/net/index.ts'

export const BFD: WanPeer['bfd'] = {profile: 'private', intervalMs: null, multiplier: null}

/** A router of the WAN as the configuration gives it where nothing is said. */
export const wanPeer = (overrides: Partial<WanPeer> = {}): WanPeer => ({
  name: 'r1' as PeerName,
  address: '192.0.2.254' as Address,
  as: 64900,
  localAs: null,
  passwordFile: null,
  uplink: null,
  import: {prefixes: []},
  export: {prefixes: []},
  aggregate: false,
  passOn: [],
  defaultRoute: false,
  rejectPrivateAs: false,
  removePrivateAs: false,
  maxPrefixes: {limit: 100_000, action: 'block'},
  multihop: null,
  ttlSecurity: false,
  role: null,
  requireRole: false,
  gracefulRestart: true,
  addPaths: 'off',
  allowAsIn: 0,
  routeReflectorClient: false,
  clusterId: null,
  bfd: null,
  ...overrides,
})

export const plain = (...prefixes: string[]): {readonly prefixes: readonly Prefix[]} => ({
  prefixes: prefixes as Prefix[],
})

type RuleSketch = Partial<Omit<RouteRule, 'asPath' | 'set'>> & {
  readonly asPath?: Partial<RouteRule['asPath']>
  readonly set?: Partial<RouteRule['set']>
}

/** A rule that accepts everything, but for what is said. */
export const routeRule = ({asPath, set, ...rest}: RuleSketch = {}): RouteRule => ({
  prefixes: null,
  communities: null,
  action: 'accept',
  asPath: {through: null, from: null, next: null, longerThan: null, ...asPath},
  set: {
    localPreference: null,
    med: null,
    communities: null,
    removeCommunities: [],
    addCommunities: [],
    prepend: 0,
    ...set,
  },
  ...rest,
})
