import assert from 'node:assert/strict'
import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {parseGatewayConfig} from '../../src/config/index.ts'
import {Federation} from '../../src/federate/index.ts'
import {traceFlow} from '../../src/gateway/trace-flow.ts'
import {formatSnapshot, parseDatastoreName, type RawRecord, type Snapshot} from '../../src/model/index.ts'
import {gatewayYaml} from '../support/gateway-yaml.ts'
import {rawRecord} from '../support/records.ts'
import {cli} from '../support/run-cli.ts'
import {EXPORT, ISTHMUS, listOf, podRecord, site} from '../support/sites.ts'

/** Site b has this site's own prefix, and is known here by another. */
const B =
  '{b: {owns: [10.1.0.0/16], translate: [{prefix: 10.1.0.0/16, as: 10.201.0.0/16}], endpoints: [http://127.0.0.1:1], insecure: true}}'
const CONFIG = gatewayYaml(['http://127.0.0.1:1'], {sites: B})
const WEB = podRecord('web', '10.1.0.5', {labels: {app: 'web'}})
const DB = podRecord('db', '10.1.0.7', {labels: {app: 'db'}})
/** In the words of this site: b's addresses are those by which they are known here. */
const POLICIES = [
  rawRecord(`${ISTHMUS}globalnetworkpolicies/db`, {
    metadata: {name: 'db'},
    spec: {
      ...{order: 1, selector: "app == 'db'", types: ['Ingress']},
      ingress: [{action: 'Allow', source: {selector: "app == 'web'"}}],
    },
  }),
  rawRecord(`${ISTHMUS}globalnetworkpolicies/web`, {
    metadata: {name: 'web'},
    spec: {
      ...{order: 1, selector: "app == 'web'", types: ['Egress']},
      egress: [{action: 'Allow', destination: {nets: ['10.201.0.0/24']}}],
    },
  }),
]
const OWN = [WEB, ...POLICIES]
const EXPORTED = [
  rawRecord(`${EXPORT}meta`, {schema: 1, site: 'b', generation: 1}),
  rawRecord(`${EXPORT}site`, {as: 2, prefixes: ['10.1.0.0/16'], infrastructure: []}),
  rawRecord(`${EXPORT}attributes/x1`, {kind: 'pod', labels: {app: 'db'}, namespace: 'shop'}),
  rawRecord(`${EXPORT}endpoints/main/10.1.0.7/x1`, {n: ['shop/db']}),
]
const FLOW = {from: '10.1.0.5', to: '10.201.0.7', protocol: 'tcp', port: 5432}
const TRANSLATED = [{end: 'to', address: '10.201.0.7', site: 'b', real: '10.1.0.7'}]

describe('policy trace of a translated address', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-trace-'))
    await writeFile(path.join(folder, 'gateway.yaml'), CONFIG)
  })
  after(() => rm(folder, {recursive: true}))

  const main = parseDatastoreName('main')
  const put = async (name: 'a' | 'b', source: Snapshot['source'], records: readonly RawRecord[]): Promise<string> => {
    const datastore = source === 'datastore' ? main : null
    const file = path.join(folder, `${name}-${source}.jsonl`)
    const snapshot = {site: site(name), source, datastore, records, clusterId: '1', revision: 7}
    await writeFile(file, [...formatSnapshot(snapshot)].join('\n'))
    return file
  }
  const trace = async (files: readonly string[], ...more: string[]): Promise<string> => {
    const args = ['policy', 'trace', '--config', path.join(folder, 'gateway.yaml'), ...more, '--snapshot', ...files]
    const {status, out, err} = await cli(args)
    assert.deepEqual([status, err], [0, ''])
    return out
  }
  const one = (to: string): string[] => ['--from', FLOW.from, '--to', to, '--protocol', 'tcp', '--port', '5432']

  it('says by which address the site itself knows it: a gateway, and offline by the export or by the datastore', async () => {
    const config = parseGatewayConfig(CONFIG, 'x').config!
    const federation = new Federation(config)
    federation.update(listOf('datastore/main', OWN))
    federation.update(listOf('export/b', EXPORTED))
    const runtime = {
      ...{config, compiled: () => null, world: () => federation.world()},
      recordsOf: federation.recordsOf.bind(federation),
    }
    const traced = traceFlow(runtime, FLOW, true)
    assert.ok(traced.ok)
    assert.deepEqual([traced.answer.verdict, traced.answer.translated], ['allow', TRANSLATED])

    const own = await put('a', 'datastore', OWN)
    for (const theirs of [await put('b', 'export', EXPORTED), await put('b', 'datastore', [DB])]) {
      assert.deepEqual(JSON.parse(await trace([own, theirs], ...one(FLOW.to), '-o', 'json')), traced.answer)
      const said = await trace([own, theirs], ...one(FLOW.to))
      assert.match(said, /^allow: /)
      assert.match(said, /^10\.201\.0\.7 is site b's own 10\.1\.0\.7, translated at this gateway$/m)
      assert.match(said, /destination's own policies \(site b\): unknown: 10\.201\.0\.7 is 10\.1\.0\.7 to site b/)
    }
  })

  it('an address of this site with the same digits is another one, and says nothing of it', async () => {
    const files = [await put('a', 'datastore', OWN), await put('b', 'export', EXPORTED)]
    const answer = JSON.parse(await trace(files, ...one('10.1.0.7'), '-o', 'json'))
    assert.deepEqual([answer.verdict, answer.site, answer.translated], ['deny', 'a', undefined])
  })

  it('flows of a file say it too, and the others are as they were', async () => {
    const files = [await put('a', 'datastore', OWN), await put('b', 'export', EXPORTED)]
    const flows = path.join(folder, 'flows')
    await writeFile(flows, `${JSON.stringify(FLOW)}\n${JSON.stringify({...FLOW, to: '10.1.0.9'})}\n`)
    const answers = (await trace(files, '--flows', flows))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      answers.map(({translated}) => translated),
      [TRANSLATED, undefined],
    )
  })
})
