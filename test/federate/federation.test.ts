import assert from 'node:assert/strict'
import {Federation} from '../../src/federate/index.ts'
import {parseGatewayName, type RawRecord, type World} from '../../src/model/index.ts'
import {calicoFixture, rawRecord} from '../support/records.ts'
import {
  CALICO,
  changesOf,
  configOf,
  EXPORT,
  ISTHMUS,
  listOf,
  membersAt,
  podRecord,
  prefix,
  profileRecord,
  remote,
  site,
} from '../support/sites.ts'

const worldOf = (records: readonly RawRecord[], config = configOf()): World => {
  const federation = new Federation(config)
  federation.update(listOf('datastore/main', records))
  return federation.world()
}
const codes = (world: World): string[] => world.findings.map((finding) => finding.code)
const setRecord = (name: string, nets: string[], labels: object = {}, revision = 1): RawRecord =>
  rawRecord(`${CALICO}globalnetworksets/${name}`, {metadata: {labels}, spec: {nets}}, revision)

const EXPORT_B: readonly RawRecord[] = [
  rawRecord(`${EXPORT}meta`, {schema: 1, site: 'b', generation: 1}),
  rawRecord(`${EXPORT}site`, {as: 4200000002, prefixes: ['10.2.0.0/16'], infrastructure: ['192.168.0.0/24']}),
  rawRecord(`${EXPORT}attributes/x1`, {kind: 'pod', labels: {app: 'db', 'isthmus.io/site': 'a'}, namespace: 'shop'}),
  rawRecord(`${EXPORT}endpoints/main/10.2.0.5/x1`, {n: ['shop/db-0']}),
]

describe('effective labels', () => {
  const profiles = [
    profileRecord('kns.shop', {'pcns.env': 'prod', app: 'inherited'}),
    profileRecord('second', {'pcns.env': 'late', zone: 'z'}),
  ]

  it('own labels win, profiles follow in their order, the site is ours', () => {
    const own = {app: 'web', 'pcns.env': 'forged', 'isthmus.io/site': 'elsewhere', 'isthmus.io/datastore': 'other'}
    const pod = podRecord('web-1', '10.1.0.5', {labels: own, profiles: ['kns.shop', 'second'], serviceAccount: 'web'})
    const [member] = membersAt(worldOf([...profiles, pod]), '10.1.0.5/32')
    assert.deepEqual(member?.set, {
      kind: 'pod',
      labels: {
        app: 'web',
        'isthmus.io/datastore': 'main',
        'isthmus.io/site': 'a',
        'pcns.env': 'prod',
        'projectcalico.org/namespace': 'shop',
        'projectcalico.org/orchestrator': 'k8s',
        'projectcalico.org/serviceaccount': 'web',
        zone: 'z',
      },
      namespace: 'shop',
      serviceAccount: 'web',
      ports: [],
    })
    assert.deepEqual(member?.names, ['shop/web-1'])
  })

  it('a profile that comes later reaches its pods, and one that goes leaves them', () => {
    const federation = new Federation(configOf())
    federation.update(listOf('datastore/main', [podRecord('web-1', '10.1.0.5', {profiles: ['kns.shop']})]))
    const label = (): string | undefined => membersAt(federation.world(), '10.1.0.5/32')[0]?.set.labels['pcns.env']
    assert.equal(label(), undefined)
    assert.deepEqual(codes(federation.world()), ['profile-missing'])
    federation.update(changesOf('datastore/main', [profileRecord('kns.shop', {'pcns.env': 'prod'}, 11)]))
    assert.equal(label(), 'prod')
    assert.deepEqual(codes(federation.world()), [])
    federation.update(changesOf('datastore/main', [], [`${CALICO}profiles/kns.shop`]))
    assert.equal(label(), undefined)
    assert.deepEqual(codes(federation.world()), ['profile-missing'])
  })

  it('a namespaced set inherits from its namespace, no set has a site or forged labels', () => {
    const labels = {role: 'partner', 'isthmus.io/site': 'b', 'pcns.env': 'forged', 'pcsa.a': 'forged'}
    const records = [
      ...profiles,
      rawRecord(`${CALICO}networksets/shop/s`, {metadata: {labels}, spec: {nets: ['10.1.7.0/24']}}),
      setRecord('g', ['10.1.8.0/24'], {...labels, 'projectcalico.org/namespace': 'shop'}),
    ]
    const world = worldOf(records)
    assert.deepEqual(membersAt(world, '10.1.7.0/24')[0]?.set.labels, {
      app: 'inherited',
      'pcns.env': 'prod',
      'projectcalico.org/namespace': 'shop',
      role: 'partner',
    })
    assert.deepEqual(membersAt(world, '10.1.8.0/24')[0]?.set.labels, {role: 'partner'})
  })

  it('projectcalico-default-allow needs no record', () => {
    const config = configOf({owns: [prefix('192.0.2.0/24'), prefix('2001:db8::/32')]})
    const world = worldOf([calicoFixture('hostendpoint')], config)
    assert.deepEqual(codes(world), [])
    assert.deepEqual(membersAt(world, '2001:db8::11/128')[0]?.set.labels, {
      'isthmus.io/datastore': 'main',
      'isthmus.io/site': 'a',
      role: 'k8s-worker',
      zone: 'a',
    })
  })
})

