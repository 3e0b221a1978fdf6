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
/** Own labels, and those that come from profiles of namespaces and service accounts. */
const LABELS = ['app', 'env', 'pcns.team', 'pcsa.role', 'projectcalico.org/namespace'] as const
/** The empty value is one that is there. */
const VALUES = ['x', 'y', 'xy', ''] as const

const labels = fc.dictionary(pick(...LABELS), pick(...VALUES), {maxKeys: 4, noNullPrototype: true})
const named = fc.record({
  name: pick('http', 'dns'),
  protocol: pick('tcp' as const, 'tcp' as const, 'udp' as const, 'sctp' as const),
  port: pick(53, 80, 40_000),
})
/** Ports also where a name must not be resolved: at sets and prefixes. */
const attributeSet = (kind: AttributeSet['kind']): fc.Arbitrary<AttributeSet> =>
  fc
    .record({
      labels,
      namespace: pick(null, 'x', 'y'),
      serviceAccount: pick(null, 'bot', 'root'),
      ports: fc.array(named, {maxLength: 3, size: 'max'}),
    })
    .map((part) => attributes(kind, part))

const siteOf = (at: string): string => (at.startsWith('10.2') || at.startsWith('fd00:2') ? 'b' : 'a')
/** One object at each of its addresses: of either family, or of both. */
const at = (places: readonly string[], set: AttributeSet, modRevision = 1): Placed[] =>
  places.map((place) => ({at: place, site: siteOf(place), set, modRevision}))
const oneAddress = pick(...[...HOSTS_4, ...HOSTS_6].slice(0, -1)).map((place) => [place])
const twoAddresses = fc.tuple(pick(...HOSTS_4.slice(0, -1)), pick(...HOSTS_6.slice(0, -1)))
const endpoint = fc.tuple(fc.oneof(oneAddress, twoAddresses), attributeSet('pod'), pick(1, 2)).map((pod) => at(...pod))
const hostEndpoint = fc
  .tuple(pick(['10.1.0.3'], ['10.2.0.2', 'fd00:2::1'], ['fd00:2::1']), attributeSet('host'), pick(1, 2))
  .map((host) => at(...host))
const networkSet = fc
  .tuple(fc.uniqueArray(pick(...NETS), {minLength: 1, maxLength: 3, size: 'max'}), attributeSet('set'))
  .map(([nets, set]) => nets.map((net): Placed => ({at: net, site: 'a', set})))
const owned = fc.tuple(pick(...OWNED), attributeSet('prefix')).map(([[at, site], set]): Placed => ({at, site, set}))

