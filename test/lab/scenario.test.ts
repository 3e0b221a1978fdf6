import assert from 'node:assert/strict'
import {mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {blockOf, planNetwork} from '../../lab/network/plan.ts'
import {loadScenario, ScenarioRefused} from '../../lab/scenario/load.ts'
import {scenarioJsonSchema} from '../../lab/scenario/schema.ts'
import {documentEntries, siteEntries} from '../../lab/site/calico-data.ts'
import {certificatesIn} from '../../lab/site/certificates.ts'
import {gatewayYaml} from '../../lab/site/gateway-yaml.ts'
import {sampleOf} from '../../lab/steps/observations.ts'
import {inRange} from '../../lab/steps/result.ts'
import {lossOf} from '../../lab/steps/traffic.ts'
import {parseGatewayConfig} from '../../src/config/index.ts'
import {decodeRecord} from '../../src/decode/index.ts'

const SCENARIOS = join(import.meta.dirname, '../../lab/scenarios')
const files = readdirSync(SCENARIOS)
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => join(SCENARIOS, file))

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
      const namespaces = [...plan.routers, ...plan.gateways, ...plan.nodes, ...plan.pods].map(
        ({namespace}) => namespace,
      )
      assert.equal(new Set(namespaces).size, namespaces.length)
      for (const gateway of plan.gateways) {
        const text = gatewayYaml(gateway, scenario, plan, {dir: '/run/x', certificates: certificatesIn('/run/c')})
        assert.deepEqual(parseGatewayConfig(text, gateway.name).findings, [])
      }
      const entries = Object.entries(scenario.sites).flatMap(([name, site]) => siteEntries(name, site, plan))
      for (const policy of scenario.policies) {
        entries.push(...documentEntries(readFileSync(join(dir, policy), 'utf8'), 'isthmus'))
      }
      for (const [key, value] of entries) {
        const decoded = decodeRecord({key, value: Buffer.from(value), modRevision: 1})
        assert.deepEqual([decoded.type, decoded.findings], ['resource', []], key)
      }
    })
  }

  describe('that are wrong', () => {
    let dir = ''
    before(() => {
      dir = mkdtempSync(join(tmpdir(), 'isthmus-scenario-'))
    })
    after(() => rmSync(dir, {recursive: true}))
    const good = readFileSync(join(SCENARIOS, 'self-test.yaml'), 'utf8')
    const cases: [name: string, edit: [string, string], problem: RegExp][] = [
      ['not YAML', ['version: 1', 'version: [1'], /wrong\.yaml:\d+: not YAML/],
      ['an unknown key', ['version: 1', 'version: 1\nversoin: 1'], /wrong\.yaml:\d+: .*versoin/],
      ['an unknown engine', ['engine: frr', 'engine: cisco'], /wrong\.yaml:5: wan\.routers\.r1\.engine/],
      ['a node that is not there', ['node: na1,', 'node: nx,'], /no node nx/],
      ['a router that is not there', ['attach: r2', 'attach: r9'], /no router r9/],
      ['a site that is not there', ['between: [a, b]', 'between: [a, z]'], /no site z/],
      ['a check of no kind', ['ping: { from: a/p1, to: b/p1 }, expect: ok', 'pong: {}, expect: ok'], /steps/],
    ]
    for (const [name, edit, problem] of cases) {
      it(`${name}: refused with its place`, () => {
        assert.ok(good.includes(edit[0]), 'the edit applies')
        const file = join(dir, 'wrong.yaml')
        writeFileSync(file, good.replace(edit[0], edit[1]))
        assert.throws(
          () => loadScenario(file),
          (error) => error instanceof ScenarioRefused && problem.test(error.message),
        )
      })
    }
  })
})

describe('the lab’s arithmetic', () => {
  it('blocks', () =>
    assert.deepEqual(['10.1.0.5', '10.1.0.64', '10.1.2.255'].map(blockOf), [
      '10.1.0.0/26',
      '10.1.0.64/26',
      '10.1.2.192/26',
    ]))
  it('loss', () =>
    assert.deepEqual(
      lossOf(10, {
        ranges: [
          [0, 3],
          [6, 9],
        ],
      }),
      {sent: 10, lost: 2},
    ))
  it('ranges', () => {
    assert.deepEqual(
      [inRange(1, 1), inRange(2, 1), inRange(2, {min: 1}), inRange(2, {max: 1})],
      [true, false, true, false],
    )
  })
  it('samples: all labels asked for, summed; none is null', () => {
    const text = '# HELP x y\nx{a="1",b="2"} 3\nx{a="1",b="3"} 4\nz 5\n'
    assert.deepEqual(
      ['x', 'x{a="1",b="3"}', 'z', 'x{a="2"}', 'q'].map((query) => sampleOf(text, query)),
      [7, 4, 5, null, null],
    )
  })
})