describe('members', () => {
  it('an endpoint outside the site’s prefixes is refused, counted and shown', () => {
    const world = worldOf([podRecord('out', '10.9.0.1'), podRecord('in', '10.1.0.1')])
    assert.equal(world.members.has(prefix('10.9.0.1/32')), false)
    assert.equal(world.members.has(prefix('10.1.0.1/32')), true)
    assert.equal(world.refused.get(site('a')), 1)
    assert.deepEqual(codes(world), ['endpoint-not-owned'])
  })

  it('a refusal heals with its cause', () => {
    const federation = new Federation(configOf())
    federation.update(listOf('datastore/main', [podRecord('p', '10.9.0.1')]))
    assert.deepEqual(codes(federation.world()), ['endpoint-not-owned'])
    federation.update(changesOf('datastore/main', [podRecord('p', '10.1.0.1', {revision: 11})]))
    assert.deepEqual(codes(federation.world()), [])
    assert.equal(federation.world().refused.size, 0)
  })

  it('many refusals are counted, and few of them named', () => {
    const pods = Array.from({length: 1000}, (_, i) => podRecord(`p${i}`, `10.9.${i >> 8}.${i & 255}`))
    const world = worldOf(pods)
    assert.equal(world.refused.get(site('a')), 1000)
    assert.equal(world.findings.length, 21)
    assert.match(world.findings.at(-1)!.detail, /980 more/)
  })

  it('of two endpoints with one address the latest counts, and it is said', () => {
    const old = podRecord('old', '10.1.0.5', {labels: {app: 'old'}, revision: 3})
    const young = podRecord('young', '10.1.0.5', {labels: {app: 'young'}, revision: 4})
    for (const records of [
      [old, young],
      [young, old],
    ]) {
      const world = worldOf(records)
      assert.deepEqual(
        membersAt(world, '10.1.0.5/32').map((member) => member.set.labels.app),
        ['young'],
      )
      assert.deepEqual(codes(world), ['address-duplicate'])
    }
  })

  it('sets are a union on top of the endpoint', () => {
    const world = worldOf([
      podRecord('p', '10.1.0.5'),
      setRecord('s', ['10.1.0.5'], {x: '1'}),
      setRecord('t', ['10.1.0.5/32'], {x: '2'}),
    ])
    const kinds = membersAt(world, '10.1.0.5/32').map((member) => member.set.kind)
    assert.deepEqual(kinds.sort(), ['pod', 'set', 'set'])
  })

  it('sets with equal labels are one member with both names', () => {
    const [member, ...more] = membersAt(
      worldOf([setRecord('s', ['10.1.0.5']), setRecord('t', ['10.1.0.5'])]),
      '10.1.0.5/32',
    )
    assert.deepEqual([member?.names, more], [['s', 't'], []])
  })

  it('nets of a set outside the own prefixes count from an authority only', () => {
    const set = setRecord('s', ['10.1.0.0/24', '203.0.113.0/24', '10.0.0.0/15'])
    const held = (world: World): string[] =>
      [...world.members.keys()].filter((key) => membersAt(world, key).some((m) => m.set.kind === 'set'))
    assert.deepEqual(held(worldOf([set])), ['10.1.0.0/24', '203.0.113.0/24', '10.0.0.0/15'])
    const other = worldOf([set], configOf({authorities: [site('b')]}))
    assert.deepEqual(held(other), ['10.1.0.0/24'])
    assert.deepEqual([other.refused.get(site('a')), codes(other)], [2, ['set-net-not-owned', 'set-net-not-owned']])
  })

  it('every site’s grants are members of kind prefix, static ones with their labels', () => {
    const config = configOf({
      static: [{prefix: prefix('10.1.200.0/24'), via: '192.0.2.7' as never, labels: {role: 'rack'}}],
    })
    const rack = rawRecord(`${ISTHMUS}staticprefixes/lab`, {
      metadata: {labels: {role: 'lab'}},
      spec: {prefix: '10.1.201.0/24'},
    })
    const world = worldOf([rack], config)
    const labels = (text: string): unknown =>
      membersAt(world, text).map((member) => [member.set.kind, member.set.labels])
    assert.deepEqual(labels('10.1.0.0/16'), [['prefix', {'isthmus.io/site': 'a'}]])
    assert.deepEqual(labels('10.2.0.0/16'), [['prefix', {'isthmus.io/site': 'b'}]])
    assert.deepEqual(labels('10.1.200.0/24'), [['prefix', {'isthmus.io/site': 'a', role: 'rack'}]])
    assert.deepEqual(labels('10.1.201.0/24'), [['prefix', {'isthmus.io/site': 'a', role: 'lab'}]])
    assert.deepEqual(world.sites.get(site('a'))?.prefixes, [
      '10.1.0.0/16',
      '10.1.200.0/24',
      '10.1.201.0/24',
      'fd00:1::/48',
    ])
  })

  it('what Isthmus wrote into Calico’s tree is not the site’s own', () => {
    const annotations = {'isthmus.io/owner': 'a'}
    const ours = rawRecord(`${CALICO}globalnetworksets/w`, {metadata: {annotations}, spec: {nets: ['10.1.0.0/24']}})
    const node = rawRecord(`${CALICO}nodes/gw`, {metadata: {annotations}, spec: {bgp: {ipv4Address: '192.0.2.1/24'}}})
    const world = worldOf([ours, node, calicoFixture('node'), podRecord('p', '10.1.0.1', {annotations})])
    assert.deepEqual(
      world.nodes.map((entry) => entry.meta.name),
      ['worker-1'],
    )
    assert.equal(membersAt(world, '10.1.0.0/24').length + membersAt(world, '10.1.0.1/32').length, 0)
  })

  it('takeMemberChanges says what changed since it was last asked, and nothing that came to nothing', () => {
    const federation = new Federation(configOf())
    federation.update(listOf('datastore/main', [podRecord('p', '10.1.0.1')]))
    federation.takeMemberChanges()
    const other = podRecord('q', '10.1.0.2', {revision: 11})
    federation.update(changesOf('datastore/main', [other]))
    federation.update(changesOf('datastore/main', [podRecord('p', '10.1.0.3', {revision: 12})], [other.key], 21))
    const changes = federation.takeMemberChanges()
    assert.deepEqual([...changes.keys()].sort(), ['10.1.0.1/32', '10.1.0.3/32'])
    assert.equal(changes.get(prefix('10.1.0.1/32'))?.after, undefined)
    assert.equal(federation.takeMemberChanges().size, 0)
  })
})

