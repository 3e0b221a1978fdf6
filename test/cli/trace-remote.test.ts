import assert from 'node:assert/strict'
import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {parseGatewayConfig} from '../../src/config/index.ts'
import {Federation} from '../../src/federate/index.ts'
import {traceFlow} from '../../src/gateway/trace-flow.ts'
import {formatSnapshot, type RawRecord, type Snapshot} from '../../src/model/index.ts'
import {gatewayYaml, REMOTE_B} from '../support/gateway-yaml.ts'
import {rawRecord} from '../support/records.ts'
import {cli} from '../support/run-cli.ts'
import {EXPORT, listOf, podRecord, profileRecord, site} from '../support/sites.ts'

const CONFIG = gatewayYaml(['http://127.0.0.1:1'], {sites: REMOTE_B}).replace('default: deny', 'default: allow')
const FLOW = {from: '10.1.0.5', to: '10.2.0.7', protocol: 'tcp', port: 5432}
const ARGS = ['--from', FLOW.from, '--to', FLOW.to, '--protocol', 'tcp', '--port', '5432']

const OWN = [podRecord('web', '10.1.0.5', {profiles: ['kns.shop']}), profileRecord('kns.shop', {})]
const record = (key: string, value: object) => rawRecord(EXPORT + key, value)
/** What site b publishes of one pod, with its own policies. */
const EXPORTED = [
  record('meta', {schema: 1, site: 'b', generation: 1, local: ['main']}),
  record('site', {as: 4200000002, prefixes: ['10.2.0.0/16'], infrastructure: []}),
  record('attributes/x1', {
    kind: 'pod',
    labels: {app: 'db', 'isthmus.io/site': 'b', 'projectcalico.org/namespace': 'shop', 'pcns.env': 'prod'},
    namespace: 'shop',
    serviceAccount: null,
  }),
  record('endpoints/main/10.2.0.7/x1', {n: ['shop/db-1']}),
  record('local/main/profiles/kns.shop', {spec: {labelsToApply: {'pcns.env': 'prod'}, ingress: [{action: 'Deny'}]}}),
  record('local/main/networkpolicies/shop/db', {
    spec: {
      ...{selector: "app == 'db'", types: ['Ingress']},
      ingress: [
        {action: 'Allow', source: {namespaceSelector: 'all()'}},
        {action: 'Allow', protocol: 'TCP', destination: {ports: [5432]}},
      ],
    },
  }),
]

describe("policy trace through a remote's own Calico", () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-trace-'))
    await writeFile(path.join(folder, 'gateway.yaml'), CONFIG)
  })
  after(() => rm(folder, {recursive: true}))

  const bySnapshots = async (exported: readonly RawRecord[], ...more: string[]): Promise<string> => {
    const write = async (snapshot: Pick<Snapshot, 'site' | 'source' | 'datastore' | 'records'>): Promise<string> => {
      const file = path.join(folder, `${snapshot.site}.jsonl`)
      await writeFile(file, [...formatSnapshot({...snapshot, clusterId: '1', revision: 7})].join('\n'))
      return file
    }
    const [datastore] = parseGatewayConfig(CONFIG, 'x').config!.datastores
    const files = [
      await write({site: site('a'), source: 'datastore', datastore: datastore!.name, records: OWN}),
      await write({site: site('b'), source: 'export', datastore: null, records: exported}),
    ]
    const config = path.join(folder, 'gateway.yaml')
    const {status, out} = await cli(['policy', 'trace', '--config', config, ...ARGS, ...more, '--snapshot', ...files])
    assert.equal(status, 0)
    return out
  }
  const byGateway = (exported: readonly RawRecord[]): unknown => {
    const config = parseGatewayConfig(CONFIG, 'x').config!
    const federation = new Federation(config)
    federation.update(listOf('datastore/main', OWN))
    federation.update(listOf('export/b', exported))
    const runtime = {
      ...{config, compiled: () => null, world: () => federation.world()},
      recordsOf: federation.recordsOf.bind(federation),
    }
    const traced = traceFlow(runtime, FLOW, true)
    return traced.ok && traced.answer
  }

  it('a gateway and a snapshot of the export give one answer, with the rule that decides', async () => {
    const answer = byGateway(EXPORTED)
    assert.deepEqual(JSON.parse(await bySnapshots(EXPORTED, '-o', 'json')), answer)
    assert.match(
      await bySnapshots(EXPORTED),
      new RegExp(
        [
          "^destination's own policies \\(site b\\): allow: rule 1 of NetworkPolicy db in tier default",
          ' {4}NetworkPolicy db in tier default, rule 0: passed over \\(Allow\\): source selector .* does not mean 10.1.0.5',
          ' {4}NetworkPolicy db in tier default, rule 1: Allow',
        ].join('\\n'),
        'm',
      ),
    )
  })

  it('ends by the names of endpoints, whatever they are behind', async () => {
    const named = await bySnapshots(EXPORTED, '--from', 'shop/web', '--to', 'shop/db-1', '-o', 'json')
    assert.deepEqual(JSON.parse(named), byGateway(EXPORTED))
  })

  it('without them, both say that it is not known', async () => {
    const without = EXPORTED.filter(({key}) => !key.includes('/local/') && !key.endsWith('/meta'))
    const answer = byGateway(without)
    assert.deepEqual(JSON.parse(await bySnapshots(without, '-o', 'json')), answer)
    assert.match(
      await bySnapshots(without),
      /^destination's own policies \(site b\): unknown: what site b's own Calico says is not known here: only its export is$/m,
    )
  })

  it('and where they are broken, both say why', async () => {
    for (const [change, why] of [
      [
        (one: RawRecord) => (one.key.endsWith('/db') ? {...one, value: Buffer.from('{')} : one),
        'networkpolicies/shop/db of its',
      ],
      [
        (one: RawRecord) => (one.key.endsWith('/kns.shop') ? {...one, value: Buffer.from('{')} : one),
        'profiles/kns.shop of its',
      ],
    ] as const) {
      const exported = EXPORTED.flatMap(change)
      assert.deepEqual(JSON.parse(await bySnapshots(exported, '-o', 'json')), byGateway(exported))
      assert.ok((await bySnapshots(exported)).includes(`destination's own policies (site b): unknown: ${why}`))
    }
  })
})
