import assert from 'node:assert/strict'
import {validateDocuments} from '../../src/documents/index.ts'
import {apiVersion, document, gnp, tier, told, validate, yamlOf} from './documents.ts'

const rule = (fields: object) => gnp('p', {ingress: [{action: 'Allow', ...fields}]})
const egress = (fields: object) => gnp('p', {egress: [{action: 'Allow', ...fields}]})
const set = (spec: object, labels: object = {}) => document('GlobalNetworkSet', 's', spec, {labels})
const staged = (spec: object) => document('StagedGlobalNetworkPolicy', 'p', spec)

describe('validateDocuments refuses', () => {
  // Each is wrong in one way and refused for that; the text is all that is said about it.
  const cases: [name: string, document: unknown, said: string][] = [
    // Which document
    ['text', 'Tier', ': "Tier" is no document; it needs apiVersion, kind, metadata and spec'],
    [
      'no kind',
      {apiVersion, metadata: {name: 'p'}},
      'kind: no kind; one of Tier, GlobalNetworkPolicy, StagedGlobalNetworkPolicy, GlobalNetworkSet, NetworkSet, StaticPrefix',
    ],
    [
      'a kind in other letters',
      {apiVersion, kind: 'globalNetworkPolicy', metadata: {name: 'p'}},
      'kind: kind "globalNetworkPolicy" is not stored here; write GlobalNetworkPolicy',
    ],
    [
      'a kind of Kubernetes',
      {apiVersion: 'v1', kind: 'Pod', metadata: {name: 'p'}},
      'kind: kind "Pod" is not stored here; one of Tier, GlobalNetworkPolicy, StagedGlobalNetworkPolicy, GlobalNetworkSet, NetworkSet, StaticPrefix',
    ],
    [
      'another apiVersion',
      {...tier('t'), apiVersion: 'crd.projectcalico.org/v1'},
      'apiVersion: "crd.projectcalico.org/v1" is none of projectcalico.org/v3',
    ],
    ['no apiVersion', {kind: 'Tier', metadata: {name: 't'}}, 'apiVersion: missing, and required'],
    ['no name', {apiVersion, kind: 'Tier', metadata: {}}, 'metadata.name: missing, and required'],
    ['no metadata', {apiVersion, kind: 'Tier', spec: {}}, 'metadata: missing, and required'],
    [
      'a name that is a number',
      {apiVersion, kind: 'Tier', metadata: {name: 7}},
      'metadata.name: 7 is no string; put it in quotes: "7"',
    ],
    [
      'a name in capitals',
      tier('Tier'),
      'metadata.name: "Tier" is no name of a tier; lower case letters, digits and -, beginning and ending with a letter or digit',
    ],
    [
      'a tier with a dot',
      tier('a.b'),
      'metadata.name: "a.b" is no name of a tier; lower case letters, digits and -, beginning and ending with a letter or digit',
    ],
    [
      'a long tier',
      tier('t'.repeat(64)),
      `metadata.name: "${'t'.repeat(64)}" is no name of a tier; lower case letters, digits and -, beginning and ending with a letter or digit`,
    ],
    [
      'a policy that hides its tier',
      gnp('web', {tier: 'platform'}),
      'metadata.name: web is in tier platform, and does not say so; name it platform.web',
    ],
    [
      'a policy that names another tier',
      gnp('other.web', {tier: 'platform'}),
      'metadata.name: other.web is in tier platform, and does not say so; name it platform.other-web',
    ],
    [
      'two dots',
      gnp('platform.a.b', {tier: 'platform'}),
      'metadata.name: platform.a.b is in tier platform, and does not say so; name it platform.a-b',
    ],
    [
      'a dot in the default tier',
      gnp('default.web', {}),
      'metadata.name: default.web has a dot, in the default tier; name it web, or name the tier in spec.tier',
    ],
    [
      'a namespace on a cluster kind',
      document('Tier', 't', {}, {namespace: 'shop'}),
      'metadata.namespace: unknown field "namespace"; known here: name, labels, annotations, resourceVersion',
    ],
    ['no namespace where one is needed', document('NetworkSet', 's', {}), 'metadata.namespace: missing, and required'],
    // Fields
    [
      'an unknown field',
      {...tier('t'), data: {}},
      'data: unknown field "data"; known here: kind, apiVersion, metadata, spec',
    ],
    ['a misspelt one', gnp('p', {selektor: 'all()'}), 'spec.selektor: unknown field "selektor"; selector is meant?'],
    [
      'one in other letters',
      rule({Protocol: 'TCP'}),
      'spec.ingress[0].Protocol: unknown field "Protocol"; protocol is meant?',
    ],
    [
      'one of another place',
      rule({ports: [80]}),
      'spec.ingress[0].ports: unknown field "ports"; known here: action, ipVersion, protocol, notProtocol, icmp, notICMP, source, destination, http, metadata',
    ],
    [
      'one that is a list',
      gnp('p', {ingress: {action: 'Deny'}}),
      'spec.ingress: a mapping is no list; write [ITEM, …], or a line `- ITEM` for each',
    ],
    [
      'a mapping that is a list',
      rule({source: [{nets: []}]}),
      'spec.ingress[0].source: a list is no mapping; fields of it are nets, notNets, selector, notSelector, namespaceSelector, ports, notPorts, serviceAccounts, services',
    ],
    ['an order in quotes', gnp('p', {order: '10'}), 'spec.order: "10" is no number'],
    ['a flag in quotes', gnp('p', {applyOnForward: 'yes'}), 'spec.applyOnForward: "yes" is neither true nor false'],
    // Labels
    [
      'a label’s name',
      set({}, {'a b': 'c'}),
      'metadata.labels.a b: "a b" is no label name; NAME or DOMAIN/NAME, with at most 63 letters, digits, - _ .',
    ],
    [
      'a label’s value',
      set({}, {a: 'x y'}),
      'metadata.labels.a: "x y" is no label value; at most 63 letters, digits, - _ .',
    ],
    ['a label that is no text', set({}, {a: true}), 'metadata.labels.a: true is no string; put it in quotes: "true"'],
    [
      'a namespace label on a set',
      set({}, {'projectcalico.org/namespace': 'x'}),
      'metadata.labels.projectcalico.org/namespace: a set may not say projectcalico.org/namespace; use a NetworkSet of that namespace',
    ],
    // Tiers
    [
      'an unknown default action',
      tier('t', {defaultAction: 'Allow'}),
      'spec.defaultAction: "Allow" is none of Deny, Pass',
    ],
    [
      'a built-in tier that moves',
      tier('kube-admin', {order: 5}),
      'spec.order: the order of tier kube-admin is fixed; write 1000',
    ],
    [
      'a policy’s tier that is no name',
      gnp('p', {tier: 'A'}),
      'spec.tier: "A" is no name of a tier; lower case letters, digits and -, beginning and ending with a letter or digit',
    ],
    // Selectors
    [
      'a selector that does not parse',
      gnp('p', {selector: 'app == web'}),
      "spec.selector: expected a quoted string at character 8 of app == web; such as app == 'web' && has(tier)",
    ],
    [
      'a single =',
      rule({source: {selector: "app = 'web'"}}),
      "spec.ingress[0].source.selector: expected an operator after the label app at character 5 of app = 'web'; equality is written ==, and values stand in quotes",
    ],
    [
      'a newline',
      rule({source: {notSelector: "a == 'x'\n&& b"}}),
      "spec.ingress[0].source.notSelector: expected an operator or the end at character 9 of a == 'x'\n&& b; such as app == 'web' && has(tier)",
    ],
    [
      'global() in a selector',
      gnp('p', {namespaceSelector: 'global()'}),
      "spec.namespaceSelector: global() may stand only alone, in a rule's namespaceSelector; such as app == 'web' && has(tier)",
    ],
    [
      'global() beside another',
      rule({source: {namespaceSelector: 'global() && has(a)'}}),
      "spec.ingress[0].source.namespaceSelector: global() may stand only alone, in a rule's namespaceSelector; such as app == 'web' && has(tier)",
    ],
    // Types and flags
    [
      'a type in other letters',
      gnp('p', {types: ['egress']}),
      'spec.types[0]: "egress" is none of Ingress, Egress; write Egress',
    ],
    ['a type twice', gnp('p', {types: ['Egress', 'Egress']}), 'spec.types[1]: "Egress" a second time'],
    [
      'doNotTrack alone',
      gnp('p', {doNotTrack: true}),
      'spec.doNotTrack: doNotTrack without applyOnForward; add applyOnForward: true',
    ],
    [
      'preDNAT with egress',
      gnp('p', {preDNAT: true, applyOnForward: true, egress: [{action: 'Deny'}]}),
      'spec.egress: egress rules in a preDNAT policy; it sees only what comes in',
    ],
    [
      'preDNAT with doNotTrack',
      gnp('p', {preDNAT: true, doNotTrack: true, applyOnForward: true}),
      'spec.preDNAT: preDNAT and doNotTrack together; only one of them may be true',
    ],
    [
      'a staged deletion that says more',
      staged({stagedAction: 'Delete', order: 5}),
      'spec.order: order beside stagedAction: Delete; only tier may stand beside it',
    ],
    [
      'an unknown staged action',
      staged({stagedAction: 'set'}),
      'spec.stagedAction: "set" is none of Set, Delete, Learn, Ignore; write Set',
    ],
    [
      'a staged action on a policy in force',
      gnp('p', {stagedAction: 'Set'}),
      'spec.stagedAction: unknown field "stagedAction"; known here: tier, order, selector, namespaceSelector, serviceAccountSelector, types, ingress, egress, doNotTrack, preDNAT, applyOnForward, performanceHints',
    ],
    // Rules
    ['no action', gnp('p', {ingress: [{protocol: 'TCP'}]}), 'spec.ingress[0].action: missing, and required'],
    [
      'an unknown action',
      gnp('p', {ingress: [{action: 'allow'}]}),
      'spec.ingress[0].action: "allow" is none of Allow, Deny, Pass, Log; write Allow',
    ],
    [
      'an unknown protocol',
      rule({protocol: 'GRE'}),
      'spec.ingress[0].protocol: "GRE" is no protocol; TCP, UDP, SCTP, ICMP, ICMPv6, UDPLite, or a number from 1 to 255',
    ],
    [
      'protocol 0',
      rule({protocol: 0}),
      'spec.ingress[0].protocol: 0 is no protocol; TCP, UDP, SCTP, ICMP, ICMPv6, UDPLite, or a number from 1 to 255',
    ],
    ['ipVersion 5', rule({ipVersion: 5}), 'spec.ingress[0].ipVersion: 5 is none of 4, 6'],
    [
      'ports without a protocol',
      rule({destination: {ports: [80]}}),
      'spec.ingress[0].destination.ports: ports without a protocol; set protocol: TCP, UDP or SCTP in this rule',
    ],
    [
      'notPorts with another',
      rule({protocol: 'ICMP', source: {notPorts: ['1:2']}}),
      'spec.ingress[0].source.notPorts: ports with protocol "ICMP"; set protocol: TCP, UDP or SCTP in this rule',
    ],
    [
      'a range the wrong way round',
      rule({protocol: 'TCP', destination: {ports: ['90:80']}}),
      'spec.ingress[0].destination.ports[0]: the range 90:80 is the wrong way round; write "80:90"',
    ],
    [
      'a range beyond',
      rule({protocol: 'TCP', destination: {ports: ['80:70000']}}),
      'spec.ingress[0].destination.ports[0]: 80:70000 goes beyond the ports 1 to 65535',
    ],
    [
      'port 0',
      rule({protocol: 'TCP', destination: {ports: [0]}}),
      'spec.ingress[0].destination.ports[0]: 0 is no port from 1 to 65535',
    ],
    [
      'port 65536',
      rule({protocol: 'TCP', destination: {ports: ['65536']}}),
      'spec.ingress[0].destination.ports[0]: 65536 is no port from 1 to 65535',
    ],
    [
      'no port at all',
      rule({protocol: 'TCP', destination: {ports: ['a b']}}),
      'spec.ingress[0].destination.ports[0]: "a b" is no port; a number, "FIRST:LAST", or the name of a port',
    ],
    [
      'no net',
      rule({source: {nets: ['10.0.0']}}),
      'spec.ingress[0].source.nets[0]: "10.0.0" is no CIDR; such as 10.1.0.0/16 or fd00:1::/48',
    ],
    [
      'an address in a rule',
      rule({source: {nets: ['10.0.0.1']}}),
      'spec.ingress[0].source.nets[0]: 10.0.0.1 is an address and no CIDR; write 10.0.0.1/32',
    ],
    [
      'host bits',
      rule({source: {notNets: ['10.0.0.1/8']}}),
      'spec.ingress[0].source.notNets[0]: 10.0.0.1/8 has host bits set behind /8; write 10.0.0.0/8, or 10.0.0.1/32 for the one address',
    ],
    [
      'host bits in a set',
      set({nets: ['fd00::1/64']}),
      'spec.nets[0]: fd00::1/64 has host bits set behind /64; write fd00::/64, or fd00::1/128 for the one address',
    ],
    [
      'a net of another family than ipVersion',
      rule({ipVersion: 4, source: {nets: ['fd00::/8']}}),
      'spec.ingress[0].source.nets[0]: fd00::/8 is IPv6, and ipVersion 4 is not; write one rule for each family',
    ],
    [
      'nets of two families',
      rule({source: {nets: ['10.0.0.0/8']}, destination: {notNets: ['fd00::/8']}}),
      'spec.ingress[0].destination.notNets[0]: fd00::/8 is IPv6, and other nets of this rule are IPv4; write one rule for each family',
    ],
    [
      'icmp without protocol',
      rule({icmp: {type: 8}}),
      'spec.ingress[0].icmp: icmp without its protocol; set protocol: ICMP or ICMPv6 in this rule',
    ],
    [
      'an ICMP code without type',
      rule({protocol: 'ICMP', icmp: {code: 0}}),
      'spec.ingress[0].icmp.code: code without type; give the type that the code belongs to',
    ],
    [
      'an ICMP type beyond',
      rule({protocol: 'ICMP', notICMP: {type: 255}}),
      'spec.ingress[0].notICMP.type: 255 is no integer from 0 to 254',
    ],
    [
      'ICMP in IPv6',
      rule({ipVersion: 6, protocol: 1}),
      'spec.ingress[0].ipVersion: ipVersion 6 with protocol 1; write 4',
    ],
    [
      'not ICMPv6 in IPv4',
      rule({ipVersion: 4, notProtocol: 'icmpv6'}),
      'spec.ingress[0].ipVersion: ipVersion 4 with notProtocol "icmpv6"; write 6',
    ],
    [
      'HTTP that denies',
      gnp('p', {ingress: [{action: 'Deny', http: {methods: ['GET']}}]}),
      'spec.ingress[0].http: http in a rule with action "Deny"; HTTP is matched by Allow rules only',
    ],
    [
      'HTTP that leaves',
      egress({http: {methods: ['GET']}}),
      'spec.egress[0].http: http in an egress rule; HTTP is matched on ingress only',
    ],
    [
      'HTTP over UDP',
      rule({protocol: 'UDP', http: {methods: ['GET']}}),
      'spec.ingress[0].protocol: http with protocol "UDP"; write TCP, or leave it out',
    ],
    [
      'services beside nets',
      egress({destination: {services: {name: 's', namespace: 'n'}, nets: ['10.0.0.0/8']}}),
      'spec.egress[0].destination.nets: nets beside services; a service has addresses and ports of its own: give one of the two',
    ],
    [
      'services at the wrong end',
      rule({destination: {services: {name: 's', namespace: 'n'}}}),
      'spec.ingress[0].destination.services: services as the destination of an ingress rule; use the selector of the policy',
    ],
    [
      'services without namespace',
      egress({destination: {services: {name: 's'}}}),
      'spec.egress[0].destination.services.namespace: missing, and required',
    ],
    [
      'a service account’s name',
      rule({source: {serviceAccounts: {names: ['A B']}}}),
      'spec.ingress[0].source.serviceAccounts.names[0]: "A B" is no name of a service account',
    ],
    [
      '10,000 rules',
      gnp('p', {ingress: Array(10_000).fill({action: 'Deny'})}),
      'spec.ingress: 10000 items, and 1024 are the most; use a set and a selector, or several policies',
    ],
    // Our own kind
    [
      'a static prefix with host bits',
      document('StaticPrefix', 's', {prefix: '10.0.0.1/8'}),
      'spec.prefix: "10.0.0.1/8" is no prefix; a CIDR without host bits',
    ],
    [
      'a way of another family',
      document('StaticPrefix', 's', {prefix: '10.0.0.0/8', via: 'fd00::1'}),
      'spec.via: "fd00::1" is no address of the prefix\'s family',
    ],
  ]
  for (const [name, given, said] of cases) {
    it(name, () => {
      const validated = validate(given)
      assert.deepEqual(told(validated), [`error ${said}`])
      assert.deepEqual(validated.documents, [])
    })
  }
})

