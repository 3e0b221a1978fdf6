import assert from 'node:assert/strict'
import {setTimeout as delay} from 'node:timers/promises'
import type {Etcd3} from 'etcd3'
import {removeWriteBack} from '../../src/cli/remove-write-back.ts'
import {openKeyValues} from '../../src/etcd/index.ts'
import type {WriteBackConfig} from '../../src/model/index.ts'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {eventually} from '../support/namespace.ts'
import {address, CALICO, EXPORT, site} from '../support/sites.ts'
import {startWriteBackGateway, type WriteBackGateway} from '../support/write-back-gateway.ts'

const WITHIN_MS = 10_000
const IPAM = '/calico/ipam/v2/'
/** What a cluster has by itself, in bytes that a client would not write so. */
const THEIRS = {
  [`${CALICO}nodes/worker-1`]: '{"metadata":{"name":"worker-1"},"spec":{"bgp":{"ipv4Address":"10.50.0.1/24"}}}',
  [`${CALICO}nodes/isthmus-a.handmade`]: '{ "metadata":{"name":"isthmus-a.handmade"} }',
  [`${IPAM}assignment/ipv4/block/10.1.0.0-26`]: '{ "cidr":"10.1.0.0/26", "affinity":"host:worker-1" }',
  [`${IPAM}host/worker-1/ipv4/block/10.1.0.0-26`]: '',
  [`${IPAM}handle/k8s-pod-network.1`]: '{"block":{"10.1.0.0/26":1}}',
}
const OF_SITE_B = 16
const GATEWAYS: WriteBackConfig = {
  ...{sets: false, namespaces: [], dryRun: false, pools: {encapsulation: 'ipip', bgpExport: false}, peers: []},
  gateways: {addresses: [address('192.168.10.1'), address('192.168.10.9')], blocks: address('192.168.10.9')},
}

