import assert from 'node:assert/strict'
import {readdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {blockOf, planNetwork} from '../../lab/network/plan.ts'
import {loadScenario} from '../../lab/scenario/load.ts'
import {scenarioJsonSchema} from '../../lab/scenario/schema.ts'
import {documentEntries, generatedEntries, siteEntries} from '../../lab/site/calico-data.ts'
import {certificatesIn} from '../../lab/site/certificates.ts'
import {gatewayYaml} from '../../lab/site/gateway-yaml.ts'
import {sampleOf} from '../../lab/steps/observations.ts'
import {inRange} from '../../lab/steps/result.ts'
import {gapOf, lossOf, stretchesOf} from '../../lab/steps/traffic.ts'
import {parseGatewayConfig} from '../../src/config/index.ts'
import {decodeRecord} from '../../src/decode/index.ts'

const SCENARIOS = join(import.meta.dirname, '../../lab/scenarios')
const files = readdirSync(SCENARIOS)
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => join(SCENARIOS, file))

function assertUnique(names: readonly string[]): void {
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  )
}

describe('scenario files', () => {
  it('the JSON Schema on disk is the one of the code (UPDATE_SCHEMA=1 writes it)', () => {
    const file = join(SCENARIOS, '../scenario.schema.json')
    const text = `${JSON.stringify(scenarioJsonSchema(), null, 2)}\n`
    if (process.env.UPDATE_SCHEMA) writeFileSync(file, text)
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), JSON.parse(text))
  })

  it('every key of a scenario stands in the reference', () => {
    const page = readFileSync(join(SCENARIOS, '../../docs/reference/scenario.md'), 'utf8')
    const keys = new Set<string>()
    const walk = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return
      if ('properties' in node) for (const key of Object.keys(node.properties as object)) keys.add(key)
      for (const value of Object.values(node)) walk(value)
    }
    walk(scenarioJsonSchema())
    assert.deepEqual(
      [...keys].filter((key) => !page.includes(`\`${key}\``)),
      [],
    )
  })

  for (const file of files) {
    it(`${file.split('/').at(-1)}: loads; what is derived from it is right`, () => {
      const {scenario, dir} = loadScenario(file)
      const plan = planNetwork(scenario)
      assert.deepEqual(plan, planNetwork(scenario))
      const members = plan.datastores.flatMap((datastore) => datastore.members.filter(({port}) => port !== null))
      const places = [...plan.routers, ...plan.gateways, ...plan.nodes, ...plan.pods, ...members]
      assertUnique(places.map(({namespace}) => namespace))
      assertUnique([
        ...plan.gateways.flatMap(({underlay, wan, lan}) => [underlay, wan.local, wan.router.address, lan]),
        ...plan.routerLinks.flatMap(({ends}) => ends.map(({address}) => address)),
        ...[...plan.nodes, ...plan.pods].map(({address}) => address),
        ...members.flatMap(({addresses}) => addresses),
        ...plan.gateways.flatMap(({inner}) => inner),
        ...plan.routers.map(({routerId}) => routerId),
      ])
      // Linux's limit for the name of a device.
      const devices = [...plan.pods.map(({device}) => device), ...plan.gateways.map(({wan}) => wan.router.device)]
      assert.deepEqual(
        devices.filter((device) => device.length > 15),
        [],
      )
      for (const gateway of plan.gateways) {
        const text = gatewayYaml(gateway, scenario, plan, {dir: '/run/x', certificates: certificatesIn('/run/c')})
        assert.deepEqual(parseGatewayConfig(text, gateway.name).findings, [])
      }
      const entries = Object.entries(scenario.sites).flatMap(([name, site]) =>
        Object.keys(site.datastores).flatMap((datastore) => siteEntries(name, site, plan, datastore)),
      )
      for (const policy of scenario.policies) {
        entries.push(...documentEntries(readFileSync(join(dir, policy), 'utf8'), 'isthmus'))
      }
      for (const [key, value] of entries) {
        const decoded = decodeRecord({key, value: Buffer.from(value), modRevision: 1})
        assert.deepEqual([decoded.type, decoded.findings], ['resource', []], key)
      }
    })
  }
})