describe('validateDocuments takes', () => {
  const cases: [name: string, document: unknown][] = [
    ['an empty policy', gnp('p', {})],
    ['a policy of another tier', gnp('platform.p', {tier: 'platform'})],
    [
      'empty fields of every sort',
      gnp('p', {tier: '', order: null, selector: '', types: null, ingress: [], doNotTrack: false}),
    ],
    ['a port by name without a protocol, which means TCP', rule({destination: {ports: ['http']}})],
    ['ports in every form', rule({protocol: 'tcp', destination: {ports: [1, 65535, '80', '1:65535', 'http']}})],
    ['protocols by number', rule({protocol: 132, source: {ports: [80]}})],
    ['IPv6', rule({ipVersion: 6, protocol: 'ICMPv6', icmp: {type: 128, code: 0}, source: {nets: ['fd00::/8']}})],
    ['global() in a rule’s namespaceSelector', rule({source: {namespaceSelector: 'global()'}})],
    ['an address in a set', set({nets: ['10.0.0.1', 'fd00::1', '0.0.0.0/0']}, {'a.b/c': '', d: 'e'})],
    [
      'what programs print',
      {
        ...document(
          'Tier',
          't',
          {order: 1},
          {uid: 'u', resourceVersion: '7', creationTimestamp: null, managedFields: [{}]},
        ),
        status: {},
      },
    ],
    ['a built-in tier in its place', tier('default', {order: 1e6, defaultAction: 'Deny'})],
    ['a staged deletion', staged({stagedAction: 'Delete'})],
    [
      'a static prefix',
      document('StaticPrefix', 's', {prefix: '10.0.0.0/8', via: '192.0.2.1'}, {labels: {role: 'rack'}}),
    ],
    ['a set of a namespace', document('NetworkSet', 's', {nets: ['10.0.0.0/8']}, {namespace: 'shop'})],
  ]
  for (const [name, given] of cases) {
    it(name, () => {
      const validated = validate(given)
      assert.deepEqual(told(validated), [])
      assert.equal(validated.documents.length, 1)
    })
  }

  it('a list as kubectl and calicoctl print it, with the place of each item', () => {
    const list = {apiVersion, kind: 'GlobalNetworkPolicyList', items: [gnp('a', {}), gnp('b', {order: 'x'})]}
    const validated = validate(list)
    assert.deepEqual(
      validated.documents.map(({name}) => name),
      ['a'],
    )
    assert.deepEqual(told(validated), ['error spec.order: "x" is no number'])
    const {line} = validated.findings[0]!.where
    assert.match(yamlOf(list).split('\n')[line! - 1]!, /order: x/)
  })
})