describe('gateways as Nodes, on a real etcd', () => {
  let calico: EtcdServer
  let remote: EtcdServer
  let client: Etcd3
  const running: WriteBackGateway[] = []

  const start = async (writeBack: WriteBackConfig | null = GATEWAYS): Promise<WriteBackGateway> => {
    const gateway = await startWriteBackGateway({calico: calico.endpoint, remote: remote.endpoint, writeBack})
    running.push(gateway)
    return gateway
  }
  const end = async (): Promise<void> => {
    await Promise.all(running.splice(0).map((gateway) => gateway.stop()))
  }
  const held = async (): Promise<Record<string, string>> => client.getAll().prefix('/calico/').strings()
  const ours = async (): Promise<string[]> =>
    Object.entries(await held()).flatMap(([key, text]) => (text.includes('isthmus.io/owner') ? [key] : []))
  const count = async (part: string): Promise<number> => (await ours()).filter((key) => key.includes(part)).length
  const rests = async (): Promise<void> => {
    const revision = async () => (await client.kv.range({key: Buffer.from('/none')})).header.revision
    const before = await revision()
    await delay(1200)
    assert.equal(await revision(), before)
  }
  /** Two Nodes, two pools, and of each block itself, a claim and a handle. */
  const isWritten = async (): Promise<boolean> => (await ours()).length === 2 + 2 + 3 * OF_SITE_B

  before(async () => {
    ;[calico, remote] = await Promise.all([startEtcd(), startEtcd()])
    client = plainClient(calico.endpoint)
    const theirs = plainClient(remote.endpoint)
    await theirs.put(`${EXPORT}attributes/web`).value('{"kind":"pod","labels":{},"namespace":"shop"}')
    theirs.close()
  })
  after(async () => {
    client?.close()
    await Promise.all([calico?.stop(), remote?.stop()])
  })
  beforeEach(async () => {
    await client.delete().all()
    for (const [key, text] of Object.entries(THEIRS)) await client.put(key).value(text)
  })
  afterEach(end)

  it('are written once, Nodes first, beside what the cluster has, and what is changed in them is mended', async () => {
    const gateway = await start()
    await eventually(isWritten, WITHIN_MS)
    await rests()
    for (const [key, text] of Object.entries(THEIRS)) assert.equal((await held())[key], text, key)
    const written = async (key: string): Promise<number> =>
      Number((await client.kv.range({key: Buffer.from(key)})).kvs[0]!.create_revision)
    const node = await written(`${CALICO}nodes/isthmus-a.192-168-10-9`)
    assert.ok(node <= (await written(`${IPAM}assignment/ipv4/block/10.2.0.0-20`)))
    const names = [...gateway.writeBack.rows()].map(({name}) => name)
    assert.ok(names.includes('nodes/isthmus-a.192-168-10-9'))
    assert.ok(names.includes('ipam/host/isthmus-a.192-168-10-9/ipv4/block/10.2.240.0-20'))

    const block = `${IPAM}assignment/ipv4/block/10.2.16.0-20`
    const before = (await held())[block]!
    await client.delete().key(`${IPAM}host/isthmus-a.192-168-10-9/ipv4/block/10.2.0.0-20`)
    await client.put(block).value(before.replace('"host:isthmus-a.192-168-10-9"', 'null'))
    await eventually(isWritten, WITHIN_MS)
    const sequence = (text: string): bigint => BigInt(/"sequenceNumber":(\d+)/.exec(text)![1]!)
    const after = await eventually(async () => {
      const text = (await held())[block]!
      return text.includes('"host:isthmus') && text
    }, WITHIN_MS)
    assert.equal(sequence(after), sequence(before) + 1n)
    await rests()
  }).timeout(30_000)

  it('another address to send to is another Node, whose blocks they are then', async () => {
    await start()
    await eventually(isWritten, WITHIN_MS)
    await end()
    const one = address('192.168.10.1')
    await start({...GATEWAYS, gateways: {addresses: [one], blocks: one}})
    await eventually(async () => (await count('/nodes/')) === 1, WITHIN_MS)
    assert.equal(await count('/host/isthmus-a.192-168-10-1/'), OF_SITE_B)
    assert.equal(await count('/host/isthmus-a.192-168-10-9/'), 0)
    for (const text of Object.values(await held())) assert.ok(!text.includes('192-168-10-9'), text.slice(0, 200))
    await rests()
  }).timeout(30_000)

  it('a dry run writes nothing; BIRD as owner of the routes needs no blocks; off, nothing is left', async () => {
    const dry = await start({...GATEWAYS, dryRun: true})
    await eventually(() => [...dry.writeBack.rows()].length === 2 + 2 + 3 * OF_SITE_B, WITHIN_MS)
    assert.deepEqual(await held(), THEIRS)
    await end()
    await start()
    await eventually(isWritten, WITHIN_MS)
    await end()
    await start({...GATEWAYS, gateways: {...GATEWAYS.gateways!, blocks: null}})
    await eventually(async () => (await count('/ipam/')) === 0, WITHIN_MS)
    assert.equal(await count('/nodes/'), 2)
    await end()
    await start(null)
    await eventually(async () => (await ours()).length === 0, WITHIN_MS)
    assert.deepEqual(await held(), THEIRS)
  }).timeout(30_000)

  it('leave takes out what tells of a remote site, and all of it with the own one, byte for byte', async () => {
    await start()
    await eventually(isWritten, WITHIN_MS)
    await end()
    const store = openKeyValues({endpoints: [calico.endpoint], tls: null, user: null})
    try {
      const dry = await removeWriteBack(store, site('a'), {remote: site('b'), dryRun: true})
      assert.equal(dry.removed.length, 2 + 3 * OF_SITE_B)
      assert.ok(await isWritten())
      const of = await removeWriteBack(store, site('a'), {remote: site('b')})
      assert.ok(of.ok)
      assert.deepEqual(of.removed, dry.removed)
      assert.deepEqual(
        await ours(),
        ['1', '9'].map((last) => `${CALICO}nodes/isthmus-a.192-168-10-${last}`),
      )
      assert.ok((await removeWriteBack(store, site('a'))).ok)
      assert.deepEqual(await held(), THEIRS)
    } finally {
      store.close()
    }
  })
})
