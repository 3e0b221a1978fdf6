import assert from 'node:assert/strict'
import fc from 'fast-check'
import {decodeRecord} from '../../src/decode/index.ts'
import {LocalRecords, localDatastores} from '../../src/export/index.ts'
import type {DatastoreName, RawRecord, SourceId} from '../../src/model/index.ts'
import {calicoFixture, rawRecord} from '../support/records.ts'
import {CALICO, configOf, EXPORT, EXPORTING, ISTHMUS, podRecord, prefix, profileRecord} from '../support/sites.ts'

const GRANTED = [prefix('10.1.0.0/16')]
const take = (
  records: LocalRecords,
  source: SourceId,
  type: 'list' | 'changes',
  upserts: readonly RawRecord[],
  deletes: readonly string[] = [],
): void =>
  records.take(
    {source, type, upserts, deletes},
    upserts.map((record) => decodeRecord(record)),
  )
const POLICY = rawRecord(`${CALICO}networkpolicies/shop/p`, '{"spec": {"order":  1, "future": [1]}}')
const KNS = profileRecord('kns.shop', {})
const keysOf = (records: LocalRecords): string[] =>
  [...records.records.texts.keys()].map((key) => key.slice(`${EXPORT}local/`.length)).sort()
const of = (...upserts: RawRecord[]): LocalRecords => {
  const records = new LocalRecords(['main'], GRANTED)
  take(records, 'datastore/main', 'list', upserts)
  return records
}

const small = fc.integer({min: 0, max: 2})
const record: fc.Arbitrary<RawRecord> = fc.oneof(
  fc
    .tuple(small, fc.constantFrom('{"spec":{}}', '{"spec":{"order":1}}', '{'))
    .map(([name, text]) => rawRecord(`${CALICO}globalnetworkpolicies/p${name}`, text)),
  fc
    .tuple(small, fc.constantFrom('kns.shop', 'extra'), fc.constantFrom('10.1.0.1', '10.9.0.1'))
    .map(([name, profile, ip]) => podRecord(`w${name}`, ip, {profiles: [profile]})),
  small.map((name) => rawRecord(`${ISTHMUS}globalnetworkpolicies/p${name}`, {spec: {}})),
)

