import assert from 'node:assert/strict'
import {Federation} from '../../src/federate/index.ts'
import type {RawRecord, World} from '../../src/model/index.ts'
import {rawRecord} from '../support/records.ts'
import {changesOf, configOf, EXPORT, listOf, membersAt, plainWorld, site} from '../support/sites.ts'

const meta = (name: string, revision = 1): RawRecord =>
  rawRecord(`${EXPORT}meta`, {schema: 1, site: name, generation: 1}, revision)
/** An export with a gateway, an endpoint in each remote site's prefix, a set of anybody's addresses and a policy that opens. */
const exportOf = (name: string): RawRecord[] => [
  meta(name),
  rawRecord(`${EXPORT}site`, {as: 4200000003, prefixes: ['10.2.0.0/16', '10.3.0.0/16'], infrastructure: []}),
  rawRecord(`${EXPORT}gateways/g1`, {
    uplinks: [{name: 'wan', address: '192.0.2.3', inner: ['100.64.0.6', '100.64.0.7']}],
  }),
  rawRecord(`${EXPORT}attributes/pod`, {kind: 'pod', labels: {app: 'db'}, namespace: 'shop'}),
  rawRecord(`${EXPORT}attributes/set`, {kind: 'set', labels: {role: 'trusted'}}),
  rawRecord(`${EXPORT}endpoints/main/10.2.0.5/pod`, {n: ['shop/db-0']}),
  rawRecord(`${EXPORT}endpoints/main/10.3.0.5/pod`, {n: ['shop/db-0']}),
  rawRecord(`${EXPORT}endpoints/main/198.51.100.0-24/set`, {n: ['trusted']}),
  rawRecord(`${EXPORT}resources/globalnetworkpolicies/open`, {
    metadata: {name: 'open'},
    spec: {types: ['Ingress'], ingress: [{action: 'Allow'}]},
  }),
]
const config = configOf({authorities: [site('b')]})

/** What the sites and members are, without what is said of them. */
function parts(world: World): unknown {
  const {findings: _, refused: __, ...rest} = plainWorld(world) as Record<string, unknown>
  return rest
}

describe('an export of another site than the one that is asked for', () => {
  const alone = new Federation(config)
  alone.update(listOf('export/c', exportOf('c')))

  it('counts for nothing: neither its gateways, nor its endpoints and sets, nor its policies', () => {
    const federation = new Federation(config)
    federation.update(listOf('export/c', exportOf('c')))
    federation.update(listOf('export/b', exportOf('c')))
    const world = federation.world()
    assert.deepEqual(parts(world), parts(alone.world()))
    assert.deepEqual(world.policies.policies, [], 'c is no authority, and b did not say it')
    assert.equal(membersAt(world, '10.2.0.0/16').length, 1, 'the grant of b stays')
    assert.match(world.findings.map(({detail}) => detail).join('\n'), /says that it is site c's: nothing of it counts/)
  })

  it('counts as soon as it is the right one, and no longer when it is not', () => {
    const federation = new Federation(config)
    federation.update(listOf('export/b', exportOf('c')))
    const mistaken = parts(federation.world())
    const right = new Federation(config)
    right.update(listOf('export/b', exportOf('b')))
    federation.update(changesOf('export/b', [meta('b', 11)], [], 11))
    assert.deepEqual(parts(federation.world()), parts(right.world()))
    assert.equal(membersAt(federation.world(), '10.2.0.5/32').length, 1)
    assert.equal(federation.world().policies.policies.length, 1)
    federation.update(changesOf('export/b', [meta('c', 12)], [], 12))
    assert.deepEqual(parts(federation.world()), mistaken)
    assert.equal(membersAt(federation.world(), '198.51.100.0/24').length, 0)
  })
})
