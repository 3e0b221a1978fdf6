import assert from 'node:assert/strict'
import {Federation} from '../../src/federate/index.ts'
import type {RawRecord, SourceId, World} from '../../src/model/index.ts'
import {calicoFixture, rawRecord} from '../support/records.ts'
import {CALICO, configOf, EXPORT, ISTHMUS, listOf, site} from '../support/sites.ts'

const GLOBAL = {'isthmus.io/scope': 'global'}

const gnp = (root: string, name: string, spec: object = {}, annotations: object = {}): RawRecord =>
  rawRecord(`${root}globalnetworkpolicies/${name}`, {metadata: {annotations}, spec})

function worldOf(sources: Partial<Record<SourceId, readonly RawRecord[]>>, authorities = ['a']): World {
  const federation = new Federation(configOf({authorities: authorities.map(site)}))
  for (const [source, records] of Object.entries(sources)) {
    federation.update(listOf(source as SourceId, records ?? []))
  }
  return federation.world()
}
const names = (world: World): string[] => world.policies.policies.map((policy) => policy.meta.name)
const codes = (world: World): string[] => world.findings.map((finding) => finding.code)

describe('the global policy', () => {
  it('has the built-in tiers without any record, and stored ones in their place', () => {
    const tiers = (world: World): unknown =>
      world.policies.tiers.map((tier) => [tier.meta.name, tier.order, tier.defaultAction])
    assert.deepEqual(tiers(worldOf({})), [
      ['default', 1_000_000, 'Deny'],
      ['kube-admin', 1_000, 'Pass'],
      ['kube-baseline', 10_000_000, 'Pass'],
    ])
    const stored = rawRecord(`${ISTHMUS}tiers/default`, {spec: {order: 7, defaultAction: 'Pass'}})
    assert.deepEqual((tiers(worldOf({'datastore/main': [stored]})) as unknown[])[0], ['default', 7, 'Pass'])
  })

  it('takes the isthmus root whole, and of Calico’s tree what is annotated as global, with its tier', () => {
    const world = worldOf({
      'datastore/main': [
        gnp(ISTHMUS, 'ours'),
        gnp(CALICO, 'platform.theirs', {tier: 'platform'}, GLOBAL),
        gnp(CALICO, 'local', {}),
        gnp(CALICO, 'written', {}, {...GLOBAL, 'isthmus.io/owner': 'a'}),
        calicoFixture('tier'),
        rawRecord(`${CALICO}tiers/unused`, {}),
        calicoFixture('networkpolicy'),
      ],
    })
    assert.deepEqual(names(world), ['ours', 'platform.theirs'])
    assert.deepEqual(
      world.policies.tiers.map((tier) => tier.meta.name),
      ['default', 'kube-admin', 'kube-baseline', 'platform'],
    )
  })

  it('the isthmus root wins over Calico’s tree; a difference is a conflict, equality is not', () => {
    const both = (spec: object): World =>
      worldOf({'datastore/main': [gnp(ISTHMUS, 'p', {order: 1}), gnp(CALICO, 'p', spec, GLOBAL)]})
    assert.deepEqual([both({order: 1}).policies.policies.length, codes(both({order: 1}))], [1, []])
    const different = both({order: 2})
    assert.deepEqual([different.policies.policies[0]?.order, codes(different)], [1, ['policy-conflict']])
  })

  it('between sites the earlier authority wins, and the conflict names both', () => {
    const sources = {
      'datastore/main': [gnp(ISTHMUS, 'p', {order: 1})],
      'export/b': [gnp(`${EXPORT}resources/`, 'p', {order: 2}), gnp(`${EXPORT}resources/`, 'q', {order: 3})],
    } as const
    const first = worldOf(sources, ['a', 'b'])
    assert.deepEqual(
      [first.policies.policies.map((policy) => policy.order), codes(first)],
      [[1, 3], ['policy-conflict']],
    )
    assert.match(first.findings[0]!.detail, /site b .* site a /)
    assert.deepEqual(
      worldOf(sources, ['b', 'a']).policies.policies.map((policy) => policy.order),
      [2, 3],
    )
  })

  it('documents of a site that is no authority do not count, and it is said', () => {
    const world = worldOf({'export/b': [gnp(`${EXPORT}resources/`, 'p')]})
    assert.deepEqual([names(world), codes(world)], [[], ['policy-not-authority']])
  })

  it('a legacy name and its renamed twin are one policy', () => {
    const world = worldOf({
      'datastore/main': [gnp(CALICO, 'default.x', {order: 1}, GLOBAL), gnp(CALICO, 'x', {order: 1}, GLOBAL)],
    })
    assert.deepEqual([names(world), world.policies.policies[0]?.keyName, codes(world)], [['x'], 'x', []])
    assert.deepEqual([...world.documents.keys()], ['globalnetworkpolicies/x'])
  })

  it('a tier that nobody stored is said once, under the first policy that names it', () => {
    const inTier = (name: string, tier: string) => gnp(ISTHMUS, name, {tier})
    const tier = rawRecord(`${ISTHMUS}tiers/stored`, {spec: {order: 1}})
    const world = worldOf({
      'datastore/main': [inTier('b', 'lost'), inTier('a', 'lost'), inTier('c', 'stored'), inTier('d', 'default'), tier],
    })
    assert.deepEqual(
      world.findings.map(({code, where, detail}) => [code, where.key, where.field, detail.slice(0, 24)]),
      [['tier-missing', `${ISTHMUS}globalnetworkpolicies/a`, 'spec.tier', 'tier lost of 2 policies ']],
    )
  })

  it('staged policies are kept apart', () => {
    const staged = rawRecord(`${ISTHMUS}stagedglobalnetworkpolicies/s`, {spec: {stagedAction: 'Set'}})
    const world = worldOf({'datastore/main': [staged]})
    assert.deepEqual([names(world), world.staged.map((policy) => policy.meta.name)], [[], ['s']])
  })
})
