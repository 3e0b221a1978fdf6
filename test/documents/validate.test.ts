import assert from 'node:assert/strict'
import {DOCUMENT_KINDS, validateDocuments} from '../../src/documents/index.ts'
import {CALICO_FIXTURES, calicoFixture} from '../support/records.ts'
import {apiVersion, document, gnp, tier, told, validate, yamlOf} from './documents.ts'

const rule = (fields: object) => gnp('p', {ingress: [{action: 'Allow', ...fields}]})
const egress = (fields: object) => gnp('p', {egress: [{action: 'Allow', ...fields}]})
const set = (spec: object, labels: object = {}) => document('GlobalNetworkSet', 's', spec, {labels})
const staged = (spec: object) => document('StagedGlobalNetworkPolicy', 'p', spec)

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
    ['a static prefix', document('StaticPrefix', 's', {prefix: '10.0.0.0/8'}, {labels: {role: 'rack'}})],
    [
      'a host',
      document('HostEndpoint', 'h', {
        node: 'n',
        expectedIPs: ['10.0.0.1', 'fd00::1'],
        ports: [{name: 'ssh', protocol: 'TCP', port: 22}],
      }),
    ],
    ['a profile', document('Profile', 'p', {labelsToApply: {a: ''}, ingress: [{action: 'Allow'}]})],
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

describe('validateDocuments, of what Calico’s client stores,', () => {
  const kinds = new Set(DOCUMENT_KINDS.map(({plural}) => plural))
  // Kubernetes' own policies and names from before v3.32 belong to the programs that write them.
  const others = ['networkpolicy-from-kubernetes', 'networkpolicy-legacy-name']
  const fixtures = CALICO_FIXTURES.map((name) => ({name, ...calicoFixture(name)}))
  for (const {name, key, value} of fixtures) {
    if (!kinds.has(key.split('/')[5] ?? '') || others.includes(name)) continue
    it(`${name} has no error`, () => {
      const {documents, findings} = validateDocuments([{file: name, text: Buffer.from(value).toString()}])
      assert.deepEqual(
        findings.filter(({severity}) => severity === 'error'),
        [],
      )
      assert.equal(documents.length, 1)
    })
  }
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
    [
      'a way to a static prefix',
      document('StaticPrefix', 's', {prefix: '10.0.0.0/8', via: '192.0.2.1'}),
      'spec.via: makes no route: the way to a static prefix is in `static` of gateway.yaml',
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
