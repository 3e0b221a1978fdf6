import assert from 'node:assert/strict'
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import type {Etcd3} from 'etcd3'
import {startPublishing} from '../../src/gateway/publishing.ts'
import type {DatastoreName, GatewayName, JournalMap} from '../../src/model/index.ts'
import {JournalMap as Journal} from '../../src/model/index.ts'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {gatewayYaml} from '../support/gateway-yaml.ts'
import {eventually} from '../support/namespace.ts'
import {type CliResult, cli} from '../support/run-cli.ts'
import {CALICO, EXPORT, ISTHMUS, site} from '../support/sites.ts'
import {watchClock} from '../support/watch-clock.ts'
import {startWriteBackGateway, WRITE_BACK} from '../support/write-back-gateway.ts'

const WITHIN_MS = 10_000
const ALIVE = '/isthmus/v1/alive/a1'
/** What a site had before Isthmus came, in bytes that a client would not write so. */
const BEFORE = {
  [`${CALICO}clusterinformations/default`]: '{"spec": {"datastoreReady":true} }',
  [`${CALICO}globalnetworksets/isthmus-handmade`]: '{"metadata":{}}',
  [`${CALICO}ippools/default`]: '{ "spec": {"cidr": "10.1.0.0/16"}}\n',
  '/other/key': '\u0000 x',
}