describe('Calico data of a site', () => {
  const {scenario} = loadScenario(join(SCENARIOS, 'three-sites-direct.yaml'))
  const plan = planNetwork(scenario)
  const entries = siteEntries('a', scenario.sites.a!, plan, 'main')
  const decoded = entries.map(([key, value]) => decodeRecord({key, value: Buffer.from(value), modRevision: 1}))

  it('is of each kind that Calico would have written', () => {
    const kinds: Record<string, number> = {}
    for (const record of decoded) {
      const kind = record.type === 'resource' ? record.resource.kind : record.type
      kinds[kind] = (kinds[kind] ?? 0) + 1
    }
    assert.deepEqual(kinds, {
      BlockAffinity: 1,
      ClusterInformation: 1,
      IPAMBlock: 1,
      IPPool: 1,
      Node: 1,
      Profile: 2,
      Tier: 1,
      WorkloadEndpoint: 2,
    })
  })

  it('shows each pod with its address, node and labels', () => {
    const pods = decoded.flatMap((record) =>
      record.type === 'resource' && record.resource.kind === 'WorkloadEndpoint' ? [record.resource] : [],
    )
    assert.deepEqual(
      pods.map(({addresses, node, pod, meta}) => [addresses, node, pod, meta.namespace, meta.labels.app]),
      [
        [['10.1.0.5'], 'na1', 'p1', 'default', 'web'],
        [['10.1.0.6'], 'na1', 'p2', 'default', 'db'],
      ],
    )
  })

  it('is much if much is asked for, each with an address of its own inside the site', () => {
    const load = [...generatedEntries('a', scenario, 1000, 20)]
    assertUnique(load.map(([key]) => key))
    const addresses = load.map(([, value]) => (JSON.parse(value) as {spec: {ipNetworks: string[]}}).spec.ipNetworks[0]!)
    assertUnique(addresses)
    assert.ok(addresses.every((address) => address.startsWith('10.1.')))
    assert.equal(new Set(load.map(([, value]) => /"app":"([^"]+)"/.exec(value)?.[1])).size, 20)
  })
})

describe('the lab’s arithmetic', () => {
  it('blocks', () =>
    assert.deepEqual(['10.1.0.5', '10.1.0.64', '10.1.2.255'].map(blockOf), [
      '10.1.0.0/26',
      '10.1.0.64/26',
      '10.1.2.192/26',
    ]))
  it('loss, without what came and was not read', () => {
    const ranges: [number, number][] = [
      [0, 3],
      [6, 9],
    ]
    assert.deepEqual(
      [0, 1, 2].map((overflowed) => lossOf(10, {ranges, overflowed})),
      [2, 1, 0].map((lost) => ({sent: 10, lost})),
    )
  })
  for (const [what, sent, ranges, longestGapMs, gap] of [
    [
      'between two arrivals, with numbers missing',
      100,
      [
        [0, 49],
        [57, 99],
      ],
      9,
      8,
    ],
    ['nothing missing: who received had no time', 100, [[0, 99]], 9, 1],
    [
      'numbers missing at once: its socket was full',
      100,
      [
        [0, 49],
        [90, 99],
      ],
      3,
      3,
    ],
    ['from the last one to the end', 100, [[0, 9]], 3, 90],
    ['of nothing at all', 10, [], 0, 10],
  ] as const) {
    it(`a gap: ${what}`, () => assert.equal(gapOf(sent, {ranges, longestGapMs}, 1), gap))
  }
  it('what is missing, by the time of day: the longest four stretches, in their order', () => {
    const began = Date.UTC(2026, 10, 27, 3, 17, 42)
    const told = (...ranges: [number, number][]) => stretchesOf(100, ranges, began, 10)
    assert.deepEqual(told([0, 99]), [])
    assert.deepEqual(told(), ['100 from 03:17:42.000'])
    assert.deepEqual(told([5, 49], [57, 89]), ['5 from 03:17:42.000', '7 from 03:17:42.500', '10 from 03:17:42.900'])
    assert.deepEqual(
      told([1, 9], [12, 20], [24, 30], [35, 40], [46, 99]).map((text) => text.split(' ')[0]),
      ['2', '3', '4', '5'],
    )
  })
  it('ranges', () => {
    assert.deepEqual(
      [inRange(1, 1), inRange(2, 1), inRange(2, {min: 1}), inRange(2, {max: 1})],
      [true, false, true, false],
    )
  })
  it('samples: all labels asked for, summed; none is null', () => {
    const text = '# HELP x y\nx{a="1",b="2"} 3\nx{a="1",b="3"} 4\nz 5\nbits_64 6e3\n'
    assert.deepEqual(
      ['x', 'x{a="1",b="3"}', 'z', 'bits_64', 'x{a="2"}', 'q'].map((query) => sampleOf(text, query)),
      [7, 4, 5, 6000, null, null],
    )
  })
})