describe('validateDocuments says, and takes all the same,', () => {
  const cases: [name: string, document: unknown, said: string][] = [
    [
      'what a gateway cannot mean: HTTP',
      rule({http: {methods: ['GET']}}),
      'spec.ingress[0].http: HTTP cannot be matched at a gateway: this rule never matches',
    ],
    [
      'services',
      egress({destination: {services: {name: 's', namespace: 'n'}}}),
      'spec.egress[0].destination.services: services are not known here: this rule never matches',
    ],
    [
      'untracked policy',
      gnp('p', {doNotTrack: true, applyOnForward: true}),
      'spec.doNotTrack: untracked policy does not exist at a gateway: not in force here',
    ],
    [
      'pre-DNAT policy',
      gnp('p', {preDNAT: true, applyOnForward: true}),
      'spec.preDNAT: pre-DNAT policy does not exist at a gateway: not in force here',
    ],
    [
      'applyOnForward',
      gnp('p', {applyOnForward: true}),
      'spec.applyOnForward: a gateway applies this policy as a normal one, to the flows that cross it',
    ],
    [
      'the same of staged policies',
      staged({applyOnForward: true}),
      'spec.applyOnForward: a gateway applies this policy as a normal one, to the flows that cross it',
    ],
    [
      'a range that is a name',
      rule({protocol: 'TCP', destination: {ports: ['80-90']}}),
      'spec.ingress[0].destination.ports[0]: 80-90 is taken as the name of a port; a range is written "80:90"',
    ],
    [
      'rules that are never asked',
      gnp('p', {types: ['Egress'], ingress: [{action: 'Deny'}]}),
      'spec.ingress: rules that are never asked: Ingress is not among the types; add Ingress to types',
    ],
    [
      'an address in another spelling',
      set({nets: ['FD00::0/8']}),
      'spec.nets[0]: FD00::0/8 is written in an unusual way; write fd00::/8',
    ],
    ['a net twice', set({nets: ['10.0.0.1', '10.0.0.1/32']}), 'spec.nets[1]: 10.0.0.1/32 stands at nets[0] already'],
    [
      'a label that does not count on a set',
      set({}, {'isthmus.io/site': 'b'}),
      'metadata.labels.isthmus.io/site: isthmus.io/site on a set does not count',
    ],
  ]
  for (const [name, given, said] of cases) {
    it(name, () => {
      const validated = validate(given)
      assert.deepEqual(told(validated), [`warning ${said}`])
      assert.equal(validated.documents.length, 1)
    })
  }
})

