import assert from 'node:assert/strict'
import {spawnSync} from 'node:child_process'
import {cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {readDocuments, validateDocuments} from '../../src/documents/index.ts'
import {parseDatastoreName, parseSiteName, type RawRecord} from '../../src/model/index.ts'
import {appendKnown, saveLastKnown} from '../../src/store/index.ts'
import {readGuide} from '../support/guide-text.ts'
import {cli} from '../support/run-cli.ts'

const PAGE = readFileSync(path.resolve(import.meta.dirname, '../../docs/operate/emergencies.md'), 'utf8')

const KEY = '/isthmus/v1/resources/projectcalico.org/globalnetworkpolicies'
const policy = (name: string, order: number, modRevision: number): RawRecord => ({
  key: `${KEY}/${name}`,
  value: new TextEncoder().encode(
    JSON.stringify({
      ...{apiVersion: 'projectcalico.org/v3', kind: 'GlobalNetworkPolicy', metadata: {name, uid: `u-${name}`}},
      spec: {order, selector: 'all()', types: ['Ingress'], ingress: [{action: 'Allow'}], tier: 'default'},
    }),
  ),
  modRevision,
})

describe('docs/operate/emergencies.md', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'isthmus-night-'))
  })
  after(() => rmSync(folder, {recursive: true}))

  it('gets the documents of a lost etcd back from what a gateway knew last', async () => {
    const at = {clusterId: '9', revision: 5}
    const pod = {...policy('x', 1, 1), key: '/calico/resources/v3/projectcalico.org/profiles/kns.x'}
    const records = [policy('changed', 1, 2), policy('deleted', 2, 3), policy('stays', 3, 4), pod]
    const header = {site: parseSiteName('a')!, source: 'datastore' as const, datastore: parseDatastoreName('main')!}
    await saveLastKnown(folder, 'datastore/main', {...header, ...at, records})
    const broken = {...policy('broken', 1, 7), value: new TextEncoder().encode('{')}
    const upserts = [policy('changed', 10, 6), policy('new', 4, 6), broken]
    await appendKnown(folder, 'datastore/main', at, {upserts, deletes: [`${KEY}/deleted`], revision: 7})
    cpSync(path.join(folder, 'known'), path.join(folder, 'root/known'), {recursive: true})

    const [, typed] = /^( {8}cat \/root\/known[\s\S]*?> policies\.json)$/m.exec(PAGE) ?? []
    const command = typed!.replaceAll('/root/', './root/').replace('/usr/lib/isthmus/node', process.execPath)
    const {status, stderr} = spawnSync('sh', ['-c', command], {cwd: folder, encoding: 'utf8'})
    assert.equal(status, 0, stderr)
    assert.equal(stderr, `left out: ${KEY}/broken\n`)
    const {documents, findings} = readDocuments([
      {file: 'policies.json', text: readFileSync(path.join(folder, 'policies.json'), 'utf8')},
    ])
    assert.deepEqual(findings, [])
    const said = documents.map(({value}) => value as {metadata: {name: string}; spec: {order: number}})
    assert.deepEqual(
      said.map(({metadata, spec}) => [metadata.name, spec.order]),
      [
        ['changed', 10],
        ['stays', 3],
        ['new', 4],
      ],
    )
  })

  it('cuts a site off, both ways, whatever other policies allow', async () => {
    const cut = readGuide(PAGE).yaml.find(({text}) => text.includes('cut-b'))!.text
    assert.deepEqual(validateDocuments([{file: 'cut.yaml', text: cut}]).findings, [])
    const file = (name: string): string => path.join(folder, name)
    writeFileSync(file('cut.yaml'), cut)
    writeFileSync(
      file('allow.yaml'),
      'apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: all}\n' +
        'spec: {order: -5000, types: [Ingress, Egress], ingress: [{action: Allow}], egress: [{action: Allow}]}\n',
    )
    writeFileSync(
      file('gateway.yaml'),
      'version: 1\nsite: a\ngateway: a1\nas: 4200000001\ninterconnect: [100.64.0.0/16]\ndefault: allow\nowns: [10.1.0.0/16]\n' +
        'uplinks: [{name: wan, address: 192.0.2.1, inner: [100.64.0.0, 100.64.0.1]}]\nauthorities: [a]\n' +
        'datastores: [{name: main, kind: isthmus, endpoints: ["http://127.0.0.1:1"], insecure: true, export: {}}]\n' +
        'sites: {b: {owns: [10.2.0.0/16], endpoints: ["http://127.0.0.1:1"], insecure: true}}\n',
    )
    const header = {kind: 'snapshot', version: 1, site: 'a', source: 'datastore', datastore: 'main', clusterId: '9'}
    writeFileSync(file('main.jsonl'), `${JSON.stringify({...header, revision: 1})}\n`)
    const verdict = async (from: string, to: string, ...policies: string[]): Promise<string> => {
      const words = ['policy', 'trace', '--snapshot', file('main.jsonl'), '--config', file('gateway.yaml')]
      const more = policies.flatMap((name) => ['--policy', file(name)])
      const {out, err} = await cli([...words, ...more, '--from', from, '--to', to, '--protocol', 'tcp', '--port', '80'])
      return /^(allow|deny)/.exec(out)?.[1] ?? err
    }
    const [own, theirs] = ['10.1.0.5', '10.2.0.5']
    assert.equal(await verdict(own, theirs, 'allow.yaml'), 'allow')
    assert.equal(await verdict(own, theirs, 'allow.yaml', 'cut.yaml'), 'deny')
    assert.equal(await verdict(theirs, own, 'allow.yaml', 'cut.yaml'), 'deny')
    assert.equal(await verdict(own, '10.1.0.6', 'allow.yaml', 'cut.yaml'), 'allow')
  })
})
