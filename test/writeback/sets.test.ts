import assert from 'node:assert/strict'
import fc from 'fast-check'
import {Federation} from '../../src/federate/index.ts'
import type {RawRecord, World} from '../../src/model/index.ts'
import {WriteBackSets} from '../../src/writeback/index.ts'
import {decider, expand, type HistoryEvent, interleave} from '../support/expand.ts'
import {rawRecord} from '../support/records.ts'
import {CALICO, changesOf, configOf, EXPORT, listOf, podRecord} from '../support/sites.ts'

const CONFIG = configOf()
const SHOP = {namespaces: ['shop']}

const attributes = (id: string, value: object): RawRecord => rawRecord(`${EXPORT}attributes/${id}`, value)
const endpoint = (at: string, id: string): RawRecord => rawRecord(`${EXPORT}endpoints/main/${at}/${id}`, {n: []})

const WEB = attributes('web', {
  kind: 'pod',
  labels: {
    app: 'web',
    'pcns.team': 'x',
    'pcsa.role': 'y',
    'projectcalico.org/namespace': 'shop',
    'projectcalico.org/orchestrator': 'k8s',
    'projectcalico.org/serviceaccount': 'front',
    'isthmus.io/namespace': 'kube-system',
  },
  namespace: 'shop',
  serviceAccount: 'front',
})

interface SetObject {
  readonly kind: string
  readonly metadata: {readonly name: string; readonly namespace?: string; readonly labels: Record<string, string>}
  readonly spec: {readonly nets: readonly string[]}
}

const parsed = (texts: ReadonlyMap<string, string>): SetObject[] =>
  [...texts.values()].map((text): SetObject => JSON.parse(text))

/** What a gateway of site a makes of these exports, from nothing. */
function setsOf(records: readonly RawRecord[], namespaces: readonly string[] = []): WriteBackSets {
  const federation = new Federation(CONFIG)
  federation.update(listOf('export/b', records))
  const sets = new WriteBackSets(CONFIG.site, {namespaces})
  const {attributes} = federation.world()
  sets.take(federation.takeMemberChanges(), attributes)
  return sets
}

