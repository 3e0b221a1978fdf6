import assert from 'node:assert/strict'
import {document, gnp, told, validate} from './documents.ts'

const rule = (fields: object) => gnp('p', {ingress: [{action: 'Allow', ...fields}]})
const egress = (fields: object) => gnp('p', {egress: [{action: 'Allow', ...fields}]})
const set = (spec: object, labels: object = {}) => document('GlobalNetworkSet', 's', spec, {labels})
const staged = (spec: object) => document('StagedGlobalNetworkPolicy', 'p', spec)

describe('validateDocuments refuses of a policy’s selectors and rules', () => {
  // Each is wrong in one way and refused for that; the text is all that is said about it.
  const cases: [name: string, document: unknown, said: string][] = [
    // Selectors
    [
      'a selector that does not parse',
      gnp('p', {selector: 'app == web'}),
      "spec.selector: expected a quoted string at character 8 of app == web; equality is written ==, and values stand in quotes: app == 'web'",
    ],
    [
      'a single =',
      rule({source: {selector: "app = 'web'"}}),
      "spec.ingress[0].source.selector: expected an operator after the label app at character 5 of app = 'web'; equality is written ==, and values stand in quotes: app == 'web'",
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
