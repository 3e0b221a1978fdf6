import assert from 'node:assert/strict'
import {Federation} from '../../src/federate/index.ts'
import type {Presence, RawRecord} from '../../src/model/index.ts'
import {rawRecord} from '../support/records.ts'
import {changesOf, configOf, EXPORT, listOf, membersAt, plainWorld, podRecord, site} from '../support/sites.ts'

const SET = 'globalnetworksets/bad'
const EXPORT_B: readonly RawRecord[] = [
  rawRecord(`${EXPORT}meta`, {schema: 1, site: 'b', generation: 1}),
  rawRecord(`${EXPORT}site`, {as: 4200000002, prefixes: ['10.2.0.0/16'], infrastructure: []}),
  rawRecord(`${EXPORT}attributes/x1`, {kind: 'pod', labels: {app: 'db'}, namespace: 'shop'}),
  rawRecord(`${EXPORT}attributes/s1`, {kind: 'set', labels: {role: 'bad'}, namespace: null}),
  rawRecord(`${EXPORT}endpoints/main/10.2.0.5/x1`, {n: ['shop/db-0']}),
  rawRecord(`${EXPORT}endpoints/main/203.0.113.0-24/s1`, {n: [SET]}),
  rawRecord(`${EXPORT}resources/globalnetworkpolicies/p`, {
    metadata: {name: 'p'},
    spec: {selector: 'all()', types: ['Ingress'], ingress: [{action: 'Deny'}]},
  }),
]

function joined() {
  const federation = new Federation(configOf({authorities: [site('a'), site('b')]}))
  federation.update(listOf('datastore/main', [podRecord('p1', '10.1.0.5')]))
  federation.update(listOf('export/b', EXPORT_B))
  const become = (presence: Presence): void => {
    const steps = federation.setPresence(site('b'), presence)
    while (!steps.next().done);
  }
  return {federation, become}
}

describe('a site that is taken out', () => {
  it('has no endpoints and prefixes any more; its policies and sets, which decide about others, stay', () => {
    const {federation, become} = joined()
    const before = federation.world()
    assert.equal(before.policies.policies.length, 1)
    assert.equal(membersAt(before, '203.0.113.0/24').length, 1)
    become('closed')
    assert.equal(membersAt(federation.world(), '10.2.0.5/32').length, 1, 'a closed one is all there')
    become('withdrawn')
    const world = federation.world()
    assert.deepEqual(
      [world.members.get('10.2.0.5/32' as never), world.members.get('10.2.0.0/16' as never)],
      [undefined, undefined],
    )
    assert.deepEqual(world.sites.get(site('b'))?.prefixes, [])
    assert.equal(world.sites.get(site('b'))?.presence, 'withdrawn')
    assert.equal(membersAt(world, '203.0.113.0/24').length, 1)
    assert.equal(world.policies.policies.length, 1)
    assert.equal(membersAt(world, '10.1.0.5/32').length, 1)
  })

  it('is the same as before when it is back, and nothing more has changed than what was taken', () => {
    const {federation, become} = joined()
    federation.takeMemberChanges()
    const before = plainWorld(federation.world())
    become('withdrawn')
    assert.deepEqual([...federation.takeMemberChanges().keys()].sort(), ['10.2.0.0/16', '10.2.0.5/32'])
    become('open')
    assert.deepEqual([...federation.takeMemberChanges().keys()].sort(), ['10.2.0.0/16', '10.2.0.5/32'])
    assert.deepEqual(plainWorld(federation.world()), before)
  })

  it('is followed while it is out, so that it comes back as it is then', () => {
    const {federation, become} = joined()
    become('withdrawn')
    const added = rawRecord(`${EXPORT}endpoints/main/10.2.0.6/x1`, {n: ['shop/db-1']}, 21)
    federation.update(changesOf('export/b', [added], [`${EXPORT}endpoints/main/10.2.0.5/x1`], 21))
    assert.equal(membersAt(federation.world(), '10.2.0.6/32').length, 0)
    become('open')
    assert.equal(membersAt(federation.world(), '10.2.0.6/32').length, 1)
    assert.equal(membersAt(federation.world(), '10.2.0.5/32').length, 0)
  })
})
