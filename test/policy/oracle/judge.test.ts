import assert from 'node:assert/strict'
import type {Policy, Rule, Tier} from '../../../src/model/index.ts'
import {type Judgement, judge, type Packet} from '../../../src/policy/oracle/index.ts'
import {address, attributes, entity, type Placed, policy, prefix, rule, tier, world} from '../worlds.ts'

const web = attributes('pod', {
  labels: {app: 'web', 'isthmus.io/site': 'a', 'pcns.env': 'prod', 'pcsa.role': 'r'},
  namespace: 'shop',
  serviceAccount: 'bot',
})
const db = attributes('pod', {
  labels: {app: 'db', 'isthmus.io/site': 'b'},
  namespace: 'shop',
  ports: [
    {name: 'sql', protocol: 'tcp', port: 5432},
    {name: 'sql', protocol: 'udp', port: 5433},
  ],
})
const host = attributes('host', {labels: {app: 'node', 'isthmus.io/site': 'b'}})
const owned = attributes('prefix', {labels: {role: 'rack', 'isthmus.io/site': 'b'}})
const outside = attributes('set', {labels: {group: 'partners'}})
const alsoDb = attributes('set', {labels: {group: 'databases', app: 'db'}})

const PLACES: Placed[] = [
  {at: '10.1.0.5/32', site: 'a', set: web},
  {at: 'fd00:1::5/128', site: 'a', set: web},
  {at: '10.2.0.7/32', site: 'b', set: db},
  {at: 'fd00:2::7/128', site: 'b', set: db},
  {at: '10.2.0.8/32', site: 'b', set: host},
  {at: '10.2.0.0/16', site: 'b', set: owned},
  {at: '192.0.2.0/24', site: 'a', set: outside},
  {at: '10.2.0.0/24', site: 'a', set: alsoDb},
]

const tcp = (port: number, part: Partial<Packet> = {}): Packet => ({
  from: address('10.1.0.5'),
  to: address('10.2.0.7'),
  protocol: 6,
  sourcePort: 40_000,
  destinationPort: port,
  ...part,
})
const to = (text: string): Partial<Packet> => ({to: address(text)})
const from = (text: string): Partial<Packet> => ({from: address(text)})
const ipv6 = {...from('fd00:1::5'), ...to('fd00:2::7')}
const ping = (type: number, code = 0): Packet => {
  return {from: address('10.1.0.5'), to: address('10.2.0.7'), protocol: 1, icmpType: type, icmpCode: code}
}

const ports = (...numbers: number[]) => ({ranges: numbers.map((first) => ({first, last: first})), names: []})
const named = (...names: string[]) => ({ranges: [], names})

interface Case {
  readonly name: string
  readonly tiers?: Tier[]
  readonly policies: Policy[]
  readonly packet?: Packet
  readonly default?: 'allow' | 'deny'
  readonly want: Partial<Record<keyof Judgement, unknown>>
}

const ingress = (name: string, rules: Rule[], part: Partial<Policy> = {}): Policy =>
  policy(name, {types: ['ingress'], ingress: rules, selector: "app == 'db'", ...part})

/** The rule is an allow: `allow` if it matches, `deny` at the end of the tier if not. */
const matching = (name: string, part: Partial<Rule>, matches: boolean, packet = tcp(5432)): Case => ({
  name,
  policies: [ingress('p', [rule('Allow', part)])],
  packet,
  want: matches
    ? {verdict: 'allow', reason: 'rule', rule: 0}
    : {verdict: 'deny', reason: 'tier', policy: null, rule: null},
})

const ALLOW = rule('Allow')
const DENY = rule('Deny')
const PASS = rule('Pass')

