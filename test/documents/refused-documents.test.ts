import assert from 'node:assert/strict'
import {apiVersion, document, gnp, tier, told, validate} from './documents.ts'

const rule = (fields: object) => gnp('p', {ingress: [{action: 'Allow', ...fields}]})
const set = (spec: object, labels: object = {}) => document('GlobalNetworkSet', 's', spec, {labels})

describe('validateDocuments refuses', () => {
  // Each is wrong in one way and refused for that; the text is all that is said about it.
  const cases: [name: string, document: unknown, said: string][] = [
    // Which document
    ['text', 'Tier', ': "Tier" is no document; it needs apiVersion, kind, metadata and spec'],
    [
      'no kind',
      {apiVersion, metadata: {name: 'p'}},
      'kind: no kind; one of Tier, GlobalNetworkPolicy, StagedGlobalNetworkPolicy, GlobalNetworkSet, NetworkSet, StaticPrefix, HostEndpoint, Profile, NetworkPolicy, StagedNetworkPolicy',
    ],
    [
      'a kind in other letters',
      {apiVersion, kind: 'globalNetworkPolicy', metadata: {name: 'p'}},
      'kind: kind "globalNetworkPolicy" is not stored here; write GlobalNetworkPolicy',
    ],
    [
      'a kind of Kubernetes',
      {apiVersion: 'v1', kind: 'Pod', metadata: {name: 'p'}},
      'kind: kind "Pod" is not stored here; one of Tier, GlobalNetworkPolicy, StagedGlobalNetworkPolicy, GlobalNetworkSet, NetworkSet, StaticPrefix, HostEndpoint, Profile, NetworkPolicy, StagedNetworkPolicy',
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
    // Hosts, profiles, and policies of a namespace
    [
      'a host without addresses',
      document('HostEndpoint', 'h', {node: 'n'}),
      'spec.expectedIPs: neither expectedIPs nor interfaceName; rules see a host by its expectedIPs',
    ],
    [
      'a host without node',
      document('HostEndpoint', 'h', {expectedIPs: ['10.0.0.1']}),
      'spec.node: missing, and required',
    ],
    [
      'a host’s address with a mask',
      document('HostEndpoint', 'h', {node: 'n', expectedIPs: ['10.0.0.1/32']}),
      'spec.expectedIPs[0]: "10.0.0.1/32" is no address; an address without a mask',
    ],
    [
      'a host’s port of no protocol',
      document('HostEndpoint', 'h', {node: 'n', interfaceName: '*', ports: [{name: 'a', port: 1}]}),
      'spec.ports[0].protocol: missing, and required',
    ],
    [
      'a host’s port of a protocol without ports',
      document('HostEndpoint', 'h', {node: 'n', interfaceName: '*', ports: [{name: 'a', port: 1, protocol: 'ICMP'}]}),
      'spec.ports[0].protocol: "ICMP" has no ports; TCP, UDP or SCTP',
    ],
    [
      'a profile’s label',
      document('Profile', 'p', {labelsToApply: {a: 1}}),
      'spec.labelsToApply.a: 1 is no string; put it in quotes: "1"',
    ],
    [
      'a profile with types',
      document('Profile', 'p', {types: ['Ingress']}),
      'spec.types: unknown field "types"; known here: labelsToApply, ingress, egress',
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
