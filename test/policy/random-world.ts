import fc from 'fast-check'
import type {AttributeSet, EntityRule, Policy, PortSpec, Rule, Tier, World} from '../../src/model/index.ts'
import type {Packet} from '../../src/policy/oracle/index.ts'
import {address, attributes, entity, type Placed, policy, prefix, rule, tier, world} from './worlds.ts'

/** One seed for every random test of policy: `SEED=… npx mocha …` repeats a run. */
export const seed = Number(process.env.SEED ?? 20260822)

/** Addresses that packets come from and go to; some are held by nobody. */
export const HOSTS_4 = ['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.1.1.1', '10.2.0.1', '10.2.0.2', '10.2.1.1', '192.0.2.1']
export const HOSTS_6 = ['fd00:1::1', 'fd00:1::2', 'fd00:2::1', 'fd00:2:0:1::1', '2001:db8::1']
const NETS = [
  ...[
    '10.0.0.0/8',
    '10.1.0.0/16',
    '10.1.0.0/24',
    '10.1.0.2/31',
    '10.2.0.1/32',
    '10.2.0.0/23',
    '192.0.2.0/24',
    '0.0.0.0/0',
  ],
  ...['fd00::/16', 'fd00:1::/32', 'fd00:1::2/128', '::/0'],
]
const OWNED = [
  ...[
    ['10.1.0.0/16', 'a'],
    ['10.1.0.0/30', 'a'],
    ['10.2.0.0/16', 'b'],
    ['10.2.1.0/24', 'b'],
    ['fd00:1::/32', 'a'],
    ['fd00:2::/32', 'b'],
  ],
] as [string, string][]

const pick = fc.constantFrom
const LABELS = ['app', 'env', 'pcns.team', 'projectcalico.org/namespace'] as const
const VALUES = ['x', 'y', 'xy'] as const

const labels = fc.dictionary(pick(...LABELS), pick(...VALUES), {maxKeys: 3, noNullPrototype: true})
const named = fc.record({name: pick('http', 'dns'), protocol: pick('tcp' as const, 'udp' as const), port: pick(53, 80)})
const attributeSet = (kind: AttributeSet['kind']): fc.Arbitrary<AttributeSet> =>
  fc
    .record({
      labels,
      namespace: pick(null, 'x'),
      serviceAccount: pick(null, 'bot'),
      ports: fc.array(named, {maxLength: kind === 'pod' ? 2 : 0}),
    })
    .map((part) => attributes(kind, part))

const siteOf = (at: string): string => (at.startsWith('10.2') || at.startsWith('fd00:2') ? 'b' : 'a')
const endpoint = fc
  .tuple(pick(...[...HOSTS_4, ...HOSTS_6].slice(0, -1)), attributeSet('pod'), pick(1, 2))
  .map(([at, set, modRevision]): Placed => ({at, site: siteOf(at), set, modRevision}))
const hostEndpoint = fc
  .tuple(pick('10.1.0.3', '10.2.0.2', 'fd00:2::1'), attributeSet('host'))
  .map(([at, set]): Placed => ({at, site: siteOf(at), set}))
const networkSet = fc.tuple(pick(...NETS), attributeSet('set')).map(([at, set]): Placed => ({at, site: 'a', set}))
const owned = fc.tuple(pick(...OWNED), attributeSet('prefix')).map(([[at, site], set]): Placed => ({at, site, set}))

const atom = fc.oneof(
  fc
    .tuple(pick(...LABELS), pick('==', '!=', 'contains', 'starts with', 'ends with'), pick(...VALUES))
    .map(([label, operator, value]) => `${label} ${operator} '${value}'`),
  fc
    .tuple(pick(...LABELS), pick('in', 'not in'), fc.array(pick(...VALUES), {maxLength: 2}))
    .map(([label, operator, values]) => `${label} ${operator} {${values.map((value) => `'${value}'`).join()}}`),
  pick(...LABELS).map((label) => `has(${label})`),
  pick('all()'),
)
const selector = fc.oneof(
  {weight: 40, arbitrary: atom},
  {weight: 10, arbitrary: atom.map((one) => `!(${one})`)},
  {weight: 20, arbitrary: fc.tuple(atom, pick('&&', '||'), atom).map(([a, operator, b]) => `${a} ${operator} ${b}`)},
  {weight: 1, arbitrary: pick('app = x')},
)
const sometimes = <T>(arbitrary: fc.Arbitrary<T>, otherwise: T, weight = 3): fc.Arbitrary<T> =>
  fc.oneof({weight, arbitrary: fc.constant(otherwise)}, {weight: 1, arbitrary})