const CASES: Case[] = [
  {
    name: 'no policy: the default',
    policies: [],
    default: 'allow',
    want: {verdict: 'allow', reason: 'default', direction: 'ingress', site: 'b'},
  },
  {
    name: 'no policy: the first refusing direction',
    policies: [],
    want: {verdict: 'deny', reason: 'default', direction: 'egress', site: 'a'},
  },
  {
    name: 'both ends unowned',
    policies: [],
    default: 'allow',
    packet: tcp(1, {...from('192.0.2.1'), ...to('192.0.2.2')}),
    want: {verdict: 'deny', reason: 'unowned', direction: null, site: null},
  },
  {
    name: 'source unowned: ingress alone decides',
    policies: [],
    default: 'allow',
    packet: tcp(1, from('192.0.2.1')),
    want: {verdict: 'allow', direction: 'ingress'},
  },
  {
    name: 'destination unowned: egress alone decides',
    policies: [],
    default: 'allow',
    packet: tcp(1, to('192.0.2.1')),
    want: {verdict: 'allow', direction: 'egress'},
  },
  {
    name: 'a rule decides',
    policies: [ingress('p', [DENY])],
    want: {
      verdict: 'deny',
      reason: 'rule',
      direction: 'ingress',
      site: 'b',
      kind: 'GlobalNetworkPolicy',
      tier: 'default',
      policy: 'p',
      rule: 0,
    },
  },
  {
    name: 'no rule matches: the tier denies',
    policies: [ingress('p', [])],
    want: {verdict: 'deny', reason: 'tier', tier: 'default', policy: null},
  },
  {
    name: 'a tier whose default is Pass goes on',
    tiers: [tier('default', 1, 'Pass')],
    policies: [ingress('p', [])],
    want: {verdict: 'allow', reason: 'default'},
  },
  {
    name: 'a tier that selects nobody is skipped',
    policies: [ingress('p', [DENY], {selector: "app == 'x'"})],
    want: {verdict: 'allow', reason: 'default'},
  },
  {
    name: 'rules of a direction not in types are ignored',
    policies: [ingress('p', [DENY], {types: ['egress'], selector: "app == 'db'"})],
    want: {verdict: 'allow'},
  },
  {
    name: 'egress is checked first',
    policies: [policy('p', {ingress: [DENY], egress: [DENY]})],
    want: {direction: 'egress', site: 'a', verdict: 'deny'},
  },
  {
    name: 'Pass leaves the tier',
    tiers: [tier('t1', 1), tier('t2', 2)],
    policies: [ingress('p', [PASS, DENY], {tier: 't1'}), ingress('q', [ALLOW], {tier: 't2'})],
    want: {verdict: 'allow', tier: 't2'},
  },
  {
    name: 'Pass in the last tier gives the default',
    policies: [ingress('p', [PASS])],
    want: {verdict: 'allow', reason: 'default'},
  },
  {name: 'Log decides nothing', policies: [ingress('p', [rule('Log'), DENY])], want: {verdict: 'deny', rule: 1}},
  {
    name: 'tiers by order',
    tiers: [tier('a', 2), tier('b', 1)],
    policies: [ingress('p', [DENY], {tier: 'a'}), ingress('q', [ALLOW], {tier: 'b'})],
    want: {tier: 'b'},
  },
  {
    name: 'tiers without order last, then by name',
    tiers: [tier('a', null), tier('c', 9), tier('b', null)],
    policies: [ingress('p', [DENY], {tier: 'a'}), ingress('q', [ALLOW], {tier: 'c'})],
    want: {tier: 'c'},
  },
  {
    name: 'tiers without order by name',
    tiers: [tier('b', null), tier('a', null)],
    policies: [ingress('p', [ALLOW], {tier: 'a'}), ingress('q', [DENY], {tier: 'b'})],
    want: {tier: 'a'},
  },
  {
    name: 'tiers of one order by name, byte by byte',
    tiers: [tier('a', 1), tier('B', 1)],
    policies: [ingress('p', [DENY], {tier: 'a'}), ingress('q', [ALLOW], {tier: 'B'})],
    want: {tier: 'B'},
  },
  {
    name: 'of tiers that nobody stored the first by name',
    policies: [ingress('p', [DENY], {tier: 'y'}), ingress('q', [ALLOW], {tier: 'x'})],
    want: {tier: 'x'},
  },
  {
    name: 'a tier that nobody stored comes last',
    tiers: [tier('z', null)],
    policies: [ingress('p', [DENY], {tier: 'a'}), ingress('q', [ALLOW], {tier: 'z'})],
    want: {tier: 'z'},
  },
  {
    name: 'a tier that nobody stored denies',
    tiers: [],
    policies: [ingress('p', [], {tier: 'a'})],
    want: {reason: 'tier', tier: 'a'},
  },
  {
    name: 'policies by order',
    policies: [ingress('p', [DENY], {order: 2}), ingress('q', [ALLOW], {order: -1.5})],
    want: {policy: 'q'},
  },
  {
    name: 'policies without order last',
    policies: [ingress('p', [DENY]), ingress('q', [ALLOW], {order: 1e9})],
    want: {policy: 'q'},
  },
  {
    name: 'ties by the name of the key',
    policies: [ingress('b', [DENY], {order: 1}), ingress('c', [ALLOW], {order: 1, keyName: 'a'})],
    want: {policy: 'c'},
  },
  {
    name: 'policies of one order by name',
    policies: [ingress('b', [DENY], {order: 1}), ingress('a', [ALLOW], {order: 1})],
    want: {policy: 'a'},
  },
  {
    name: 'policies without order by name',
    policies: [ingress('b', [DENY]), ingress('a', [ALLOW])],
    want: {policy: 'a'},
  },
  {
    name: 'a tier of staged policies alone is skipped',
    policies: [ingress('p', [], {kind: 'StagedGlobalNetworkPolicy'})],
    want: {verdict: 'allow', reason: 'default'},
  },
  {
    name: 'each direction is judged on its own',
    policies: [policy('p', {egress: [ALLOW], types: ['egress']}), ingress('q', [DENY])],
    want: {verdict: 'deny', direction: 'ingress', policy: 'q'},
  },
  {
    name: 'staged is absent',
    policies: [ingress('p', [DENY], {kind: 'StagedGlobalNetworkPolicy'})],
    want: {verdict: 'allow'},
  },
  {name: 'doNotTrack is absent', policies: [ingress('p', [DENY], {doNotTrack: true})], want: {verdict: 'allow'}},
  {name: 'preDNAT is absent', policies: [ingress('p', [DENY], {preDnat: true})], want: {verdict: 'allow'}},
  {
    name: 'namespaceSelector of a policy',
    policies: [policy('p', {types: ['egress'], egress: [DENY], namespaceSelector: "env == 'prod'"})],
    want: {direction: 'egress', verdict: 'deny'},
  },
  {
    name: 'serviceAccountSelector of a policy',
    policies: [policy('p', {types: ['egress'], egress: [DENY], serviceAccountSelector: "role == 'q'"})],
    want: {verdict: 'allow'},
  },
  {
    name: 'a policy whose selector cannot be read is absent',
    policies: [ingress('p', [DENY], {selector: 'app ='})],
    want: {verdict: 'allow'},
  },
  {
    name: 'a policy that was refused denies, whatever its rules',
    policies: [ingress('p', [ALLOW], {refused: true})],
    want: {verdict: 'deny', reason: 'rule', policy: 'p', rule: null},
  },
  {
    name: 'a policy that was refused denies what it selects and nothing else',
    policies: [ingress('p', [], {refused: true, selector: "app == 'web'"}), ingress('q', [ALLOW])],
    want: {verdict: 'allow', policy: 'q'},
  },
  {
    name: 'a policy whose rule cannot be read denies',
    policies: [ingress('p', [ALLOW, rule('Allow', {source: entity({selector: 'app ='})})])],
    want: {verdict: 'deny', policy: 'p', rule: null},
  },
  matching('http never allows', {http: true}, false),
  {
    name: 'a deny that cannot be meant denies only what it could have meant',
    policies: [ingress('p', [rule('Deny', {http: true, protocol: 17}), ALLOW])],
    want: {verdict: 'allow', rule: 1},
  },
  {name: 'http denies', policies: [ingress('p', [rule('Deny', {http: true})])], want: {verdict: 'deny', rule: 0}},
  {
    name: 'a pass with services denies',
    policies: [ingress('p', [rule('Pass', {source: entity({services: true})})])],
    want: {verdict: 'deny', rule: 0},
  },
  matching('services never allow', {destination: entity({services: true})}, false),
  matching('protocol', {protocol: 6}, true),
  matching('a protocol without ports', {protocol: 47}, true, {
    from: address('10.1.0.5'),
    to: address('10.2.0.7'),
    protocol: 47,
  }),
  matching('protocol and notProtocol of one number', {protocol: 6, notProtocol: 6}, false),
  matching('another protocol', {protocol: 17}, false),
  matching('notProtocol', {notProtocol: 17}, true),
  matching('notProtocol of this one', {notProtocol: 6}, false),
  matching('ipVersion', {ipVersion: 4}, true),
  matching('ipVersion of the other family', {ipVersion: 6}, false),
  matching('ports', {protocol: 6, destination: entity({ports: ports(80, 5432)})}, true),
  matching('other ports', {protocol: 6, destination: entity({ports: ports(80)})}, false),
  matching(
    'a range',
    {protocol: 6, destination: entity({ports: {ranges: [{first: 5000, last: 6000}], names: []}})},
    true,
  ),
  matching('notPorts', {protocol: 6, destination: entity({notPorts: ports(5432)})}, false),
  matching('other notPorts', {protocol: 6, destination: entity({notPorts: ports(80)})}, true),
  matching(
    'a port in both lists',
    {protocol: 6, destination: entity({ports: ports(5432), notPorts: ports(5432)})},
    false,
  ),
  matching(
    'ports that are numbers, ranges and names',
    {
      protocol: 6,
      destination: entity({
        ports: {
          ranges: [
            {first: 1, last: 9},
            {first: 80, last: 80},
          ],
          names: ['sql'],
        },
      }),
    },
    true,
  ),
  matching(
    'ports of SCTP',
    {protocol: 132, destination: entity({ports: ports(5432)})},
    true,
    tcp(5432, {protocol: 132}),
  ),
  matching('source ports', {protocol: 6, source: entity({ports: ports(40_000)})}, true),
  matching('an unknown source port', {protocol: 6, source: entity({ports: ports(40_000)})}, false, {
    from: address('10.1.0.5'),
    to: address('10.2.0.7'),
    protocol: 6,
    destinationPort: 1,
  }),
  matching('port numbers without a protocol allow nothing', {destination: entity({ports: ports(5432)})}, false),
  {
    name: 'port numbers without a protocol deny everything',
    policies: [ingress('p', [rule('Deny', {destination: entity({ports: ports(1)})})])],
    want: {verdict: 'deny', rule: 0},
  },
  matching('a named port', {protocol: 6, destination: entity({ports: named('sql')})}, true),
  matching(
    'a named port of another protocol',
    {protocol: 17, destination: entity({ports: named('sql')})},
    true,
    tcp(5433, {protocol: 17}),
  ),
  matching(
    'a named port without protocol is TCP',
    {destination: entity({ports: named('sql')})},
    false,
    tcp(5433, {protocol: 17}),
  ),
  matching(
    'a named port of an endpoint that the selector does not mean',
    {protocol: 6, destination: entity({ports: named('sql'), selector: "group == 'databases'"})},
    false,
  ),
  matching(
    'a named port of the source',
    {protocol: 6, source: entity({ports: named('sql')})},
    true,
    tcp(9999, {...from('10.2.0.7'), sourcePort: 5432}),
  ),
  matching('a named port that nobody has', {protocol: 6, destination: entity({ports: named('http')})}, false),
  matching('a named notPort that nobody has', {protocol: 6, destination: entity({notPorts: named('http')})}, true),
  matching(
    'a named notPort without protocol lets UDP of that number through',
    {destination: entity({notPorts: named('sql')})},
    true,
    tcp(5433, {protocol: 17}),
  ),
  matching(
    'a named notPort lets through what has no ports',
    {destination: entity({notPorts: named('sql')})},
    true,
    ping(8),
  ),
  matching(
    'a named notPort, IPv6',
    {protocol: 6, destination: entity({notPorts: named('sql')})},
    false,
    tcp(5432, ipv6),
  ),
  matching('a named notPort', {protocol: 6, destination: entity({notPorts: named('sql')})}, false),
  matching('selector', {source: entity({selector: "app == 'web'"})}, true),
  matching('selector of another', {source: entity({selector: "app == 'db'"})}, false),
  matching('notSelector', {source: entity({notSelector: "app == 'web'"})}, false),
  matching(
    'notSelector also matches external addresses',
    {source: entity({notSelector: "app == 'web'"})},
    true,
    tcp(1, from('198.51.100.1')),
  ),
  matching(
    'a positive selector matches no external address',
    {source: entity({selector: 'all()'})},
    false,
    tcp(1, from('198.51.100.1')),
  ),
  matching('a network set', {source: entity({selector: "group == 'partners'"})}, true, tcp(1, from('192.0.2.1'))),
  matching('a set and a pod hold the address', {destination: entity({selector: "group == 'databases'"})}, true),
  matching(
    'both selectors ask one and the same object',
    {destination: entity({selector: 'has(app)', notSelector: 'has(group)'})},
    true,
  ),
  matching('a notSelector alone asks all objects', {destination: entity({notSelector: 'has(group)'})}, false),
  matching(
    'one object must have all that a selector asks for',
    {destination: entity({selector: "has(group) && app == 'web'"})},
    false,
  ),
  matching(
    'selector and namespaceSelector',
    {source: entity({selector: "app == 'web'", namespaceSelector: 'has(env)'})},
    true,
  ),
  matching(
    'selector and another namespaceSelector',
    {source: entity({selector: "app == 'web'", namespaceSelector: "env == 'test'"})},
    false,
  ),
  matching(
    'namespaceSelector and notSelector',
    {source: entity({notSelector: "app == 'db'", namespaceSelector: 'all()'})},
    true,
  ),
  matching(
    'namespaceSelector global() means hosts and global sets',
    {source: entity({namespaceSelector: 'global()'})},
    true,
    tcp(1, from('192.0.2.1')),
  ),
  matching('a label that is missing is unequal', {source: entity({selector: "tier != 'x'"})}, true),
  matching('a label that is missing is in no set', {source: entity({selector: "tier not in {'x'}"})}, true),
  matching('a label that is missing contains nothing', {source: entity({selector: "tier contains ''"})}, false),
  matching('namespaceSelector', {source: entity({namespaceSelector: "env == 'prod'"})}, true),
  matching('namespaceSelector all()', {source: entity({namespaceSelector: 'all()'})}, true),
  matching('namespaceSelector global()', {source: entity({namespaceSelector: 'global()'})}, false),
  matching('service account by name', {source: entity({serviceAccounts: {names: ['bot'], selector: ''}})}, true),
  matching(
    'service account by label',
    {source: entity({serviceAccounts: {names: [], selector: "role == 'x'"}})},
    false,
  ),
  matching(
    'service account by name and by label',
    {source: entity({serviceAccounts: {names: ['bot'], selector: "role == 'r'"}})},
    true,
  ),
  matching(
    'service account by name, and another label',
    {source: entity({serviceAccounts: {names: ['bot'], selector: "role == 'q'"}})},
    false,
  ),
  matching(
    'selector and service account',
    {source: entity({selector: "app == 'db'", serviceAccounts: {names: ['bot'], selector: ''}})},
    false,
  ),
  matching('selector and nets', {source: entity({selector: "app == 'web'", nets: [prefix('10.9.0.0/16')]})}, false),
  matching('notNets of everything', {source: entity({notNets: [prefix('0.0.0.0/0')]})}, false),
  matching(
    'notNets of both families',
    {source: entity({notNets: [prefix('10.9.0.0/16'), prefix('fd00:1::/48')]})},
    true,
  ),
  matching(
    'notNets of both families, IPv6',
    {source: entity({notNets: [prefix('10.9.0.0/16'), prefix('fd00:1::/48')]})},
    false,
    tcp(1, ipv6),
  ),
  matching('nets', {source: entity({nets: [prefix('10.1.0.0/16')]})}, true),
  matching('other nets', {source: entity({nets: [prefix('10.9.0.0/16')]})}, false),
  matching('notNets', {source: entity({notNets: [prefix('10.1.0.0/16')]})}, false),
  matching('nets of the other family skip the rule', {source: entity({nets: [prefix('fd00::/8')]})}, false),
  matching('notNets of the other family skip the rule', {source: entity({notNets: [prefix('fd00::/8')]})}, false),
  matching('nets of both families', {source: entity({nets: [prefix('fd00::/8'), prefix('10.0.0.0/8')]})}, true),
  matching(
    'nets of both families, IPv6',
    {source: entity({nets: [prefix('fd00::/8'), prefix('10.0.0.0/8')]})},
    true,
    tcp(1, ipv6),
  ),
  matching('ICMP type', {protocol: 1, icmp: {type: 8, code: null}}, true, ping(8)),
  matching('another ICMP type', {protocol: 1, icmp: {type: 8, code: null}}, false, ping(13)),
  matching('ICMP code', {protocol: 1, icmp: {type: 8, code: 1}}, false, ping(8)),
  matching('ICMP type without protocol', {icmp: {type: 8, code: 0}}, true, ping(8)),
  matching('ICMP type of IPv6', {icmp: {type: 128, code: null}}, true, {...ping(128), ...ipv6, protocol: 58}),
  matching('ICMP over IPv6 is no ICMPv6', {protocol: 1, icmp: {type: 128, code: null}}, false, {
    ...ping(128),
    ...ipv6,
    protocol: 58,
  }),
  matching('ICMP type of what is no ICMP', {icmp: {type: 8, code: null}}, false),
  matching('notICMP of what is no ICMP', {notIcmp: {type: 8, code: null}}, false),
  matching('notICMP of another code', {protocol: 1, notIcmp: {type: 8, code: 1}}, true, ping(8)),
  matching(
    'ICMP type without one code',
    {protocol: 1, icmp: {type: 3, code: null}, notIcmp: {type: 3, code: 4}},
    false,
    ping(3, 4),
  ),
  matching('notICMP', {protocol: 1, notIcmp: {type: 8, code: null}}, true, ping(13)),
  matching('notICMP of this one', {protocol: 1, notIcmp: {type: 8, code: 0}}, false, ping(8)),
  {
    name: 'a prefix is a subject',
    policies: [ingress('p', [DENY], {selector: "role == 'rack'"})],
    packet: tcp(1, to('10.2.9.9')),
    want: {verdict: 'deny', policy: 'p'},
  },
  {
    name: 'not where a pod holds the address',
    policies: [ingress('p', [DENY], {selector: "role == 'rack'"})],
    want: {verdict: 'allow'},
  },
  {
    name: 'a host is a subject',
    policies: [ingress('p', [DENY], {selector: "app == 'node'"})],
    packet: tcp(1, to('10.2.0.8')),
    want: {verdict: 'deny'},
  },
  {name: 'a set is no subject', policies: [ingress('p', [DENY], {selector: 'has(group)'})], want: {verdict: 'allow'}},
]

describe('judge', () => {
  for (const {name, tiers = [tier('default', 1)], policies, packet = tcp(5432), want, ...rest} of CASES) {
    it(name, () => {
      const found = judge(
        world(PLACES, tiers, policies),
        rest.default ?? (name.startsWith('no policy') ? 'deny' : 'allow'),
        packet,
      )
      assert.deepEqual({...found, ...want}, found)
    })
  }

  it('of two endpoints with one address the latest counts, as subject and as peer', () => {
    const twice = [...PLACES, {at: '10.2.0.7/32', site: 'b', set: web, modRevision: 9}]
    const denied = judge(world(twice, [tier('default', 1)], [ingress('p', [DENY])]), 'allow', tcp(1))
    assert.equal(denied.verdict, 'allow')
  })

  it('the longest owned prefix counts', () => {
    const rack = attributes('prefix', {labels: {role: 'inner'}})
    const nested = [...PLACES, {at: '10.2.9.0/24', site: 'b', set: rack}]
    const found = judge(
      world(nested, [tier('default', 1)], [ingress('p', [DENY], {selector: "role == 'rack'"})]),
      'allow',
      tcp(1, to('10.2.9.9')),
    )
    assert.equal(found.verdict, 'allow')
  })
})
