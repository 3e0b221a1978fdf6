import assert from 'node:assert/strict'
import {Federation} from '../../src/federate/index.ts'
import type {Finding, Policy, RawRecord, SourceId, World} from '../../src/model/index.ts'
import {rawRecord} from '../support/records.ts'
import {
  CALICO,
  changesOf,
  configOf,
  EXPORT,
  ISTHMUS,
  listOf,
  membersAt,
  podRecord,
  profileRecord,
  site,
} from '../support/sites.ts'

const KEY = `${ISTHMUS}globalnetworkpolicies/p`
const GOOD = {selector: "app == 'db'", types: ['Ingress'], order: 3, ingress: [{action: 'Allow'}]}
/** Readable as far as tier, selector and types. */
const HALF = {...GOOD, ingress: [{action: 'Perhaps'}]}
/** Nobody can say whom it governs. */
const UNREADABLE = {...GOOD, selector: "app = 'db'"}

const at = (revision: number, spec: unknown, key = KEY): RawRecord => rawRecord(key, {spec}, revision)

function reader(authorities = ['a', 'b'], source: SourceId = 'datastore/main') {
  const federation = new Federation(configOf({authorities: authorities.map(site)}))
  let revision = 10
  const world = (): World => federation.world()
  return {
    federation,
    world,
    list: (...records: RawRecord[]) => federation.update(listOf(source, records, ++revision)),
    put: (...records: RawRecord[]) => federation.update(changesOf(source, records, [], ++revision)),
    remove: (key: string) => federation.update(changesOf(source, [], [key], ++revision)),
    policy: (): Policy | undefined => world().policies.policies[0],
    consequences: (): Finding[] => world().findings.filter(({code}) => code.startsWith('refused-')),
    codes: (): string[] => world().findings.map(({code}) => code),
  }
}

describe('a document that is refused', () => {
  for (const [name, spec] of [
    ['half readable', HALF],
    ['unreadable', UNREADABLE],
  ] as const) {
    it(`${name}: its last good version stays in force, and it is said under its key`, () => {
      const {put, list, policy, consequences, world, codes} = reader()
      list(at(1, GOOD))
      const before = world().policies
      put(at(11, spec))
      assert.equal(world().policies, before, 'nothing changed in what is in force')
      assert.equal(policy()?.ingress[0]?.action, 'Allow')
      const [finding] = consequences()
      assert.deepEqual(
        [finding?.code, finding?.severity, finding?.where],
        ['refused-last-good', 'warning', {source: 'datastore main', key: KEY}],
      )
      assert.match(finding!.detail, /revision 1,/)
      assert.equal(codes().length, 2, 'the reason, and what comes of it')
    })
  }

  it('and stays so however often it is refused, over lists, until a good one comes', () => {
    const {put, list, policy, consequences} = reader()
    list(at(1, GOOD))
    put(at(11, HALF))
    put(at(12, UNREADABLE))
    list(at(12, UNREADABLE))
    list(at(13, HALF))
    assert.deepEqual([policy()?.refused, policy()?.order], [undefined, 3])
    put(at(20, {...GOOD, order: 4}))
    assert.deepEqual([policy()?.order, consequences()], [4, []])
  })

  it('is forgotten with its key, by an event or by a list that lacks it', () => {
    for (const how of ['event', 'list'] as const) {
      const {put, list, remove, policy, consequences} = reader()
      list(at(1, GOOD))
      put(at(11, UNREADABLE))
      if (how === 'event') remove(KEY)
      else list()
      assert.deepEqual([policy(), consequences()], [undefined, []], how)
      put(at(21, UNREADABLE))
      assert.deepEqual([policy(), consequences()[0]?.code], [undefined, 'refused-absent'], how)
    }
  })

  it('without a good version it denies what it selects, in those directions', () => {
    const {list, policy, consequences} = reader()
    list(at(1, HALF))
    assert.deepEqual(
      [policy()?.refused, policy()?.selector, policy()?.types, policy()?.order, consequences()[0]?.code],
      [true, "app == 'db'", ['ingress'], 3, 'refused-denies'],
    )
  })

  it('one that stood in is no good version', () => {
    const {list, put, policy} = reader()
    list(at(1, HALF))
    put(at(11, UNREADABLE))
    assert.equal(policy(), undefined)
  })

  it('leaves all others in force', () => {
    const {list, world} = reader()
    list(at(1, UNREADABLE), at(1, GOOD, `${ISTHMUS}globalnetworkpolicies/q`))
    assert.deepEqual(
      world().policies.policies.map(({meta}) => meta.name),
      ['q'],
    )
  })

  it('a version from disk counts as good', () => {
    const {federation, list, policy, consequences} = reader()
    federation.restore(listOf('datastore/main', [at(1, GOOD)], 5))
    list(at(11, UNREADABLE))
    assert.deepEqual([policy()?.order, consequences()[0]?.code], [3, 'refused-last-good'])
  })

  it('is exported as what is in force, or as it is where it denies, so that other sites do the same', () => {
    const text = (spec: object): string => JSON.stringify({spec})
    const {put, list, world} = reader()
    list(at(1, GOOD))
    put(at(11, HALF))
    assert.deepEqual([...world().documents.values()], [text(GOOD)])
    const late = reader()
    late.list(at(11, HALF))
    assert.deepEqual([...late.world().documents.values()], [text(HALF)])
    const far = reader(['b'], 'export/b')
    far.list(rawRecord(`${EXPORT}resources/globalnetworkpolicies/p`, text(HALF)))
    assert.deepEqual([far.policy()?.refused, far.consequences()[0]?.code], [true, 'refused-denies'])
  })

  it('of a site that is no authority comes nothing but decode’s finding', () => {
    const {list, codes} = reader(['a'], 'export/b')
    list(rawRecord(`${EXPORT}resources/globalnetworkpolicies/p`, {spec: HALF}))
    assert.deepEqual(codes().sort(), ['policy-not-authority', 'record-invalid'])
  })

  it('of a site’s own comes nothing but decode’s finding', () => {
    const {list, codes, policy} = reader()
    list(at(1, HALF, `${CALICO}globalnetworkpolicies/p`), at(1, HALF, `${CALICO}networkpolicies/shop/p`))
    assert.deepEqual([codes(), policy()], [['record-invalid', 'record-invalid'], undefined])
  })
})