describe('validateDocuments', () => {
  it('tells all that is wrong at once, in the order of the text', () => {
    const {findings} = validateDocuments([
      {file: 'a.yaml', text: 'kind: Tier\n---\n- 1\n---\na: b: c\n'},
      {file: 'b.yaml', text: yamlOf(gnp('P', {order: 'x', ingress: [{action: 'no'}, {}]}))},
    ])
    const places = findings.map(({where}) => `${where.source} ${where.line} ${where.field ?? ''}`)
    assert.deepEqual(places.slice(0, 4), [
      'file a.yaml 5 ',
      'file a.yaml 1 apiVersion',
      'file a.yaml 1 metadata',
      'file a.yaml 3 ',
    ])
    assert.deepEqual(
      places.slice(4).map((place) => place.split(' ')[3]),
      ['metadata.name', 'spec.order', 'spec.ingress[0].action', 'spec.ingress[1].action'],
    )
  })

  it('a document a second time is refused, and the first is named', () => {
    const first = {file: 'a.yaml', text: yamlOf(tier('t'))}
    const {documents, findings} = validateDocuments([
      first,
      {file: 'b.yaml', text: yamlOf(gnp('t', {}), tier('t', {order: 1}))},
    ])
    assert.deepEqual(
      findings.map(({code, where, detail}) => [code, where.source, detail]),
      [['document-duplicate', 'file b.yaml', 'Tier t is given a second time; first in a.yaml, line 1']],
    )
    assert.deepEqual(
      documents.map(({kind}) => kind.kind),
      ['Tier', 'GlobalNetworkPolicy'],
    )
  })

  it('a selector that YAML takes for a tag is refused, where others read an empty one', () => {
    const {findings} = validateDocuments([{file: 't.yaml', text: `${gnpText()}  selector: !has(a)\n`}])
    assert.deepEqual(
      findings.map(({code, where, remedy}) => [code, where.line, remedy]),
      [['document-syntax', 5, 'a value that begins with ! must stand in quotes']],
    )
  })

  it('values that turn in a circle, or go too deep, are findings', () => {
    const circle = validateDocuments([
      {file: 'c.yaml', text: '&a\nkind: Tier\napiVersion: projectcalico.org/v3\nmetadata: *a\n'},
    ])
    assert.ok(circle.findings.length > 0 && circle.documents.length === 0)
    const deep = `${gnpText()}  selector: "${'!'.repeat(300)}has(a)"\n`
    assert.match(told(validateDocuments([{file: 'd.yaml', text: deep}])).join(), /negations/)
  })
})

const gnpText = (): string =>
  'apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: p}\nspec:\n'
