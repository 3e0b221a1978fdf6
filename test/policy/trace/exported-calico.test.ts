import assert from 'node:assert/strict'
import fc from 'fast-check'
import {decodeRecord} from '../../../src/decode/index.ts'
import {exportRecords, LocalRecords, localDatastores} from '../../../src/export/index.ts'
import {Federation} from '../../../src/federate/index.ts'
import type {DatastoreName, GatewayName, RawRecord, SourceId} from '../../../src/model/index.ts'
import {exportedCalico, prepareTracer, storedCalico, traceStations} from '../../../src/policy/index.ts'
import {rawRecord} from '../../support/records.ts'
import {CALICO, configOf, EXPORT, EXPORTING, ISTHMUS, listOf, prefix, remote, site} from '../../support/sites.ts'
import {seed} from '../random-world.ts'

const STORES = ['main', 'second'] as const
/** Site b, whose own policies go out; it owns what site a grants it. */
const CONFIG_B = configOf({
  site: site('b'),
  gateway: 'b1' as GatewayName,
  owns: [prefix('10.2.0.0/16')],
  uplinks: [],
  sites: new Map([remote('a', '10.1.0.0/16', 'fd00:1::/48')]),
  datastores: STORES.map((name) => ({
    ...{name: name as string as DatastoreName, kind: 'calico', endpoints: [], tls: null, user: null},
    export: name === 'main' ? {...EXPORTING, localPolicies: true} : null,
  })),
})
const CONFIG_A = configOf()

type Stores = Readonly<Record<(typeof STORES)[number], readonly RawRecord[]>>

/** What site b publishes of these datastores, as texts. */
function published(stores: Stores): Map<string, string> {
  const here = new Federation(CONFIG_B)
  const local = new LocalRecords(localDatastores(CONFIG_B), here.world().sites.get(CONFIG_B.site)!.granted)
  for (const name of STORES) {
    const [source, upserts]: [SourceId, readonly RawRecord[]] = [`datastore/${name}`, stores[name]]
    const batch = listOf(source, upserts)
    here.update(batch)
    local.take({source, type: 'list', upserts, deletes: []}, batch.upserts)
  }
  return new Map([...exportRecords(here.world(), CONFIG_B, {tunnels: new Map()}), ...local.records.texts])
}

const decodedExport = (texts: ReadonlyMap<string, string>) =>
  listOf(
    'export/b',
    [...texts].map(([key, text]) => rawRecord(key, text)),
  )

/** What its own Calico says, by its datastores and by its export, of both ends. */
function bothWays(stores: Stores, texts: ReadonlyMap<string, string>, from: string, to: string) {
  const there = new Federation(CONFIG_A)
  there.update(decodedExport(texts))
  const tracer = prepareTracer(there.world(), 'allow')
  const decoded = new Map(STORES.map((name) => [name, stores[name].map((record) => decodeRecord(record))] as const))
  const flow = {from, to, protocol: 'tcp', port: 80}
  const ownStations = (explained: ReturnType<typeof traceStations>) =>
    explained.stations!.filter(({station}) => station.endsWith('-own')).map(({site: _, ...rest}) => rest)
  return {
    stored: ownStations(
      traceStations(tracer, (name, ends) => (name === 'b' ? storedCalico(decoded, ends) : new Map()), flow),
    ),
    exported: ownStations(
      traceStations(
        tracer,
        (name, ends) => (name === 'b' ? exportedCalico(there.recordsOf('export/b'), ends) : new Map()),
        flow,
      ),
    ),
    there,
  }
}

const pick = fc.constantFrom
const often = <T>(value: T, others: fc.Arbitrary<T>, weight = 5): fc.Arbitrary<T> =>
  fc.oneof({weight, arbitrary: fc.constant(value)}, {weight: 1, arbitrary: others})
const namespace = pick('shop', 'bank')
const labels = fc.dictionary(
  pick('app', 'env', 'pcns.env', 'isthmus.io/site', 'projectcalico.org/serviceaccount'),
  pick('x', 'y'),
  {maxKeys: 2, noNullPrototype: true},
)
const selector = pick(
  '',
  "app == 'x'",
  "env == 'y'",
  'has(isthmus.io/site)',
  '!has(env)',
  "isthmus.io/site == 'b'",
  'all()',
)
const side = fc.record({
  selector,
  namespaceSelector: often('', pick("env == 'x'", 'global()', 'all()')),
  notSelector: often('', selector),
  serviceAccounts: often<object | undefined>(undefined, pick({names: ['sa']})),
})
const rules = fc.array(
  fc.record({
    action: pick('Allow', 'Deny', 'Pass', 'Log'),
    source: often<object>({}, side, 1),
    destination: often<object>(
      {},
      side.chain((one) => pick(one, {...one, ports: ['http']})),
      1,
    ),
    protocol: fc.constant('TCP'),
  }),
  {maxLength: 2},
)
const revision = fc.integer({min: 1, max: 4})
const hosts = ['10.2.0.1', '10.2.0.2', '10.2.0.3']
/** The last are none of site b's. */
const anywhere = pick(...hosts, '10.1.0.5', '192.0.2.1')

