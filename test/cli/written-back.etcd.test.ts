import assert from 'node:assert/strict'
import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import type {Etcd3} from 'etcd3'
import {removeWriteBack} from '../../src/cli/remove-write-back.ts'
import {openKeyValues} from '../../src/etcd/index.ts'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {eventually} from '../support/namespace.ts'
import {type CliResult, cli} from '../support/run-cli.ts'
import {CALICO, EXPORT, site} from '../support/sites.ts'
import {startWriteBackGateway, WRITE_BACK} from '../support/write-back-gateway.ts'

const THEIRS = {[`${CALICO}globalnetworksets/isthmus-handmade`]: '{"metadata":{}}', [`${CALICO}ippools/p`]: '{}'}

describe('what is written back, on the command line', () => {
  let calico: EtcdServer
  let remote: EtcdServer
  let client: Etcd3
  let folder: string

  before(async () => {
    ;[calico, remote] = await Promise.all([startEtcd(), startEtcd()])
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-written-back-'))
    client = plainClient(calico.endpoint)
    for (const [key, text] of Object.entries(THEIRS)) await client.put(key).value(text)
    const theirs = plainClient(remote.endpoint)
    await theirs.put(`${EXPORT}attributes/web`).value('{"kind":"pod","labels":{"app":"web"},"namespace":"shop"}')
    await theirs.put(`${EXPORT}endpoints/main/10.2.0.5/web`).value('{"n":[]}')
    theirs.close()
  })
  after(async () => {
    client?.close()
    await Promise.all([calico?.stop(), remote?.stop(), rm(folder, {recursive: true, force: true})])
  })

  let nodes = '{session: ibgp, localAs: 64512}'
  const diff = async (writeBack: string, ...more: string[]): Promise<CliResult> => {
    const file = path.join(folder, 'gateway.yaml')
    const text = `
version: 1
site: a
gateway: a1
as: 4200000001
interconnect: [100.64.0.0/16]
default: deny
uplinks: [{name: wan, address: 192.0.2.1, inner: [100.64.0.0, 100.64.0.1]}]
owns: [10.1.0.0/16]
datastores:
  - {name: main, kind: calico, endpoints: ['${calico.endpoint}'], insecure: true, export: {}${writeBack}}
sites:
  b: {owns: [10.2.0.0/16, 'fd00:2::/48'], endpoints: ['${remote.endpoint}'], insecure: true}
authorities: [a]
nodes: ${nodes}
`
    await writeFile(file, text)
    return cli(['diff', '--write-back', '--config', file, ...more])
  }
  const ALL = ', writeBack: {sets: true, namespaces: [shop], pools: {}, peers: [{address: 192.168.10.1}]}'
  const held = async (): Promise<Record<string, string>> => client.getAll().prefix(CALICO).strings()

  it('shows what a configuration would write before any gateway has it, and writes nothing', async () => {
    const before = await held()
    const {out, status} = await diff(', writeBack: {pools: {}}')
    assert.equal(status, 1)
    assert.match(
      out,
      /^--- \/dev\/null\n\+\+\+ main ippools\/isthmus-b-10-2-0-0-16\n@@ -0,0 \+1,\d+ @@\n\+apiVersion: /,
    )
    assert.match(out, /^\+ {2}cidr: 10\.2\.0\.0\/16$/m)
    const {objects} = JSON.parse((await diff(ALL, '-o', 'json')).out)
    assert.deepEqual(
      objects.map(({result}: {result: string}) => result),
      Array(5).fill('create'),
    )
    assert.deepEqual(await held(), before)
  })

  it('the Nodes and blocks of gateways too, whose long lists are counted', async () => {
    nodes = '{session: ibgp, localAs: 64512, ipip: {address: 10.0.0.1}}'
    try {
      const gateways = '{pools: {encapsulation: ipip}, gateways: {addresses: [10.0.0.1], blocks: 10.0.0.1}}'
      const {out, status} = await diff(`, writeBack: ${gateways}`)
      assert.equal(status, 1)
      assert.match(out, /^\+\+\+ main nodes\/isthmus-a\.10-0-0-1$/m)
      assert.match(out, /^\+\+\+ main ipam\/assignment\/ipv4\/block\/10\.2\.240\.0-20$/m)
      assert.match(out, /^\+allocations: 1 of 4096 addresses$/m)
      assert.match(out, /^\+unallocated: 4095 addresses$/m)
      assert.ok(out.split('\n').length < 1500, String(out.split('\n').length))
    } finally {
      nodes = '{session: ibgp, localAs: 64512}'
    }
  })

  it('nothing once a gateway has written it; and what would go when it is switched off', async () => {
    const gateway = await startWriteBackGateway({
      ...{calico: calico.endpoint, remote: remote.endpoint, writeBack: WRITE_BACK},
    })
    await eventually(async () => Object.keys(await held()).length === 7, 10_000)
    await gateway.stop()
    const same = await diff(ALL)
    assert.deepEqual([same.out, same.status], ['', 0])
    const {out, status} = await diff('', '-o', 'name')
    assert.equal(status, 1)
    assert.equal(out.trim().split('\n').length, 5)
    const changed = await diff(ALL.replace('pools: {}', 'pools: {bgpExport: true}'))
    assert.match(changed.out, /^- {2}disableBGPExport: true\n\+ {2}disableBGPExport: false$/m)
  })

  it('a datastore that is not there is an error that names it', async () => {
    const {err, status} = await diff(ALL, '--datastore', 'other')
    assert.equal(status, 2)
    assert.match(err, /no Calico datastore is named other/)
    assert.equal((await cli(['diff'])).status, 2)
  })

  it('a site that leaves takes all of it along and nothing else, but not from under a migration', async () => {
    const store = openKeyValues({endpoints: [calico.endpoint], tls: null, user: null})
    try {
      const information = `${CALICO}clusterinformations/default`
      await client.put(information).value('{"spec":{"datastoreReady":false}}')
      assert.deepEqual(await removeWriteBack(store, site('a')), {ok: false, removed: [], reason: 'locked'})
      await client.delete().key(information)
      assert.deepEqual(await removeWriteBack(store, site('z')), {ok: true, removed: []})
      const {ok, removed} = await removeWriteBack(store, site('a'))
      assert.deepEqual([ok, removed.length], [true, 5])
      assert.deepEqual(await held(), THEIRS)
    } finally {
      store.close()
    }
  })
})