describe('WriteBackSets', () => {
  it('write exactly this for a pod and a host', () => {
    const sets = setsOf(
      [
        ...[WEB, endpoint('10.2.0.5', 'web'), endpoint('10.2.0.4', 'web')],
        ...[attributes('db', {kind: 'host', labels: {app: 'db'}}), endpoint('10.2.9.9', 'db')],
      ],
      ['shop'],
    )
    const texts = [...sets.objects()].sort(([a], [b]) => (a < b ? -1 : 1))
    const owner = '"annotations":{"isthmus.io/owner":"a"}'
    const [host, pod, inNamespace] = texts.map(([key]) => key.slice(key.lastIndexOf('/') + 1))
    assert.deepEqual(texts, [
      [
        `${CALICO}globalnetworksets/${host}`,
        `{"kind":"GlobalNetworkSet","apiVersion":"projectcalico.org/v3","metadata":{"name":"${host}","labels":{"app":"db","isthmus.io/site":"b"},${owner}},"spec":{"nets":["10.2.9.9/32"]}}`,
      ],
      [
        `${CALICO}globalnetworksets/${pod}`,
        `{"kind":"GlobalNetworkSet","apiVersion":"projectcalico.org/v3","metadata":{"name":"${pod}","labels":{"app":"web","isthmus.io/namespace":"shop","isthmus.io/service-account":"front","isthmus.io/site":"b"},${owner}},"spec":{"nets":["10.2.0.4/32","10.2.0.5/32"]}}`,
      ],
      [
        `${CALICO}networksets/shop/${inNamespace}`,
        `{"kind":"NetworkSet","apiVersion":"projectcalico.org/v3","metadata":{"name":"${inNamespace}","namespace":"shop","labels":{"app":"web","isthmus.io/namespace":"shop","isthmus.io/service-account":"front","isthmus.io/site":"b","projectcalico.org/orchestrator":"k8s","projectcalico.org/serviceaccount":"front"},${owner}},"spec":{"nets":["10.2.0.4/32","10.2.0.5/32"]}}`,
      ],
    ])
    for (const name of [host, pod, inNamespace]) assert.match(name!, /^isthmus-b-[0-9a-f]{16}$/)
  })

  it('hold nothing of the own site, of prefixes and network sets, of what ownership refuses', () => {
    const federation = new Federation(CONFIG)
    federation.update(listOf('datastore/main', [podRecord('web-1', '10.1.0.5', {labels: {app: 'web'}})]))
    federation.update(
      listOf('export/b', [
        ...[WEB, endpoint('10.9.0.5', 'web')],
        ...[attributes('rack', {kind: 'prefix', labels: {role: 'rack'}}), endpoint('10.2.7.0-24', 'rack')],
        ...[attributes('set', {kind: 'set', labels: {set: 's'}}), endpoint('10.2.8.0-24', 'set')],
      ]),
    )
    const sets = new WriteBackSets(CONFIG.site, SHOP)
    sets.take(federation.takeMemberChanges(), federation.world().attributes)
    assert.deepEqual([...sets.objects()], [])
  })

  const refused: {name: string; labels: object; found: RegExp}[] = [
    {name: 'a name with a space', labels: {'a b': 'x'}, found: /label "a b" is no name/},
    {name: 'a name with two slashes', labels: {'a/b/c': 'x'}, found: /label "a\/b\/c"/},
    {name: 'a prefix in capitals', labels: {'A.io/b': 'x'}, found: /label "A.io\/b"/},
    {name: 'a value that is too long', labels: {a: 'x'.repeat(64)}, found: /label "a" has the value "x{60}…"/},
    {name: 'a value with a line end', labels: {a: 'x\n'}, found: /the value "x\\n"/},
    {name: 'more than a set should carry', labels: many(300), found: /bytes of labels/},
  ]
  for (const {name, labels, found} of refused) {
    it(`leave out what Calico would refuse, and say so: ${name}`, () => {
      const sets = setsOf([
        ...[attributes('odd', {kind: 'pod', labels}), endpoint('10.2.0.5', 'odd')],
        ...[attributes('even', {kind: 'pod', labels: {app: 'even'}}), endpoint('10.2.0.6', 'even')],
      ])
      assert.deepEqual(
        parsed(sets.objects()).flatMap(({spec}) => spec.nets),
        ['10.2.0.6/32'],
      )
      const [finding, ...others] = sets.findings('datastore main')
      assert.match(finding!.detail, found)
      assert.equal(others.length, 0)
    })
  }

  it('a pod with a service account of a long name, which is no label, is in the global set and in none of its namespace', () => {
    const serviceAccount = 'x'.repeat(64)
    const labels = {app: 'web', 'projectcalico.org/serviceaccount': serviceAccount}
    const web = attributes('web', {kind: 'pod', labels, namespace: 'shop', serviceAccount})
    const sets = setsOf([web, endpoint('10.2.0.5', 'web')], ['shop'])
    assert.deepEqual(
      parsed(sets.objects()).map(({kind, spec}) => [kind, spec.nets]),
      [['GlobalNetworkSet', ['10.2.0.5/32']]],
    )
    const [finding, ...others] = sets.findings('datastore main')
    assert.match(
      finding!.detail,
      /^1 address\(es\) of site b are in no set of namespace shop: label "projectcalico.org\/s/,
    )
    assert.equal(others.length, 0)
  })

  it('an address that moves between attribute sets of equal labels stays', () => {
    const federation = new Federation(CONFIG)
    const sets = new WriteBackSets(CONFIG.site, SHOP)
    const take = (): void => sets.take(federation.takeMemberChanges(), federation.world().attributes)
    const http = attributes('http', {kind: 'pod', labels: {app: 'web'}, ports: [['http', 'tcp', 80]]})
    const none = attributes('none', {kind: 'pod', labels: {app: 'web'}})
    federation.update(listOf('export/b', [http, none, endpoint('10.2.0.5', 'http')]))
    take()
    const before = new Map(sets.objects())
    const gone = `${EXPORT}endpoints/main/10.2.0.5/http`
    federation.update(changesOf('export/b', [endpoint('10.2.0.5', 'none')], [gone]))
    take()
    assert.equal(before.size, 1)
    assert.deepEqual(sets.objects(), before)
  })

  it('addresses that change in many ways at once are taken as what became of them', () => {
    const federation = new Federation(CONFIG)
    const sets = new WriteBackSets(CONFIG.site, SHOP)
    federation.update(listOf('export/b', [WEB, endpoint('10.2.0.5', 'web')]))
    const first = federation.takeMemberChanges()
    federation.update(changesOf('export/b', [endpoint('10.2.0.6', 'web')], [`${EXPORT}endpoints/main/10.2.0.5/web`]))
    const folded = new Map(first)
    for (const [prefix, {after}] of federation.takeMemberChanges()) {
      folded.set(prefix, {before: first.get(prefix)?.before, after})
    }
    sets.take(folded, federation.world().attributes)
    assert.deepEqual(
      parsed(sets.objects()).map(({spec}) => spec.nets),
      [['10.2.0.6/32'], ['10.2.0.6/32']],
    )
  })

  it('one pod of 20,000 more costs one set of at most 512', () => {
    const federation = new Federation(CONFIG)
    const pods = Array.from({length: 20_000}, (_, i) => endpoint(`10.2.${i >> 8}.${i & 255}`, 'web'))
    federation.update(listOf('export/b', [WEB, ...pods]))
    const sets = new WriteBackSets(CONFIG.site, {namespaces: []})
    sets.take(federation.takeMemberChanges(), federation.world().attributes)
    const before = new Map(sets.objects())
    assert.ok(before.size > 20_000 / 512 && before.size < 100, String(before.size))
    for (const {spec} of parsed(before)) assert.ok(spec.nets.length <= 512)
    federation.update(changesOf('export/b', [endpoint('10.2.200.1', 'web')]))
    sets.take(federation.takeMemberChanges(), federation.world().attributes)
    const changed = [...sets.objects()].filter(([key, text]) => before.get(key) !== text)
    assert.equal(changed.length, 1)
    assert.ok(changed[0]![1].length < 16_384)
  })

  it('after any changes are what they are from nothing, whole and parted as they must be', () => {
    const small = fc.integer({min: 0, max: 3})
    const put = ({key, value}: RawRecord): HistoryEvent => ({key, value: new TextDecoder().decode(value)})
    const event = fc.oneof(
      fc.tuple(fc.integer({min: 0, max: 40}), small).map(([ip, id]) => put(endpoint(`10.2.0.${ip}`, `i${id}`))),
      fc.tuple(small, small, small).map(([id, app, port]) =>
        put(
          attributes(`i${id}`, {
            ...{kind: app === 3 ? 'host' : 'pod', labels: {app: `a${app % 2}`}, namespace: app === 3 ? null : 'shop'},
            ports: [['p', 'tcp', port + 1]],
          }),
        ),
      ),
    )
    const history = fc
      .array(fc.tuple(event, fc.nat(9)), {maxLength: 80})
      .map((events) => events.map(([one, dice]) => (dice < 3 ? {key: one.key, value: null} : one)))
    fc.assert(
      fc.property(history, fc.array(fc.nat(), {minLength: 1, maxLength: 60}), (events, numbers) => {
        const decide = decider(numbers)
        const federation = new Federation(CONFIG)
        const sets = new WriteBackSets(CONFIG.site, SHOP, 3)
        for (const batch of interleave([expand('export/b', events, decide)], decide)) {
          federation.update(batch)
          if (decide(2) === 0) continue
          const world = federation.world()
          sets.take(federation.takeMemberChanges(), world.attributes)
          if (decide(2) === 0) continue
          assert.deepEqual(sorted(sets.objects()), sorted(fromNothing(world)))
          assert.deepEqual(netsByLabels(sets.objects()), expectedNets(world))
        }
      }),
      {numRuns: 300},
    )
  })
})