describe('a remote export', () => {
  const federated = (records: readonly RawRecord[] = EXPORT_B, config = configOf()): Federation => {
    const federation = new Federation(config)
    federation.update(listOf('export/b', records))
    return federation
  }

  it('its endpoints come under the site they really are of', () => {
    const [member] = membersAt(federated().world(), '10.2.0.5/32')
    assert.deepEqual(member?.set.labels, {app: 'db', 'isthmus.io/site': 'b'})
    assert.deepEqual([member?.site, member?.source, member?.names], ['b', 'export/b', ['shop/db-0']])
  })

  it('an endpoint in another site’s prefix is refused', () => {
    const world = federated([...EXPORT_B, rawRecord(`${EXPORT}endpoints/main/10.3.0.1/x1`, {n: []})]).world()
    assert.equal(membersAt(world, '10.3.0.1/32').length, 0)
    assert.equal(world.refused.get(site('b')), 1)
  })

  it('a membership waits for its attribute set, and goes with it', () => {
    const without = EXPORT_B.filter((record) => !record.key.includes('attributes'))
    const federation = federated(without)
    assert.deepEqual(codes(federation.world()), ['attributes-missing'])
    federation.update(
      changesOf('export/b', [rawRecord(`${EXPORT}attributes/x1`, {kind: 'pod', labels: {app: 'db'}}, 11)]),
    )
    assert.equal(membersAt(federation.world(), '10.2.0.5/32')[0]?.set.labels.app, 'db')
    federation.update(changesOf('export/b', [], [`${EXPORT}attributes/x1`]))
    assert.equal(membersAt(federation.world(), '10.2.0.5/32').length, 0)
    assert.equal(federation.world().attributes.size, 3, 'the three sites’ own prefixes')
  })

  it('only prefixes that are granted are taken', () => {
    const site_ = (prefixes: string[]): RawRecord =>
      rawRecord(`${EXPORT}site`, {as: 2, prefixes, infrastructure: []}, 2)
    const world = federated([site_(['10.2.0.0/17', '10.3.4.0/24', '10.77.0.0/16'])]).world()
    assert.deepEqual(world.sites.get(site('b'))?.prefixes, ['10.2.0.0/17'])
    assert.deepEqual(codes(world), ['prefix-conflict', 'prefix-not-granted'])
    assert.match(world.findings[0]!.detail, /site b .* site c/)
  })

  it('grants that overlap belong to neither site, and both are named', () => {
    const config = configOf({sites: new Map([remote('b', '10.2.0.0/16'), remote('c', '10.2.3.0/24', '10.3.0.0/16')])})
    const world = federated(EXPORT_B, config).world()
    assert.deepEqual(world.sites.get(site('b'))?.prefixes, [])
    assert.equal(membersAt(world, '10.2.0.5/32').length, 0)
    const finding = world.findings.find((entry) => entry.code === 'prefix-conflict')
    assert.match(finding!.detail, /site b.*10\.2\.0\.0\/16.*site c.*10\.2\.3\.0\/24/)
  })

  it('inner addresses outside the interconnect or claimed twice are taken away, both claimants named', () => {
    const gateway = (name: string, inner: string[]): RawRecord =>
      rawRecord(`${EXPORT}gateways/${name}`, {uplinks: [{name: 'wan', address: '192.0.2.2', inner}], tunnels: {}})
    const inner = (world: World, name: string): unknown =>
      world.sites.get(site('b'))?.gateways.find((entry) => entry.name === name)?.uplinks[0]?.inner[4]
    const world = federated([
      gateway('b1', ['100.64.0.2', '100.64.0.3']),
      gateway('b2', ['100.64.0.0', '100.64.0.9']),
      gateway('b3', ['172.16.0.0', '172.16.0.1']),
    ]).world()
    assert.deepEqual(
      [inner(world, 'b1'), inner(world, 'b2'), inner(world, 'b3')],
      [['100.64.0.2', '100.64.0.3'], [], []],
    )
    assert.deepEqual(world.sites.get(site('a'))?.gateways[0]?.uplinks[0]?.inner[4], ['100.64.0.0', '100.64.0.1'])
    assert.match(
      world.findings.map((entry) => entry.detail).join('\n'),
      /100\.64\.0\.0 is claimed by a\/a1\/wan and b\/b2\/wan/,
    )
    assert.equal(codes(world).filter((code) => code === 'inner-address-conflict').length, 3)
  })

  it('what it said last stays while it is silent, and a restored state is no list', () => {
    const federation = new Federation(configOf())
    federation.restore(listOf('export/b', EXPORT_B, 5))
    assert.equal(membersAt(federation.world(), '10.2.0.5/32').length, 1)
    const state = () => federation.world().sources.get('export/b')
    assert.deepEqual([state()?.synced, state()?.restored], [false, true])
    federation.update(listOf('export/b', EXPORT_B.slice(0, 3), 9))
    assert.deepEqual([state()?.synced, state()?.restored, state()?.keys], [true, false, 3])
    assert.equal(membersAt(federation.world(), '10.2.0.5/32').length, 0)
  })

  it('a change that is older than what is known does nothing', () => {
    const federation = federated()
    const at = (revision: number, name: string): RawRecord =>
      rawRecord(`${EXPORT}endpoints/main/10.2.0.5/x1`, {n: [name]}, revision)
    federation.update(changesOf('export/b', [at(20, 'new')], [], 20))
    federation.update(changesOf('export/b', [at(19, 'old')], [], 20))
    federation.update(changesOf('export/b', [], [`${EXPORT}endpoints/main/10.2.0.5/x1`], 18))
    assert.deepEqual(membersAt(federation.world(), '10.2.0.5/32')[0]?.names, ['new'])
  })

  it('the own export in the own datastore adds no members, and a twin’s gateway', () => {
    const federation = new Federation(configOf({twin: parseGatewayName('a2')}))
    const gateway = rawRecord(`${EXPORT}gateways/a2`, {uplinks: [{name: 'wan', address: '192.0.2.9', inner: []}]})
    const own = EXPORT_B.map((record) => ({...record, key: record.key.replace('10.2.0.5', '10.1.0.5')}))
    federation.update(
      listOf('datastore/main', [...own.filter((record) => !record.key.includes('attributes')), gateway]),
    )
    const world = federation.world()
    assert.deepEqual([membersAt(world, '10.1.0.5/32'), codes(world)], [[], []])
    assert.deepEqual(
      world.sites.get(site('a'))?.gateways.map((entry) => entry.name),
      ['a1', 'a2'],
    )
  })

  it('a restored backup, with its revisions gone back, is taken as it is', () => {
    const federation = federated()
    const records = [...EXPORT_B.slice(0, 3), rawRecord(`${EXPORT}endpoints/main/10.2.0.6/x1`, {n: []}, 1)]
    federation.update({...listOf('export/b', records, 2), clusterId: 'c2'})
    assert.deepEqual(
      ['10.2.0.5/32', '10.2.0.6/32'].map((text) => membersAt(federation.world(), text).length),
      [0, 1],
    )
  })

  it('a site that the configuration does not name owns nothing', () => {
    const federation = new Federation(configOf())
    federation.update(listOf('export/z', [EXPORT_B[2]!, EXPORT_B[3]!]))
    assert.equal(membersAt(federation.world(), '10.2.0.5/32').length, 0)
    assert.equal(federation.world().refused.get(site('z')), 1)
  })
})

