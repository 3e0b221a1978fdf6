import assert from 'node:assert/strict'
import {decodeRecord} from '../../src/decode/index.ts'
import type {DecodedBad, Policy, Tier} from '../../src/model/index.ts'
import {rawRecord} from '../support/records.ts'
import {CALICO, EXPORT, ISTHMUS} from '../support/sites.ts'

function refused(key: string, value: string | object): DecodedBad {
  const decoded = decodeRecord(rawRecord(key, value))
  assert.ok(decoded.type === 'bad', 'the test is wrong: this is a good document')
  assert.ok(decoded.findings.length > 0, 'nothing is refused without a reason')
  assert.equal(decoded.standIn?.key ?? key, key)
  return decoded
}

function standIn(key: string, value: string | object): Policy | Tier | null {
  const instead = refused(key, value).standIn
  const resource = instead?.type === 'export' && instead.entry.kind === 'resource' ? instead.entry.resource : null
  const found = instead?.type === 'resource' ? instead.resource : resource
  assert.ok(found === null || found.kind === 'GlobalNetworkPolicy' || found.kind === 'Tier')
  return found
}

const KEY = `${ISTHMUS}globalnetworkpolicies/p`
const WRONG_RULE = {action: 'Perhaps'}

describe('what stands in for a refused policy', () => {
  const GOOD = {tier: 't', order: 7, selector: "app == 'db'", types: ['Ingress'], egress: [{action: 'Allow'}]}
  const DENIES = {tier: 't', order: 7, selector: "app == 'db'", types: ['ingress'], ingress: [], egress: []}
  const ports = (list: unknown[], part: object = {}): object[] => [
    {action: 'Allow', destination: {ports: list}, ...part},
  ]
  const rules = (part: object): object => ({...GOOD, ingress: [{action: 'Allow', ...part}]})
  const many = <T>(count: number, item: T): T[] => new Array<T>(count).fill(item)

  const denying: [string, object][] = [
    ['a rule without action', {...GOOD, ingress: [{}]}],
    ['an action that is none', {...GOOD, egress: [WRONG_RULE]}],
    ['rules that are no list', {...GOOD, ingress: {action: 'Allow'}}],
    ['ports without a protocol', {...GOOD, ingress: ports([80])}],
    ['a range the wrong way round', {...GOOD, ingress: ports(['90:80'], {protocol: 'TCP'})}],
    ['a net that is none', rules({source: {nets: ['10.0.0.0/33']}})],
    ['a net of the wrong family', rules({ipVersion: 4, source: {nets: ['fd00::/8']}})],
    ['an excluded net of the wrong family', rules({ipVersion: 6, destination: {notNets: ['10.0.0.0/8']}})],
    ['a selector of a rule that does not parse', rules({source: {selector: 'app = x'}})],
    ['a notSelector that does not parse', rules({destination: {notSelector: 'a b'}})],
    ['global() within an expression', rules({source: {namespaceSelector: 'global() || has(a)'}})],
    ['a service account selector that does not parse', rules({source: {serviceAccounts: {selector: '!'}}})],
    ['10,000 rules', {...GOOD, ingress: many(10_000, {action: 'Allow'})}],
    ['1,025 nets', rules({source: {nets: many(1025, '10.0.0.0/8')}})],
    ['1,025 ports', {...GOOD, ingress: ports(many(1025, 80), {protocol: 'TCP'})}],
    [
      'more pairs of ports than the kernel should hold',
      rules({protocol: 'TCP', source: {ports: many(200, 1)}, destination: {ports: many(200, 2)}}),
    ],
    ['a selector of a rule as long as a book', rules({source: {selector: many(2000, "a == 'x'").join(' || ')}})],
    ['a flag that is none', {...GOOD, doNotTrack: 'yes'}],
  ]
  for (const [name, spec] of denying) {
    it(`${name}: it denies what it selects, at its own place`, () => {
      const found = standIn(KEY, {spec})
      assert.deepEqual(found, {...found, ...DENIES, refused: true})
    })
  }

  it('an order that is none: it denies, first in its tier, and is no other text than one that changed', () => {
    const found = standIn(KEY, {spec: {...GOOD, order: 'first'}})
    assert.ok(found?.order !== null && found?.order !== undefined && found.order < -1e300)
    assert.ok(!JSON.stringify(found).includes('"order":null'))
  })

  it('a name that is not the key’s: the key is who it is', () => {
    assert.deepEqual(standIn(KEY, {metadata: {name: 'q'}, spec: GOOD})?.meta.name, 'p')
  })

  const unreadable: [string, string | object][] = [
    ['not JSON', '{"spec":'],
    ['not an object', '[]'],
    ['another kind', {kind: 'Tier', spec: GOOD}],
    ['a spec that is none', {spec: 'all'}],
    ['a selector that does not parse', {spec: {...GOOD, selector: "app = 'db'"}}],
    ['a selector that is no text', {spec: {...GOOD, selector: 5}}],
    ['global() as a selector', {spec: {...GOOD, selector: 'global()'}}],
    ['a namespaceSelector that does not parse', {spec: {...GOOD, namespaceSelector: '('}}],
    ['a serviceAccountSelector that does not parse', {spec: {...GOOD, serviceAccountSelector: 'x y'}}],
    ['types that are none', {spec: {...GOOD, types: ['Ingress', 'Sideways']}}],
    ['a tier that is no text', {spec: {...GOOD, tier: ['t']}}],
    ['a selector as long as a book', {spec: {...GOOD, selector: many(2000, "a == 'x'").join(' || ')}}],
  ]
  for (const [name, value] of unreadable) {
    it(`${name}: nobody can say whom it governs, nothing stands in`, () => assert.equal(standIn(KEY, value), null))
  }

  it('the first finding names the field and the bound', () => {
    const [finding] = refused(KEY, {spec: {...GOOD, ingress: many(10_000, {action: 'Allow'})}}).findings
    assert.deepEqual(
      [finding?.code, finding?.where.field, finding?.detail],
      ['document-too-large', 'spec.ingress', '10000 rules; a policy has at most 1024 in a direction'],
    )
    const [selector] = refused(KEY, {spec: rules({source: {selector: 'app = x'}})}).findings
    assert.deepEqual([selector?.code, selector?.where.field], ['selector-invalid', 'spec.ingress[0].source.selector'])
  })

  it('1,024 rules and 1,024 nets are none too many', () => {
    const spec = {
      ingress: many(1024, {action: 'Allow'}),
      egress: [{action: 'Deny', source: {nets: many(1024, '::/0')}}],
    }
    assert.equal(decodeRecord(rawRecord(KEY, {spec})).type, 'resource')
  })

  it('in Calico’s tree only where it can be read that it is global', () => {
    const annotations = {'isthmus.io/scope': 'global'}
    const spec = {...GOOD, ingress: [WRONG_RULE]}
    const calico = (metadata: unknown) => standIn(`${CALICO}globalnetworkpolicies/p`, {metadata, spec})
    assert.deepEqual(calico({annotations})?.meta.annotations, annotations)
    assert.equal(calico({annotations: 'global'}), null)
    assert.equal(calico({annotations: {'isthmus.io/scope': 1}}), null)
    assert.equal(calico(7), null)
    assert.notEqual(standIn(KEY, {metadata: 7, spec}), null)
  })

  it('a staged policy, a site’s own one and a set have no stand-in', () => {
    const spec = {...GOOD, ingress: [WRONG_RULE]}
    assert.equal(standIn(`${ISTHMUS}stagedglobalnetworkpolicies/p`, {spec}), null)
    assert.equal(standIn(`${CALICO}networkpolicies/shop/p`, {spec}), null)
    assert.equal(standIn(`${CALICO}globalnetworksets/s`, {spec: 1}), null)
  })

  it('in an export as in a tree, and the text is handed on as it is', () => {
    const spec = {...GOOD, ingress: [WRONG_RULE]}
    const found = standIn(`${EXPORT}resources/globalnetworkpolicies/p`, {spec})
    assert.deepEqual(found, {...found, ...DENIES, refused: true})
    const tree = refused(KEY, {spec}).standIn
    assert.equal(tree?.type === 'resource' && tree.document, JSON.stringify({spec}))
  })
})