function many(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({length: count}, (_, i) => [`l${i}`, 'x'.repeat(60)]))
}

const sorted = (texts: ReadonlyMap<string, string>): [string, string][] =>
  [...texts].sort(([a], [b]) => (a < b ? -1 : 1))

function fromNothing(world: World): ReadonlyMap<string, string> {
  const sets = new WriteBackSets(world.local, SHOP, 3)
  const all = new Map([...world.members].map(([prefix, after]) => [prefix, {before: undefined, after}]))
  sets.take(all, world.attributes)
  return sets.objects()
}

/** `KIND APP` → every net, which must be in one set only; no set is empty or too large. */
function netsByLabels(texts: ReadonlyMap<string, string>): Record<string, string[]> {
  const nets: Record<string, string[]> = {}
  for (const {kind, metadata, spec} of parsed(texts)) {
    assert.ok(spec.nets.length > 0 && spec.nets.length <= 3)
    const {app, 'isthmus.io/namespace': namespace = '-'} = metadata.labels
    const group = `${kind} ${app} ${namespace}`
    nets[group] = [...(nets[group] ?? []), ...spec.nets].sort()
  }
  return nets
}

function expectedNets(world: World): Record<string, string[]> {
  const nets: Record<string, string[]> = {}
  for (const [prefix, members] of world.members) {
    for (const {site, attributes} of members) {
      const set = world.attributes.get(attributes)!
      if (site === world.local || set.kind === 'prefix') continue
      const kinds = set.namespace === null ? ['GlobalNetworkSet'] : ['GlobalNetworkSet', 'NetworkSet']
      for (const kind of kinds) {
        const group = `${kind} ${set.labels.app} ${set.namespace ?? '-'}`
        nets[group] = [...(nets[group] ?? []), prefix].sort()
      }
    }
  }
  return nets
}