describe('LocalRecords', () => {
  it('after any changes hold what one list of all makes, datastore by datastore', () => {
    const batch = fc.record({
      source: fc.constantFrom<SourceId>('datastore/main', 'datastore/second'),
      list: fc.boolean(),
      upserts: fc.array(record, {maxLength: 4}),
      deletes: fc.array(record, {maxLength: 2}),
    })
    fc.assert(
      fc.property(fc.array(batch, {maxLength: 8}), (batches) => {
        const records = new LocalRecords(['main', 'second'], GRANTED)
        const truth = new Map<SourceId, Map<string, RawRecord>>()
        for (const {source, list, upserts: all, deletes: gone} of batches) {
          const upserts = [...new Map(all.map((one) => [one.key, one])).values()]
          const deletes = list ? [] : gone.map(({key}) => key).filter((key) => !upserts.some((one) => one.key === key))
          take(records, source, list ? 'list' : 'changes', upserts, deletes)
          const known = list ? new Map<string, RawRecord>() : (truth.get(source) ?? new Map())
          for (const one of upserts) known.set(one.key, one)
          for (const key of deletes) known.delete(key)
          truth.set(source, known)
        }
        const whole = new LocalRecords(['main', 'second'], GRANTED)
        for (const [source, known] of truth) take(whole, source, 'list', [...known.values()])
        assert.deepEqual([...records.records.texts].sort(), [...whole.records.texts].sort())
      }),
      {numRuns: 500},
    )
  })

  it('are the documents of Calico’s tree as they are stored, and no more', () => {
    const records = of(
      ...[POLICY, KNS, calicoFixture('tier'), calicoFixture('stagednetworkpolicy')],
      rawRecord(`${ISTHMUS}globalnetworkpolicies/p`, {spec: {}}),
      podRecord('told', '10.1.0.1', {profiles: ['kns.shop']}),
    )
    assert.deepEqual(keysOf(records), [
      ...['main/networkpolicies/shop/p', 'main/profiles/kns.shop'],
      calicoFixture('tier').key.replace(CALICO, 'main/'),
    ])
    assert.equal(
      records.records.texts.get(`${EXPORT}local/main/networkpolicies/shop/p`),
      '{"spec": {"order":  1, "future": [1]}}',
    )
  })

  for (const [name, pod, isTold] of [
    ['with the profile of its namespace', podRecord('w', '10.1.0.1', {profiles: ['kns.shop']}), true],
    [
      'with that of its service account too',
      podRecord('w', '10.1.0.1', {profiles: ['kns.shop', 'ksa.shop.sa'], serviceAccount: 'sa'}),
      true,
    ],
    [
      'without that of its service account',
      podRecord('w', '10.1.0.1', {profiles: ['kns.shop'], serviceAccount: 'sa'}),
      false,
    ],
    ['with another profile', podRecord('w', '10.1.0.1', {profiles: ['kns.shop', 'x']}), false],
    ['with an address of another site', podRecord('w', '10.2.0.1', {profiles: ['kns.shop']}), false],
    [
      'with a label that Isthmus writes over',
      podRecord('w', '10.1.0.1', {profiles: ['kns.shop'], labels: {'isthmus.io/site': 'x'}}),
      false,
    ],
  ] as const) {
    it(`a pod ${name} is ${isTold ? 'told by its membership' : 'told by itself'}`, () => {
      assert.deepEqual(keysOf(of(pod)), isTold ? [] : ['main/workloadendpoints/shop/n1-k8s-w-eth0'])
    })
  }

  it('a pod that is refused stays as its last good version; a policy goes out broken, for readers to see', () => {
    const pod = podRecord('w', '10.1.0.1', {profiles: ['x']})
    const records = of(pod, POLICY)
    const before = new Map(records.records.texts)
    take(records, 'datastore/main', 'list', [
      {...pod, value: new TextEncoder().encode('{')},
      {...POLICY, value: new TextEncoder().encode('{')},
    ])
    assert.deepEqual(
      [...records.records.texts].filter(([key, text]) => before.get(key) !== text),
      [[`${EXPORT}local/main/networkpolicies/shop/p`, '{']],
    )
    take(records, 'datastore/main', 'changes', [], [pod.key, POLICY.key])
    assert.equal(records.records.texts.size, 0)
  })

  it('what etcd would not take goes out as a text that is no document', () => {
    const nets = Array.from({length: 90_000}, (_, i) => `10.1.${i >> 8}.${i & 255}`)
    const records = of(rawRecord(`${CALICO}globalnetworksets/large`, {spec: {nets}}))
    const [text] = records.records.texts.values()
    assert.match(text ?? '', /^\d{7} bytes: too large$/)
  })

  it('of a datastore that is not named, or of an export, is nothing', () => {
    const records = new LocalRecords(['main'], GRANTED)
    take(records, 'datastore/second', 'list', [POLICY])
    take(records, 'export/main', 'list', [POLICY])
    assert.equal(records.records.texts.size, 0)
  })

  it('a change notes its own key and no other', () => {
    const records = of(POLICY, KNS)
    const {revision} = records.records
    take(records, 'datastore/main', 'changes', [POLICY, podRecord('w', '10.1.0.1', {profiles: ['kns.shop']})])
    assert.equal(records.records.revision, revision, 'written again as it is, and a pod that is told')
    take(records, 'datastore/main', 'changes', [rawRecord(KNS.key, '{}')])
    assert.deepEqual([...records.records.changedSince(revision)!], [`${EXPORT}local/main/profiles/kns.shop`])
  })
})

describe('localDatastores', () => {
  it('are all Calico datastores of a site that says so', () => {
    const [main, second] = configOf().datastores
    const on = {...main!, export: {...EXPORTING, localPolicies: true}}
    const rest = {...second!, name: 'rest' as DatastoreName, kind: 'isthmus' as const}
    assert.deepEqual(localDatastores({datastores: [main!, second!]}), [])
    assert.deepEqual(localDatastores({datastores: [on, second!, rest]}), ['main', 'second'])
  })
})