describe('a tier that is refused', () => {
  const TIER = `${ISTHMUS}tiers/t`
  const inTier = at(1, {...GOOD, tier: 't'})

  it('keeps its last good place', () => {
    const {list, put, world, consequences} = reader()
    list(at(1, {order: 5, defaultAction: 'Pass'}, TIER), inTier)
    put(rawRecord(TIER, 'x', 11))
    const tier = world().policies.tiers.find(({meta}) => meta.name === 't')
    assert.deepEqual([tier?.order, tier?.defaultAction, consequences()[0]?.code], [5, 'Pass', 'refused-last-good'])
    assert.equal(world().policies.policies[0]?.refused, undefined)
  })

  it('without a good version is first, and all its policies deny', () => {
    const {list, world, consequences} = reader()
    list(rawRecord(TIER, 'x'), inTier, at(1, GOOD, `${ISTHMUS}globalnetworkpolicies/other`))
    const tier = world().policies.tiers.find(({meta}) => meta.name === 't')
    assert.ok(tier?.order !== null && tier!.order! < 0)
    assert.deepEqual(
      world().policies.policies.map(({meta, refused}) => [meta.name, refused]),
      [
        ['other', undefined],
        ['p', true],
      ],
    )
    assert.equal(consequences()[0]?.code, 'refused-denies')
  })

  it('a built-in one is as if it were not stored', () => {
    const {list, world, policy} = reader()
    list(rawRecord(`${ISTHMUS}tiers/default`, 'x'), at(1, GOOD))
    const tier = world().policies.tiers.find(({meta}) => meta.name === 'default')
    assert.deepEqual([tier?.order, tier?.refused, policy()?.refused], [1_000_000, undefined, undefined])
  })
})

describe('whatever policy asks about, refused', () => {
  const SET = `${CALICO}globalnetworksets/s`
  const set = (revision: number, spec: unknown): RawRecord =>
    rawRecord(SET, {metadata: {labels: {group: 'bad'}}, spec}, revision)

  it('a set keeps its last good nets', () => {
    const {list, put, world, consequences} = reader()
    list(set(1, {nets: ['192.0.2.0/24']}))
    put(set(11, {nets: 'all'}))
    assert.equal(membersAt(world(), '192.0.2.0/24').length, 1)
    assert.equal(consequences()[0]?.code, 'refused-last-good')
  })

  it('a set without a good version is an alert: a rule that denies it cannot hold', () => {
    const {list, consequences} = reader()
    list(set(1, {nets: 'all'}))
    assert.deepEqual(
      consequences().map(({code, where}) => [code, where.key]),
      [['refused-absent', SET]],
    )
  })

  it('an endpoint and a profile keep their labels', () => {
    const {list, put, world, consequences} = reader()
    const pod = podRecord('p', '10.1.0.1', {labels: {app: 'db'}, profiles: ['kns.shop']})
    const profile = profileRecord('kns.shop', {'pcns.env': 'prod'})
    list(pod, profile)
    put(rawRecord(pod.key, '{', 11), rawRecord(profile.key, {spec: {labelsToApply: 7}}, 11))
    const [member] = membersAt(world(), '10.1.0.1/32')
    assert.deepEqual([member?.set.labels.app, member?.set.labels['pcns.env']], ['db', 'prod'])
    assert.deepEqual(
      consequences().map(({code}) => code),
      ['refused-last-good', 'refused-last-good'],
    )
  })

  it('a node, of which policy is not made, is absent', () => {
    const {list, put, world, codes} = reader()
    const node = rawRecord(`${CALICO}nodes/n`, {spec: {bgp: {ipv4Address: '10.1.9.1/24'}}})
    list(node)
    put(rawRecord(node.key, '{', 11))
    assert.deepEqual([world().nodes, codes()], [[], ['record-not-json']])
  })

  it('is counted as refused while it is', () => {
    const {list, put, remove, world} = reader()
    const errors = (): number | undefined => world().sources.get('datastore/main')?.decodeErrors
    list(at(1, GOOD))
    put(at(11, HALF))
    assert.equal(errors(), 1)
    put(at(12, UNREADABLE))
    assert.equal(errors(), 1)
    remove(KEY)
    assert.equal(errors(), 0)
  })
})
