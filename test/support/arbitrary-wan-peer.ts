import fc from 'fast-check'
import {
  ADD_PATHS,
  type Community,
  LIMIT_ACTIONS,
  PEER_ROLES,
  type RoutePolicy,
  type RouteRule,
  type WanPeer,
} from '../../src/model/index.ts'
import {type Address, familyOf, type Prefix, prefixFamily, prefixLength} from '../../src/net/index.ts'
import {wanPeer} from './wan-peer.ts'

/** The own AS of the first site of a sketch, so that some of the peers are iBGP. */
const OWN_AS = 4200000001

const prefix = fc.constantFrom(
  '0.0.0.0/0',
  '192.0.2.0/24',
  '::/0',
  '2001:db8::/32',
  '10.2.0.0/16',
) as fc.Arbitrary<Prefix>

const range = fc.tuple(prefix, fc.nat(32), fc.nat(32)).map(([of, a, b]) => {
  const bits = prefixFamily(of) === 4 ? 32 : 128
  const [ge, le] = [a, b].map((length) => Math.min(bits, Math.max(length, prefixLength(of)))).sort((x, y) => x - y)
  return {prefix: of, ge: ge!, le: le!}
})

const u16 = fc.nat(65535)
const u32 = fc.nat(4294967295)
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, {nil: null})

function community(isPattern: boolean): fc.Arbitrary<Community> {
  const last = (value: fc.Arbitrary<number>) => (isPattern ? maybe(value) : value)
  return fc.oneof(
    fc.tuple(u16, last(u16)).map((parts) => ({kind: 'standard', parts}) as const),
    fc.tuple(u32, u32, last(u32)).map((parts) => ({kind: 'large', parts}) as const),
    fc.tuple(fc.constantFrom('rt', 'soo'), u16, last(u32)).map(([kind, ...parts]) => ({kind, parts}) as const),
    fc
      .tuple(fc.constantFrom('rt', 'soo'), fc.integer({min: 65536, max: 4294967295}), last(u16))
      .map(([kind, ...parts]) => ({kind, parts}) as const),
  )
}

const list = <T>(value: fc.Arbitrary<T>) => fc.array(value, {minLength: 1, maxLength: 3})
const as = fc.integer({min: 1, max: 4294967294})

const rule: fc.Arbitrary<RouteRule> = fc.record({
  prefixes: maybe(list(range)),
  communities: maybe(list(community(true))),
  asPath: fc.record({
    through: maybe(list(as)),
    from: maybe(list(as)),
    next: maybe(list(as)),
    longerThan: maybe(fc.nat(255)),
  }),
  action: fc.constantFrom('accept', 'reject'),
  set: fc.record({
    localPreference: maybe(u32),
    med: maybe(u32),
    communities: maybe(list(community(false))),
    removeCommunities: fc.array(community(true), {maxLength: 2}),
    addCommunities: fc.array(community(false), {maxLength: 2}),
    prepend: fc.nat(3),
  }),
})

const policy: fc.Arbitrary<RoutePolicy> = fc.oneof(
  fc.array(prefix, {maxLength: 3}).map((prefixes) => ({prefixes})),
  fc.array(rule, {minLength: 1, maxLength: 4}).map((rules) => ({rules})),
)

/** Any router that a configuration may name, with its password; what `config` refuses is not made here. */
export function arbitraryPeer(): fc.Arbitrary<WanPeer & {readonly password: string}> {
  return fc
    .record({
      address: fc.constantFrom('192.0.2.254', '2001:db8::ff') as fc.Arbitrary<Address>,
      as: fc.constantFrom(64900, OWN_AS, 4294967294),
      localAs: fc.option(fc.constant(65010), {nil: null}),
      import: policy,
      export: policy,
      defaultRoute: fc.boolean(),
      aggregate: fc.boolean(),
      rejectPrivateAs: fc.boolean(),
      removePrivateAs: fc.boolean(),
      maxPrefixes: fc.record({limit: fc.integer({min: 1, max: 10_000_000}), action: fc.constantFrom(...LIMIT_ACTIONS)}),
      multihop: maybe(fc.integer({min: 2, max: 255})),
      ttlSecurity: fc.boolean(),
      role: maybe(fc.constantFrom(...PEER_ROLES)),
      requireRole: fc.boolean(),
      gracefulRestart: fc.boolean(),
      addPaths: fc.constantFrom(...ADD_PATHS),
      allowAsIn: fc.nat(3),
      routeReflectorClient: fc.boolean(),
      clusterId: maybe(fc.constant('192.0.2.8' as Address)),
      bfd: maybe(
        fc.record({
          profile: fc.constantFrom('private', 'internet'),
          intervalMs: maybe(fc.integer({min: 10, max: 10_000})),
          multiplier: maybe(fc.integer({min: 2, max: 50})),
        }),
      ),
      password: fc.stringMatching(/^[ !#-~]{0,80}$/),
    })
    .map(({password, ...peer}) => ({...wanPeer(peer), password}))
    .filter(({bfd, multihop, address}) => !bfd || multihop === null || familyOf(address) === 4)
}

/** The same, with everything in another order of which the order says nothing. */
export function shuffledPeer(peer: WanPeer): WanPeer {
  const turn = (one: RoutePolicy): RoutePolicy =>
    'prefixes' in one
      ? {prefixes: one.prefixes.toReversed()}
      : {
          rules: one.rules.map((entry) => ({
            ...entry,
            prefixes: entry.prefixes?.toReversed() ?? null,
            communities: entry.communities?.toReversed() ?? null,
            asPath: {...entry.asPath, through: entry.asPath.through?.toReversed() ?? null},
            set: {...entry.set, addCommunities: entry.set.addCommunities.toReversed()},
          })),
        }
  return {...peer, import: turn(peer.import), export: turn(peer.export), passOn: peer.passOn.toReversed()}
}