describe('isthmus site leave, on a real etcd', () => {
  let calico: EtcdServer
  let remote: EtcdServer
  let client: Etcd3
  let folder: string

  before(async () => {
    ;[calico, remote] = await Promise.all([startEtcd(), startEtcd()])
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-leave-'))
    client = plainClient(calico.endpoint)
    const theirs = plainClient(remote.endpoint)
    await theirs.put(`${EXPORT}attributes/web`).value('{"kind":"pod","labels":{"app":"web"},"namespace":"shop"}')
    await theirs.put(`${EXPORT}endpoints/main/10.2.0.5/web`).value('{"n":[]}')
    theirs.close()
  })
  after(async () => {
    client?.close()
    await Promise.all([calico?.stop(), remote?.stop(), rm(folder, {recursive: true, force: true})])
  })
  beforeEach(async () => {
    await client.delete().all()
    for (const [key, text] of Object.entries(BEFORE)) await client.put(key).value(text)
  })

  const everything = async (): Promise<Record<string, string>> => client.getAll().strings()
  const leave = async (name: string, sites: string, ...more: string[]): Promise<CliResult> => {
    const file = path.join(folder, 'gateway.yaml')
    await writeFile(file, `${gatewayYaml([calico.endpoint], {sites})}paths: {state: ${folder}}\n`)
    return cli(['site', 'leave', name, '--config', file, '--folder', folder, '--sites', folder, ...more])
  }
  const B = () => `{b: {owns: [10.2.0.0/16], endpoints: ['${remote.endpoint}'], insecure: true}}`
  /** What site b, c and the own are told of, as a gateway leaves it. */
  async function writeBack(): Promise<void> {
    const gateway = await startWriteBackGateway({
      ...{calico: calico.endpoint, remote: remote.endpoint, writeBack: WRITE_BACK},
    })
    await eventually(async () => Object.keys(await everything()).length === Object.keys(BEFORE).length + 5, WITHIN_MS)
    await gateway.stop()
  }
  /** Two hundred records, so that it takes more than one transaction to remove them. */
  async function publish(): Promise<() => Promise<void>> {
    const stop = new AbortController()
    const members: JournalMap = new Journal()
    for (let i = 0; i < 200; i++) members.set(`${EXPORT}endpoints/main/10.1.0.${i}/x`, '{}')
    members.set(`${EXPORT}attributes/x`, '{}')
    const wanted = new Map([
      [`${EXPORT}meta`, '{"schema":1,"site":"a","generation":1}'],
      [`${EXPORT}gateways/a1`, '{}'],
      [`${EXPORT}resources/tiers/t`, '{}'],
    ])
    const publishing = startPublishing({
      ...{site: site('a'), gateway: 'a1' as GatewayName, naming: {datastores: ['main'], gateways: ['a1']}},
      datastore: {name: 'main' as DatastoreName, endpoints: [calico.endpoint], tls: null, user: null},
      ...{removeAfterMs: {datastores: 60_000, gateways: 60_000}, wanted: () => wanted, kept: [members]},
      ...{clock: watchClock, signal: stop.signal, backoffMs: {first: 50, last: 200}, idleMs: 200, ttlSeconds: 2},
      onReport: () => {},
    })
    await eventually(async () => (await client.getAll().prefix(EXPORT).keys()).length === 204, WITHIN_MS)
    return () => {
      stop.abort()
      return publishing.done
    }
  }

  it('of a remote: its objects stay while somebody keeps them up, and then go, and no others', async () => {
    await writeBack()
    const near = `${CALICO}ippools/isthmus-b-c-10-9-0-0-16`
    const object = {metadata: {labels: {'isthmus.io/site': 'b-c'}, annotations: {'isthmus.io/owner': 'a'}}}
    await client.put(near).value(JSON.stringify(object))
    const before = await everything()
    const named = await leave('b', B())
    assert.match(named.out, /^objects in main +later +kept up while gateway\.yaml names sites\.b$/m)
    await client.put(ALIVE).value('{}')
    const alive = await leave('b', '{}')
    assert.match(alive.out, /^objects in main +later +gateway a1 lives, and removes them when/m)
    await client.delete().key(ALIVE)
    const dry = await leave('b', '{}', '--dry-run')
    assert.match(dry.out, /^objects in main +remove +4 that were written back of b$/m)
    assert.deepEqual(await everything(), before)

    const left = await leave('b', '{}')
    assert.deepEqual([left.status, left.err], [0, ''])
    assert.equal(left.out, dry.out)
    const rest = Object.entries(before).filter(([key]) => key === near || !/isthmus-b-/.test(key))
    assert.deepEqual(await everything(), Object.fromEntries(rest))
    assert.ok(rest.some(([key]) => key.includes('bgppeers/isthmus-a-peer-')))
    assert.match((await leave('b', '{}')).out, /nothing of it is left here/)
  }).timeout(20_000)

  it('of the own site: refused while a gateway lives; then etcd holds what it held before, byte for byte', async () => {
    await writeBack()
    const stop = await publish()
    try {
      const running = await leave('a', B())
      assert.equal(running.status, 1)
      assert.match(running.err, /error site-in-use datastore main \/isthmus\/v1\/alive\/a1: gateway a1 of site a lives/)
      assert.equal((await client.getAll().prefix(EXPORT).keys()).length, 204)
    } finally {
      await stop()
    }
    // As one that was killed leaves it, had its lease not ended.
    await client.put('/isthmus/v1/leader').value('{"gateway":"a1"}')
    const document = {[`${ISTHMUS}tiers/mine`]: '{"spec": {}}'}
    await client.put(Object.keys(document)[0]!).value(Object.values(document)[0]!)
    const before = await everything()
    const dry = await leave('a', B(), '--dry-run')
    assert.deepEqual(await everything(), before)
    const left = await leave('a', B())
    assert.deepEqual([left.status, left.err], [0, ''])
    assert.equal(left.out, dry.out)
    assert.match(left.out, /^datastore main +remove +5 objects that were written back$/m)
    assert.match(left.out, /^datastore main +remove +the export, 205 keys$/m)
    assert.match(left.out, /^datastore main +keep +1 keys below \/isthmus\/v1\/ that are yours/m)
    assert.deepEqual(await everything(), {...BEFORE, ...document})
    await client.delete().key(Object.keys(document)[0]!)
    assert.deepEqual(await everything(), BEFORE)
    assert.match((await leave('a', B())).out, /nothing of it is left in its datastores/)
  }).timeout(30_000)

  it('of the own site: nothing goes where it may not be ours, where Calico migrates, or where etcd is away', async () => {
    await writeBack()
    const cases: {put: [key: string, text: string]; status: number; said: RegExp}[] = [
      {put: [`${EXPORT}meta`, '{"site":"z"}'], status: 1, said: /config-conflict .* export of site z, not of a/},
      {put: [`${EXPORT}meta`, 'no JSON'], status: 1, said: /config-conflict .* no site that can be read/},
      {
        put: [`${CALICO}clusterinformations/default`, '{"spec":{"datastoreReady":false}}'],
        ...{status: 1, said: /write-back-locked/},
      },
    ]
    for (const {
      put: [key, text],
      status,
      said,
    } of cases) {
      const was = await client.get(key).string()
      await client.put(key).value(text)
      const before = await everything()
      const refused = await leave('a', B())
      assert.deepEqual([refused.status, refused.out], [status, ''])
      assert.match(refused.err, said)
      assert.deepEqual(await everything(), before)
      if (was === null) await client.delete().key(key)
      else await client.put(key).value(was)
    }
    const file = path.join(folder, 'gateway.yaml')
    await writeFile(file, (await readFile(file, 'utf8')).replace(calico.endpoint, 'http://127.0.0.1:1'))
    const away = await cli(['site', 'leave', 'a', '--config', file])
    assert.deepEqual([away.status, away.out], [3, ''])
    assert.match(away.err, /error etcd-unreachable datastore main/)
  }).timeout(20_000)
})