const atom = fc.oneof(
  fc
    .tuple(pick(...LABELS), pick('==', '!=', 'contains', 'starts with', 'ends with'), pick(...VALUES))
    .map(([label, operator, value]) => `${label} ${operator} '${value}'`),
  fc
    .tuple(pick(...LABELS), pick('in', 'not in'), fc.array(pick(...VALUES), {maxLength: 2}))
    .map(([label, operator, values]) => `${label} ${operator} {${values.map((value) => `'${value}'`).join()}}`),
  pick(...LABELS).map((label) => `has(${label})`),
  pick('all()', 'all( )'),
)
const joined = (one: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(one, pick('&&', '||'), one).map(([a, operator, b]) => `${a} ${operator} ${b}`)
const selector = fc.oneof(
  {weight: 40, arbitrary: atom},
  {weight: 10, arbitrary: atom.map((one) => `!(${one})`)},
  {weight: 5, arbitrary: atom.map((one) => `!!${one}`)},
  {weight: 15, arbitrary: joined(atom)},
  {
    weight: 10,
    arbitrary: joined(
      fc.oneof(
        atom,
        joined(atom),
        joined(atom).map((pair) => `!(${pair})`),
      ),
    ),
  },
  {weight: 1, arbitrary: fc.oneof({weight: 2, arbitrary: atom}, pick('app = x', 'global()', "app == 'x' &&"))},
)
const sometimes = <T>(arbitrary: fc.Arbitrary<T>, otherwise: T, weight = 3): fc.Arbitrary<T> =>
  fc.oneof({weight, arbitrary: fc.constant(otherwise)}, {weight: 1, arbitrary})

/** As they are written of namespaces and service accounts, whose labels are prefixed for them. */
const teamSelector = selector.map((text) => text.replaceAll('pcns.', ''))
const roleSelector = selector.map((text) => text.replaceAll('pcsa.', ''))
const range = pick(
  ...[
    {first: 53, last: 53},
    {first: 80, last: 80},
    {first: 60, last: 1000},
    {first: 0, last: 79},
    {first: 443, last: 65_535},
  ],
)
const portSpec: fc.Arbitrary<PortSpec> = fc.record({
  ranges: sometimes(fc.array(range, {maxLength: 3, size: 'max'}), [], 1),
  names: fc.array(pick('http', 'dns', 'none'), {maxLength: 2}),
})
const accounts = fc.record({
  names: fc.array(pick('bot', 'root'), {maxLength: 2}),
  selector: sometimes(roleSelector, '', 1),
})
const oneSide = fc
  .record({
    selector: sometimes(selector, '', 2),
    notSelector: sometimes(selector, '', 9),
    namespaceSelector: sometimes(fc.oneof(teamSelector, pick('global()', 'all()')), '', 12),
    nets: sometimes(fc.array(pick(...NETS).map(prefix), {maxLength: 3}), [], 8),
    notNets: sometimes(fc.array(pick(...NETS).map(prefix), {maxLength: 2}), [], 12),
    ports: sometimes<PortSpec | null>(portSpec, null, 4),
    notPorts: sometimes<PortSpec | null>(portSpec, null, 6),
    serviceAccounts: sometimes<EntityRule['serviceAccounts']>(accounts, null, 9),
    services: sometimes(pick(true), false, 60),
  })
  .map(entity)
/** Often nothing is asked: rules that ask everything seldom match, and what decides is then always the same. */
const side: fc.Arbitrary<EntityRule> = fc.oneof({weight: 2, arbitrary: oneSide}, fc.constant(entity()))

const icmp = pick(
  ...[
    {type: 8, code: null},
    {type: 8, code: 0},
    {type: 128, code: null},
    {type: 13, code: 1},
    {type: 254, code: 255},
    {type: null, code: null},
  ],
)
const PROTOCOLS = [6, 17, 1, 58, 132, 47, 136]
const oneRule: fc.Arbitrary<Rule> = fc
  .record({
    action: fc.oneof(
      {weight: 4, arbitrary: pick<Rule['action']>('Allow', 'Allow', 'Deny')},
      pick<Rule['action']>('Pass', 'Log'),
    ),
    protocol: sometimes<number | null>(pick(...PROTOCOLS, 6, 17), null, 1),
    notProtocol: sometimes<number | null>(pick(...PROTOCOLS), null, 8),
    icmp: sometimes<Rule['icmp']>(icmp, null, 4),
    notIcmp: sometimes<Rule['icmp']>(icmp, null, 3),
    ipVersion: sometimes<4 | 6 | null>(pick(4, 6), null, 8),
    source: side,
    destination: side,
    http: sometimes(pick(true), false, 60),
    // One may be nonsense for what another says: ports of ICMP, types of UDP. It must be judged, but seldom.
    sense: pick('ports', 'ports', 'ports', 'icmp', 'icmp', 'any'),
    withPorts: pick(6, 6, 17, 132),
  })
  .map(({action, sense, withPorts, ...part}) => {
    const hasPorts = [part.source, part.destination].some(({ports, notPorts}) => ports || notPorts)
    const {source, destination} = part
    if (sense === 'ports') {
      const numbers = [source, destination].some(({ports, notPorts}) => ports?.ranges.length || notPorts?.ranges.length)
      const protocol = hasPorts && (numbers || part.protocol !== null) ? withPorts : part.protocol
      return rule(action, {...part, icmp: null, notIcmp: null, protocol})
    }
    if (sense === 'any') return rule(action, part)
    const noPorts = {ports: null, notPorts: null}
    const ofIcmp = part.protocol === 1 || part.protocol === 58 ? part.protocol : null
    const ends = {source: {...source, ...noPorts}, destination: {...destination, ...noPorts}}
    return rule(action, {...part, ...ends, ...(part.icmp || part.notIcmp ? {protocol: ofIcmp} : {})})
  })

const TIERS = ['first', 'default', 'third', 'unstored', 'lost']
const ORDERS = [null, null, 1, 1, 2, -1.5]
const KINDS: Policy['kind'][] = [
  ...new Array<Policy['kind']>(12).fill('GlobalNetworkPolicy'),
  ...(['StagedGlobalNetworkPolicy', 'StagedNetworkPolicy', 'NetworkPolicy'] as const),
]
const onePolicy = fc
  .record({
    kind: pick(...KINDS),
    tier: pick(...TIERS, 'first', 'default'),
    order: pick(...ORDERS),
    selector: sometimes(selector, '', 1),
    namespaceSelector: sometimes(teamSelector, '', 8),
    serviceAccountSelector: sometimes(roleSelector, '', 9),
    types: pick<Policy['types']>(['ingress'], ['egress'], ['ingress', 'egress']),
    ingress: fc.array(oneRule, {maxLength: 4, size: 'max'}),
    egress: fc.array(oneRule, {maxLength: 4, size: 'max'}),
    doNotTrack: sometimes(pick(true), false, 30),
    preDnat: sometimes(pick(true), false, 30),
    applyOnForward: pick(true, false),
    refused: sometimes(pick(true), false, 30),
    number: fc.integer({min: 0, max: 99}),
    // A policy whose key still has its old name is sorted by that.
    legacy: sometimes(pick(true), false, 4),
  })
  .map(({number, legacy, refused, ...part}) =>
    policy(`p${number}`, {
      ...part,
      ...(legacy ? {keyName: `default.p${number}`} : {}),
      ...(refused ? {refused: true as const} : {}),
    }),
  )

const oneTier = (name: string): fc.Arbitrary<Tier> =>
  fc
    .tuple(pick(...ORDERS, 5, 9), pick<Tier['defaultAction']>('Deny', 'Pass'))
    .map(([order, end]) => tier(name, order, end))
export const tiers: fc.Arbitrary<Tier[]> = fc.tuple(oneTier('third'), oneTier('first'), oneTier('default'))

const many = <T>(arbitrary: fc.Arbitrary<T>, maxLength: number, minLength = 0): fc.Arbitrary<T[]> =>
  fc.array(arbitrary, {minLength, maxLength, size: 'max'})

export const placed: fc.Arbitrary<Placed[]> = fc
  .tuple(
    many(endpoint, 10, 3),
    many(hostEndpoint, 2),
    many(networkSet, 4),
    fc.uniqueArray(owned, {selector: ({at}) => at, maxLength: 6, size: 'max'}),
  )
  .map(([pods, machines, sets, prefixes]) => [...pods.flat(), ...machines.flat(), ...sets.flat(), ...prefixes])

export const policies: fc.Arbitrary<Policy[]> = fc.uniqueArray(onePolicy, {
  selector: ({keyName}) => keyName,
  maxLength: 8,
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
    protocol: pick(...PROTOCOLS, 6, 6, 17, 17),
    sourcePort: pick(53, 80, 40_000),
    destinationPort: pick(0, 53, 80, 443, 40_000, 65_535),
    icmpType: pick(8, 8, 13, 128, 128, 254),
    icmpCode: pick(0, 1, 255),
  })
  .map(({ends: [from, to], protocol, sourcePort, destinationPort, icmpType, icmpCode}) => ({
    from: address(from),
    to: address(to),
    protocol,
    ...([6, 17, 132].includes(protocol) ? {sourcePort, destinationPort} : {}),
    ...([1, 58].includes(protocol) ? {icmpType, icmpCode} : {}),
  }))

export const verdicts = pick('allow' as const, 'deny' as const)