const pod = fc
  .record({
    name: pick('p1', 'p2', 'p3'),
    namespace,
    at: often('', anywhere, 4),
    labels,
    account: pick('', 'sa'),
    profiles: often<string[] | null>(null, fc.subarray(['kns.shop', 'ksa.shop.sa', 'extra', 'kns.bank'])),
    root: often(CALICO, fc.constant(ISTHMUS), 8),
    owner: often(false, fc.constant(true), 9),
    revision,
  })
  .map(({name, namespace: ns, at, labels: own, account, profiles, root, owner, revision: rev}) => {
    const label = account || own['projectcalico.org/serviceaccount']
    const usual = [`kns.${ns}`, ...(label ? [`ksa.${ns}.${label}`] : [])]
    return rawRecord(
      `${root}workloadendpoints/${ns}/n1-k8s-${name}-eth0`,
      {
        metadata: {
          labels: {'projectcalico.org/namespace': ns, 'projectcalico.org/orchestrator': 'k8s', ...own},
          annotations: owner ? {'isthmus.io/owner': 'a'} : {},
        },
        spec: {
          ...{interfaceName: 'cali1', serviceAccountName: account, profiles: profiles ?? usual},
          ipNetworks: [`${at || hosts[Number(name[1]) - 1]}/32`],
          ports: [{name: 'http', protocol: 'TCP', port: own.app === 'x' ? 80 : 81}],
        },
      },
      rev,
    )
  })
const host = fc
  .record({
    name: pick('h1', 'h2'),
    at: anywhere,
    labels,
    profiles: fc.subarray(['projectcalico-default-allow', 'extra']),
    root: pick(CALICO, CALICO, ISTHMUS),
    revision,
  })
  .map(({name, at, labels: own, profiles, root, revision: rev}) =>
    rawRecord(
      `${root}hostendpoints/${name}`,
      {metadata: {labels: own}, spec: {interfaceName: '*', expectedIPs: [at], profiles}},
      rev,
    ),
  )
const profile = fc
  .record({
    name: pick('kns.shop', 'ksa.shop.sa', 'kns.bank', 'ksa.bank.sa', 'extra'),
    labelsToApply: fc.dictionary(pick('pcns.env', 'env', 'isthmus.io/site', 'pcsa.role'), pick('x', 'y'), {
      maxKeys: 2,
      noNullPrototype: true,
    }),
    ingress: rules,
    egress: rules,
    root: often(CALICO, fc.constant(ISTHMUS), 9),
  })
  .map(({name, root, ...spec}) => rawRecord(`${root}profiles/${name}`, {spec}))
const policy = fc
  .record({
    path: pick('networkpolicies/shop/', 'networkpolicies/bank/', 'globalnetworkpolicies/'),
    name: pick('a', 'b', 'default.a'),
    tier: often('default', pick('first', 'lost')),
    order: fc.integer({min: 0, max: 2}),
    selector: often('', selector, 1),
    ingress: rules,
    egress: rules,
    types: pick(['Ingress'], ['Egress'], ['Ingress', 'Egress']),
    broken: often(false, fc.constant(true), 12),
    scope: pick({}, {'isthmus.io/scope': 'global'}),
  })
  .map(({path, name, broken, scope, ...spec}) =>
    rawRecord(`${CALICO}${path}${name}`, broken ? '{' : {metadata: {annotations: scope}, spec}),
  )
const networkSet = fc
  .record({
    path: pick('networksets/shop/s', 'globalnetworksets/s'),
    labels,
    net: pick('10.2.0.0/30', '10.1.0.0/16', '0.0.0.0/0'),
  })
  .map(({path, labels: own, net}) => rawRecord(`${CALICO}${path}`, {metadata: {labels: own}, spec: {nets: [net]}}))
const tier = pick('Deny', 'Pass').map((defaultAction) =>
  rawRecord(`${CALICO}tiers/first`, {spec: {order: 1, defaultAction}}),
)
const USUAL = ['kns.shop', 'kns.bank', 'ksa.shop.sa', 'ksa.bank.sa']
/** Mostly all of them are there. */
const usualProfiles = fc.tuple(rules, rules, often(USUAL, fc.subarray(USUAL))).map(([ingress, egress, names]) =>
  names.map((name) =>
    rawRecord(`${CALICO}profiles/${name}`, {
      spec: {
        labelsToApply: {'pcns.env': name.endsWith('shop') ? 'x' : 'y'},
        ingress,
        egress: [...egress, {action: 'Allow'}],
      },
    }),
  ),
)
const datastore = fc
  .tuple(
    usualProfiles,
    fc.array(pod, {maxLength: 4}),
    fc.array(
      fc.oneof(
        {weight: 1, arbitrary: host},
        {weight: 2, arbitrary: profile},
        {weight: 5, arbitrary: policy},
        networkSet,
        tier,
      ),
      {maxLength: 6},
    ),
  )
  .map((parts) => [...new Map(parts.flat().map((record) => [record.key, record])).values()])
