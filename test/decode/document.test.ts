import assert from 'node:assert/strict'
import {decodeDocument, decodeRecord} from '../../src/decode/index.ts'
import {rawRecord} from '../support/records.ts'

const apiVersion = 'projectcalico.org/v3'
const gnp = (spec: object) => ({apiVersion, kind: 'GlobalNetworkPolicy', metadata: {name: 'p'}, spec})

describe('decodeDocument', () => {
  it('sets what Calico’s client would: tier, its label, and types from the rules that are there', () => {
    const decoded = decodeDocument(gnp({egress: [{action: 'Deny'}]}), 'file p.yaml')
    assert.ok(decoded.type === 'resource' && decoded.resource.kind === 'GlobalNetworkPolicy')
    assert.deepEqual([decoded.resource.types, decoded.resource.tier], [['egress'], 'default'])
    assert.equal(decoded.key, '/isthmus/v1/resources/projectcalico.org/globalnetworkpolicies/p')
    assert.equal(decoded.resource.meta.labels['projectcalico.org/tier'], 'default')
  })

  const types: [string, object, string[]][] = [
    ['no rules at all', {}, ['ingress']],
    ['both', {ingress: [{action: 'Deny'}], egress: [{action: 'Deny'}]}, ['ingress', 'egress']],
    ['said', {types: ['Egress'], ingress: [{action: 'Deny'}]}, ['egress']],
  ]
  for (const [name, spec, want] of types) {
    it(`types, ${name}`, () => {
      const decoded = decodeDocument(gnp(spec), 'file p.yaml')
      assert.ok(decoded.type === 'resource' && decoded.resource.kind === 'GlobalNetworkPolicy')
      assert.deepEqual(decoded.resource.types, want)
    })
  }

  it('what it gives to store reads back as the same resource', () => {
    const documents = [
      gnp({tier: 'platform', order: 5}),
      {apiVersion, kind: 'GlobalNetworkSet', metadata: {name: 's', labels: {a: 'b'}}, spec: {nets: ['10.0.0.0/8']}},
      {apiVersion, kind: 'StaticPrefix', metadata: {name: 'rack'}, spec: {prefix: '10.1.200.0/24', via: '10.1.0.1'}},
      {apiVersion, kind: 'NetworkSet', metadata: {name: 's', namespace: 'shop'}, spec: {}},
    ]
    for (const document of documents) {
      const decoded = decodeDocument(document, 'file p.yaml')
      assert.ok(decoded.type === 'resource', JSON.stringify(decoded.findings))
      const stored = decodeRecord(rawRecord(decoded.key, decoded.document!, decoded.modRevision))
      assert.ok(stored.type === 'resource')
      assert.deepEqual(stored.resource, decoded.resource)
    }
  })

  const circle: {kind: string; apiVersion: string; metadata: object; self?: object} = gnp({})
  circle.self = circle
  const refused: [string, unknown][] = [
    ['nothing', null],
    ['text', 'kind: Tier'],
    ['no kind', {apiVersion}],
    ['kind that is not stored', {apiVersion, kind: 'BGPPeer', metadata: {name: 'p'}}],
    ['other apiVersion', {apiVersion: 'v1', kind: 'Tier', metadata: {name: 't'}}],
    ['no name', {apiVersion, kind: 'Tier', metadata: {}}],
    ['name that leaves its place', {apiVersion, kind: 'Tier', metadata: {name: 'a/b'}}],
    ['namespaced without namespace', {apiVersion, kind: 'NetworkPolicy', metadata: {name: 'p'}}],
    ['cluster kind with namespace', {apiVersion, kind: 'Tier', metadata: {name: 'p', namespace: 'n'}}],
    ['rule that is wrong', gnp({ingress: [{action: 'Perhaps'}]})],
    ['circle', circle],
  ]
  for (const [name, document] of refused) {
    it(`${name}: refused with a finding`, () => {
      const decoded = decodeDocument(document, 'file p.yaml')
      assert.equal(decoded.type, 'bad')
      assert.equal(decoded.findings[0]?.where.source, 'file p.yaml')
    })
  }
})
