import assert from 'node:assert/strict'
import {Federation} from '../../src/federate/index.ts'
import type {GatewayConfig, RawRecord, World} from '../../src/model/index.ts'
import {rawRecord} from '../support/records.ts'
import {configOf, EXPORT, listOf, membersAt, podRecord, prefix, remote, site} from '../support/sites.ts'

/** Site b has the prefix of site a, whose gateway this is, and is known here by another. */
const translated = (overrides: Partial<GatewayConfig> = {}): GatewayConfig => {
  const [name, b] = remote('b', '10.201.0.0/16')
  const translations = [{real: prefix('10.1.0.0/16'), seen: prefix('10.201.0.0/16')}]
  return configOf({sites: new Map([[name, {...b, translations}], remote('c', '10.3.0.0/16')]), ...overrides})
}

const exportOf = (...more: RawRecord[]): RawRecord[] => [
  rawRecord(`${EXPORT}meta`, {schema: 1, site: 'b', generation: 1}),
  rawRecord(`${EXPORT}site`, {as: 4200000002, prefixes: ['10.1.0.0/16'], infrastructure: ['192.168.0.0/24']}),
  rawRecord(`${EXPORT}attributes/pod`, {kind: 'pod', labels: {app: 'db'}, namespace: 'shop'}),
  rawRecord(`${EXPORT}attributes/rack`, {kind: 'prefix', labels: {role: 'rack'}}),
  rawRecord(`${EXPORT}attributes/set`, {kind: 'set', labels: {team: 'x'}}),
  rawRecord(`${EXPORT}endpoints/main/10.1.0.7/pod`, {n: ['shop/db-0']}),
  rawRecord(`${EXPORT}endpoints/main/10.1.200.0-24/rack`, {n: ['rack']}),
  rawRecord(`${EXPORT}endpoints/main/10.1.9.0-24/set`, {n: ['own']}),
  ...more,
]

function worldOf(config: GatewayConfig, records: readonly RawRecord[]): World {
  const federation = new Federation(config)
  federation.update(listOf('datastore/main', [podRecord('p7', '10.1.0.7', {labels: {app: 'web'}})]))
  federation.update(listOf('export/b', records))
  return federation.world()
}

const sitesAt = (world: World, text: string): string[] =>
  membersAt(world, text).map((member) => `${member.site} ${member.set.kind}`)

describe('a site that is known by other prefixes', () => {
  it('has all its members there, and the same address of the own site is the own', () => {
    const world = worldOf(translated(), exportOf())
    assert.deepEqual(world.findings, [])
    assert.deepEqual(sitesAt(world, '10.201.0.7/32'), ['b pod'])
    assert.deepEqual(sitesAt(world, '10.1.0.7/32'), ['a pod'])
    assert.deepEqual(sitesAt(world, '10.201.200.0/24'), ['b prefix'])
    assert.deepEqual(sitesAt(world, '10.201.9.0/24'), ['b set'])
    assert.deepEqual(sitesAt(world, '10.201.0.0/16'), ['b prefix'], 'the grant')
    const b = world.sites.get(site('b'))!
    assert.deepEqual([b.granted, b.prefixes], [['10.201.0.0/16'], ['10.201.0.0/16']])
    assert.deepEqual(b.translations, [{real: '10.1.0.0/16', seen: '10.201.0.0/16'}])
    assert.deepEqual(b.infrastructure, ['192.168.0.0/24'])
  })

  it('cannot say of itself what another of its addresses is known by', () => {
    const world = worldOf(
      translated(),
      exportOf(
        rawRecord(`${EXPORT}endpoints/main/10.201.0.7/pod`, {n: ['shop/liar']}),
        rawRecord(`${EXPORT}site`, {as: 4200000002, prefixes: ['10.201.0.0/16'], infrastructure: []}, 2),
      ),
    )
    assert.deepEqual(
      membersAt(world, '10.201.0.7/32').map(({names}) => names),
      [['shop/db-0']],
    )
    assert.deepEqual(
      world.findings.map(({code}) => code),
      ['prefix-conflict', 'endpoint-not-owned'],
    )
    assert.deepEqual(world.sites.get(site('b'))!.prefixes, [])
  })

  it('as an authority means its own by nets inside its prefixes; wider ones are meant as they stand', () => {
    const world = worldOf(
      translated({authorities: [site('b')]}),
      exportOf(rawRecord(`${EXPORT}endpoints/main/10.0.0.0-8/set`, {n: ['all']})),
    )
    assert.deepEqual(sitesAt(world, '10.0.0.0/8'), ['b set'])
    assert.deepEqual(sitesAt(world, '10.201.9.0/24'), ['b set'])
    assert.deepEqual(sitesAt(world, '10.1.9.0/24'), [])
  })

  it('whatever the order in which its records come', () => {
    const config = translated()
    const at = (records: readonly RawRecord[]) => [...worldOf(config, records).members.keys()].sort()
    assert.deepEqual(at(exportOf().toReversed()), at(exportOf()))
  })
})

describe('a site that is not connected', () => {
  it('is nothing here, and is named with the one that stands before it as long as it is so', () => {
    const unconnected = [
      {site: site('d'), prefix: prefix('10.3.7.0/24'), earlier: {site: site('c'), prefix: prefix('10.3.0.0/16')}},
    ]
    const federation = new Federation(configOf({unconnected}))
    federation.update(listOf('export/d', exportOf()))
    const world = federation.world()
    assert.deepEqual([...world.sites.keys()], ['a', 'b', 'c'])
    assert.ok([...world.members.values()].flat().every((member) => member.site !== 'd'))
    const [finding] = world.findings
    assert.deepEqual([finding?.code, finding?.severity], ['prefix-conflict', 'error'])
    assert.match(finding!.detail, /site d is not connected: its 10\.3\.7\.0\/24 overlaps site c's 10\.3\.0\.0\/16/)
    assert.match(finding!.remedy!, /sites\.d\.translate/)
    assert.deepEqual(finding!.conflict, {
      over: '10.3.7.0/24',
      sides: [
        {site: 'c', says: 'is granted 10.3.0.0/16'},
        {site: 'd', says: 'is granted 10.3.7.0/24'},
      ],
      firstCounts: true,
    })
  })
})