describe('world()', () => {
  it('gives the same parts while nothing in them changed', () => {
    const federation = new Federation(configOf())
    const policy = rawRecord(`${ISTHMUS}globalnetworkpolicies/p`, {spec: {order: 1}})
    federation.update(listOf('datastore/main', [policy, calicoFixture('node'), podRecord('p', '10.1.0.1')]))
    federation.update(listOf('export/b', EXPORT_B))
    const before = federation.world()
    assert.equal(federation.world(), before)
    federation.update(changesOf('datastore/main', [podRecord('q', '10.1.0.2', {revision: 11})]))
    const after = federation.world()
    assert.notEqual(after, before)
    assert.ok(after.memberRevision > before.memberRevision)
    for (const part of ['policies', 'sites', 'attributes', 'nodes', 'members', 'staged', 'documents'] as const) {
      assert.equal(after[part], before[part], part)
    }
    federation.update(changesOf('datastore/main', [{...policy, modRevision: 12}], [], 21))
    assert.equal(federation.world().policies, before.policies, 'written again with the same content')
    assert.ok(Object.isFrozen(after))
  })

  it('recordsOf gives what a trace through a site’s own policies needs, local or exported', () => {
    const federation = new Federation(configOf())
    federation.update(listOf('datastore/main', [calicoFixture('networkpolicy'), calicoFixture('profile')]))
    federation.update(listOf('export/b', [rawRecord(`${EXPORT}local/main/networkpolicies/shop/p`, {spec: {}})]))
    const kinds = (source: 'datastore/main' | 'export/b'): string[] =>
      [...federation.recordsOf(source)].flatMap((record) => {
        if (record.type === 'resource') return [record.resource.kind]
        return record.type === 'export' && record.entry.kind === 'local' ? [record.entry.resource.kind] : []
      })
    assert.deepEqual([kinds('datastore/main'), kinds('export/b')], [['NetworkPolicy', 'Profile'], ['NetworkPolicy']])
  })

  it('counts keys and records that could not be read', () => {
    const federation = new Federation(configOf())
    const broken = rawRecord(`${CALICO}nodes/n`, '{', 3)
    federation.update(listOf('datastore/main', [broken, podRecord('p', '10.1.0.1'), calicoFixture('bgppeer')]))
    const {keys, decodeErrors, synced} = federation.world().sources.get('datastore/main')!
    assert.deepEqual([keys, decodeErrors, synced], [3, 1, true])
    assert.equal(membersAt(federation.world(), '10.1.0.1/32').length, 1, 'everything else goes on')
    assert.deepEqual(codes(federation.world()), ['record-not-json'])
    federation.update(changesOf('datastore/main', [], [broken.key]))
    assert.deepEqual(
      [federation.world().sources.get('datastore/main')?.decodeErrors, codes(federation.world())],
      [0, []],
    )
  })
})