const teamSelector = selector.map((text) => text.replaceAll('pcns.', ''))
const range = pick({first: 53, last: 53}, {first: 80, last: 80}, {first: 60, last: 1000}, {first: 0, last: 79})
const portSpec: fc.Arbitrary<PortSpec> = fc.record({
  ranges: fc.array(range, {maxLength: 2}),
  names: fc.array(pick('http', 'dns'), {maxLength: 1}),
})
const side: fc.Arbitrary<EntityRule> = fc
  .record({
    selector: sometimes(selector, '', 2),
    notSelector: sometimes(selector, '', 9),
    namespaceSelector: sometimes(fc.oneof(teamSelector, pick('global()', 'all()')), '', 12),
    nets: sometimes(fc.array(pick(...NETS).map(prefix), {maxLength: 3}), [], 8),
    notNets: sometimes(fc.array(pick(...NETS).map(prefix), {maxLength: 2}), [], 12),
    ports: sometimes<PortSpec | null>(portSpec, null, 4),
    notPorts: sometimes<PortSpec | null>(portSpec, null, 6),
    serviceAccounts: sometimes<EntityRule['serviceAccounts']>(pick({names: ['bot'], selector: ''}), null, 9),
    services: sometimes(pick(true), false, 40),
  })
  .map(entity)

const icmp = pick({type: 8, code: null}, {type: 8, code: 0}, {type: 128, code: null}, {type: 13, code: 1})
const PROTOCOLS = [6, 17, 1, 58, 132, 47]
const oneRule: fc.Arbitrary<Rule> = fc
  .record({
    action: fc.oneof(
      {weight: 4, arbitrary: pick<Rule['action']>('Allow', 'Allow', 'Deny')},
      pick<Rule['action']>('Pass', 'Log'),
    ),
    protocol: sometimes<number | null>(pick(...PROTOCOLS, 6, 17), null, 1),
    notProtocol: sometimes<number | null>(pick(...PROTOCOLS), null, 8),
    icmp: sometimes<Rule['icmp']>(icmp, null, 9),
    notIcmp: sometimes<Rule['icmp']>(icmp, null, 12),
    ipVersion: sometimes<4 | 6 | null>(pick(4, 6), null, 8),
    source: side,
    destination: side,
    http: sometimes(pick(true), false, 40),
    mended: pick(6, 6, 17, null),
  })
  .map(({action, mended, ...part}) => {
    // Port numbers without a protocol make the rule one that cannot be meant: seldom, or nothing else would be tested.
    const hasPorts = [part.source, part.destination].some(({ports, notPorts}) => ports || notPorts)
    return rule(action, {...part, ...(hasPorts && mended ? {protocol: mended, icmp: null, notIcmp: null} : {})})
  })

const TIERS = ['first', 'default', 'unstored']
const onePolicy = fc
  .record({
    tier: pick(...TIERS),
    order: pick(null, 1, 2),
    selector: sometimes(selector, '', 1),
    namespaceSelector: sometimes(teamSelector, '', 8),
    serviceAccountSelector: sometimes(pick('all()'), '', 12),
    types: pick<Policy['types']>(['ingress'], ['egress'], ['ingress', 'egress']),
    ingress: fc.array(oneRule, {minLength: 1, maxLength: 4, size: 'max'}),
    egress: fc.array(oneRule, {minLength: 1, maxLength: 4, size: 'max'}),
    doNotTrack: sometimes(pick(true), false, 30),
  })
  .chain((part) => fc.integer({min: 0, max: 99}).map((number) => policy(`p${number}`, part)))

export const tiers: fc.Arbitrary<Tier[]> = fc
  .tuple(pick<Tier['defaultAction']>('Deny', 'Pass'), pick<Tier['defaultAction']>('Deny', 'Pass'), pick(1, 9))
  .map(([first, second, order]) => [tier('first', order, first), tier('default', 5, second)])

const many = <T>(arbitrary: fc.Arbitrary<T>, maxLength: number, minLength = 0): fc.Arbitrary<T[]> =>
  fc.array(arbitrary, {minLength, maxLength, size: 'max'})

export const placed: fc.Arbitrary<Placed[]> = fc
  .tuple(
    many(endpoint, 10, 3),
    many(hostEndpoint, 2),
    many(networkSet, 4),
    fc.uniqueArray(owned, {selector: ({at}) => at, maxLength: 6, size: 'max'}),
  )
  .map((parts) => parts.flat())

export const policies: fc.Arbitrary<Policy[]> = fc.uniqueArray(onePolicy, {
  selector: ({keyName}) => keyName,
  maxLength: 5,
  size: 'max',
})

export const worlds: fc.Arbitrary<World> = fc.tuple(placed, tiers, policies).map((parts) => world(...parts))

const hosts = fc.oneof(
  fc.tuple(pick(...HOSTS_4.slice(0, -1)), pick(...HOSTS_4.slice(0, -1))),
  fc.tuple(pick(...HOSTS_4), pick(...HOSTS_4)),
  fc.tuple(pick(...HOSTS_6), pick(...HOSTS_6)),
)
export const packets: fc.Arbitrary<Packet> = fc
  .record({
    ends: hosts,
    protocol: pick(...PROTOCOLS, 6, 17),
    sourcePort: pick(53, 80, 40_000),
    destinationPort: pick(53, 80, 443, 65_535),
    icmpType: pick(8, 13, 128),
    icmpCode: pick(0, 1),
  })
  .map(({ends: [from, to], protocol, sourcePort, destinationPort, icmpType, icmpCode}) => ({
    from: address(from),
    to: address(to),
    protocol,
    ...([6, 17, 132].includes(protocol) ? {sourcePort, destinationPort} : {}),
    ...([1, 58].includes(protocol) ? {icmpType, icmpCode} : {}),
  }))

export const verdicts = pick('allow' as const, 'deny' as const)