describe('what stands in for a refused tier', () => {
  const at = (value: string | object) => standIn(`${ISTHMUS}tiers/t`, value)
  const FIRST_AND_DENIES = {kind: 'Tier', order: -Number.MAX_VALUE, defaultAction: 'Deny', refused: true}

  for (const [name, value] of [
    ['not JSON', 'x'],
    ['an order that is none', {spec: {order: '5', defaultAction: 'Pass'}}],
    ['another kind', {kind: 'Profile', spec: {order: 5}}],
    ['a spec that is none', {spec: 5}],
  ] as const) {
    it(`${name}: nobody knows its place, so it is first and all its policies are to deny`, () => {
      assert.deepEqual(at(value), {...at(value), ...FIRST_AND_DENIES})
    })
  }

  it('bytes that are no text: it is known by its key, also in an export', () => {
    for (const key of [`${ISTHMUS}tiers/t`, `${EXPORT}resources/tiers/t`]) {
      const decoded = decodeRecord({key, value: Uint8Array.of(0xff), modRevision: 1})
      assert.equal(decoded.type === 'bad' && decoded.standIn !== null, key.startsWith(ISTHMUS), key)
    }
    assert.notEqual(standIn(`${EXPORT}resources/tiers/t`, ''), null)
  })

  it('metadata that are none leave its place', () => {
    const found = at({metadata: {name: 'other'}, spec: {order: 5, defaultAction: 'Pass'}})
    assert.ok(found?.kind === 'Tier')
    assert.deepEqual([found.order, found.defaultAction, found.refused], [5, 'Pass', undefined])
  })
})