const sparse = fc.oneof({weight: 3, arbitrary: fc.constant([])}, {weight: 1, arbitrary: datastore})

describe("a site's own Calico, by its export", () => {
  it('says what its datastores say, wherever it does not say that it is unknown', () => {
    const counts = {known: 0, unknown: 0}
    fc.assert(
      fc.property(datastore, sparse, anywhere, anywhere, (main, second, from, to) => {
        const stores = {main, second}
        const {stored, exported} = bothWays(stores, published(stores), from, to)
        for (const [index, one] of exported.entries()) {
          if (stored[index]!.verdict !== 'unknown') counts[one.verdict === 'unknown' ? 'unknown' : 'known']++
          if (one.verdict !== 'unknown') assert.deepEqual(one, stored[index])
        }
      }),
      {seed, numRuns: Number(process.env.RUNS ?? 1500)},
    )
    // Or it would be proven of nothing.
    assert.ok(counts.known > counts.unknown, JSON.stringify(counts))
  }).timeout(600_000)

  const KNS = rawRecord(`${CALICO}profiles/kns.shop`, {
    spec: {labelsToApply: {'pcns.projectcalico.org/name': 'shop'}, egress: [{action: 'Allow'}], ingress: []},
  })
  const web = (labels: object = {}, more: object = {}) =>
    rawRecord(`${CALICO}workloadendpoints/shop/n1-k8s-web-eth0`, {
      metadata: {labels: {'projectcalico.org/namespace': 'shop', ...labels}},
      spec: {interfaceName: 'cali1', ipNetworks: ['10.2.0.1/32'], profiles: ['kns.shop'], ...more},
    })
  const open = (path: string, more: object = {}) =>
    rawRecord(`${CALICO}${path}`, {spec: {types: ['Ingress'], ingress: [{action: 'Allow'}], ...more}})
  /** What the destination's own Calico says of a flow from site a, after the export was changed by hand. */
  const said = (main: readonly RawRecord[], change: (texts: Map<string, string>) => void = () => {}) => {
    const texts = published({main, second: []})
    change(texts)
    const {exported, there} = bothWays({main, second: []}, texts, '10.1.0.5', '10.2.0.1')
    const {verdict, why} = exported[1]!
    return {verdict, why, findings: there.world().findings}
  }
  const LOCAL = `${EXPORT}local/main/`

  it('by tiers, policies and profiles in their order', () => {
    assert.deepEqual(said([KNS, web()]), {
      ...{verdict: 'deny', why: 'no policy and no profile decides: the drop at the end', findings: []},
    })
    const policy = open('networkpolicies/shop/p', {selector: "app == 'web'"})
    assert.equal(said([KNS, web({app: 'web'}), policy]).why, 'rule 0 of NetworkPolicy p in tier default')
    assert.equal(said([KNS, web({app: 'db'}), policy]).verdict, 'deny')
    const bySet = open('networkpolicies/shop/p', {ingress: [{action: 'Allow', source: {selector: "set == 'x'"}}]})
    const set = rawRecord(`${CALICO}networksets/shop/s`, {
      ...{metadata: {labels: {set: 'x'}}, spec: {nets: ['10.1.0.0/24']}},
    })
    assert.equal(said([KNS, web(), bySet, set]).verdict, 'allow', 'a set of nets that are not the site’s own')
  })

  it('as it is without the label that Isthmus adds', () => {
    const policy = open('globalnetworkpolicies/p', {selector: 'has(isthmus.io/site)'})
    assert.equal(said([KNS, web(), policy]).verdict, 'deny')
    assert.equal(said([KNS, web({'isthmus.io/site': 'mine'}), policy]).verdict, 'allow')
  })

  it('is unknown where no profile of the pod can be known', () => {
    const untold = "which profiles 10.2.0.1 has is not known: kns.shop of its Calico is not in its site's export"
    // It got labels from a profile that its Calico does not know.
    const foreign = rawRecord(`${ISTHMUS}profiles/kns.shop`, {spec: {labelsToApply: {app: 'web'}}})
    const {verdict, why} = said([web(), foreign])
    assert.deepEqual([verdict, why], ['unknown', untold])
    assert.equal(said([web(), foreign, KNS]).verdict, 'deny')
    // But here it is known to be missing.
    assert.equal(said([web()]).why, 'profile kns.shop is missing')
    assert.equal(said([web({}, {profiles: ['lost']})]).why, 'profile lost is missing')
  })

  for (const [path, name, matters] of [
    ['networkpolicies/shop/p', 'a policy of its namespace', true],
    ['networkpolicies/bank/p', 'a policy of another namespace', false],
    ['globalnetworkpolicies/p', 'a global policy', true],
    ['tiers/t', 'a tier', true],
    ['globalnetworksets/s', 'a set', true],
    ['profiles/kns.shop', 'its profile', true],
    ['profiles/kns.bank', 'a profile that it does not have', false],
  ] as const) {
    it(`${name} that cannot be read is a finding${matters ? ', and makes it unknown' : ''}`, () => {
      const {verdict, why, findings} = said([KNS, web()], (texts) => texts.set(LOCAL + path, '{'))
      assert.equal(verdict, matters ? 'unknown' : 'deny')
      if (matters) assert.equal(why, `${path} of its site's own policies cannot be read`)
      assert.deepEqual(
        findings.map(({code, where}) => [code, where.source, where.key]),
        [['record-not-json', 'export b', LOCAL + path]],
      )
    })
  }

  it('a broken profile that a pod lists by itself is not a missing one', () => {
    const {verdict, why} = said([web({}, {profiles: ['extra']})], (texts) => texts.set(`${LOCAL}profiles/extra`, '{'))
    assert.deepEqual([verdict, why], ['unknown', "profiles/extra of its site's own policies cannot be read"])
  })

  it('is unknown until the export says that it is whole, and while a membership waits for its attribute set', () => {
    const meta = (local: object) => JSON.stringify({schema: 1, site: 'b', generation: 1, ...local})
    const nothing = "what site b's own Calico says is not known here: only its export is"
    const half = said([KNS, web()], (texts) => texts.set(`${EXPORT}meta`, meta({local: []})))
    assert.deepEqual([half.verdict, half.why], ['unknown', nothing])
    const newer = JSON.stringify({schema: 2, site: 'b', local: []})
    assert.equal(said([KNS, web()], (texts) => texts.set(`${EXPORT}meta`, newer)).why, nothing)
    const waiting = said([KNS, web()], (texts) => {
      for (const key of texts.keys()) if (key.includes('/attributes/')) texts.delete(key)
    })
    assert.deepEqual(
      [waiting.verdict, waiting.why],
      ['unknown', "the labels of 10.2.0.1 are not in its site's export yet"],
    )
  })

  it('of an export that does not say whether it is whole counts what is there; but of hosts nothing is known', () => {
    const silent = (texts: Map<string, string>) => {
      texts.set(`${EXPORT}meta`, JSON.stringify({schema: 1, site: 'b', generation: 7}))
      for (const key of texts.keys()) if (key.includes('/hostendpoints/')) texts.delete(key)
    }
    assert.equal(said([KNS, web(), open('networkpolicies/shop/p')], silent).verdict, 'allow')
    assert.equal(
      said([web(), open('networkpolicies/shop/p')], silent).why,
      "which profiles 10.2.0.1 has is not known: kns.shop of its Calico is not in its site's export",
    )
    const host = rawRecord(`${CALICO}hostendpoints/h`, {spec: {interfaceName: '*', expectedIPs: ['10.2.0.1']}})
    assert.equal(said([KNS, host]).verdict, 'deny')
    assert.equal(said([KNS, host], silent).why, "which profiles host 10.2.0.1 has is not in its site's export")
  })

  it('an address that two pods hold is the latest one’s, in its datastores and in its export', () => {
    const policy = open('networkpolicies/shop/p', {selector: "app == 'new'"})
    const at = (name: string, app: string, revision: number) => {
      const {value} = web({app})
      return {key: `${CALICO}workloadendpoints/shop/n1-k8s-${name}-eth0`, value, modRevision: revision}
    }
    for (const [main, second, verdict] of [
      [[at('x', 'new', 3), at('y', 'old', 2)], [], 'allow'],
      [[at('x', 'new', 2), at('y', 'old', 3)], [], 'deny'],
      [[at('x', 'old', 2)], [KNS, policy, at('y', 'new', 3)], 'allow'],
      [[at('x', 'old', 3)], [KNS, policy, at('y', 'new', 2)], 'deny'],
    ] as const) {
      const stores = {main: [KNS, policy, ...main], second}
      const {stored, exported} = bothWays(stores, published(stores), '10.1.0.5', '10.2.0.1')
      assert.deepEqual([stored[1]!.verdict, exported[1]!.verdict], [verdict, verdict])
    }
  })
})
