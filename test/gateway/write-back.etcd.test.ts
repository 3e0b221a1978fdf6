import assert from 'node:assert/strict'
import {setTimeout as delay} from 'node:timers/promises'
import type {Etcd3} from 'etcd3'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {eventually} from '../support/namespace.ts'
import {CALICO, EXPORT} from '../support/sites.ts'
import {startWriteBackGateway, WRITE_BACK, type WriteBackGateway} from '../support/write-back-gateway.ts'

const WITHIN_MS = 10_000
const THEIRS = {
  [`${CALICO}globalnetworksets/theirs`]: '{"metadata":{"labels":{"app":"web"}},"spec":{"nets":["203.0.113.1/32"]}}',
  [`${CALICO}ippools/default`]: '{ "spec": {"cidr": "10.1.0.0/16"} }',
  [`${CALICO}bgppeers/router`]: 'no JSON',
  [`${CALICO}globalnetworksets/isthmus-handmade`]: '{"metadata":{}}',
  [`${CALICO}globalnetworksets/isthmus-deep`]: '['.repeat(100_000) + ']'.repeat(100_000),
}

describe('write-back, on a real etcd', () => {
  let calico: EtcdServer
  let remote: EtcdServer
  let client: Etcd3
  let theirs: Etcd3
  const running: WriteBackGateway[] = []

  const start = async (
    options: Partial<Parameters<typeof startWriteBackGateway>[0]> = {},
  ): Promise<WriteBackGateway> => {
    const gateway = await startWriteBackGateway({
      ...{calico: calico.endpoint, remote: remote.endpoint, writeBack: WRITE_BACK},
      ...options,
    })
    running.push(gateway)
    return gateway
  }
  const end = async (): Promise<void> => {
    await Promise.all(running.splice(0).map((gateway) => gateway.stop()))
  }
  const held = async (): Promise<Record<string, string>> => client.getAll().prefix(CALICO).strings()
  const ours = async (): Promise<Record<string, string>> =>
    Object.fromEntries(Object.entries(await held()).filter(([, text]) => text.includes('isthmus.io/owner')))
  const nets = async (kind: string): Promise<string[]> =>
    Object.entries(await ours())
      .filter(([key]) => key.startsWith(`${CALICO}${kind}/`))
      .flatMap(([, text]): string[] => JSON.parse(text).spec.nets)
      .sort()
  const revision = async (): Promise<number> =>
    Number((await client.kv.range({key: Buffer.from('/none')})).header.revision)
  const pod = (ip: string, id = 'web') => theirs.put(`${EXPORT}endpoints/main/${ip}/${id}`).value('{"n":[]}')
  const isWritten = async (): Promise<boolean> => Object.keys(await ours()).length === 5

  before(async () => {
    ;[calico, remote] = await Promise.all([startEtcd(), startEtcd()])
    client = plainClient(calico.endpoint)
    theirs = plainClient(remote.endpoint)
  })
  after(async () => {
    client?.close()
    theirs?.close()
    await Promise.all([calico?.stop(), remote?.stop()])
  })
  beforeEach(async () => {
    await Promise.all([client.delete().all(), theirs.delete().all()])
    for (const [key, text] of Object.entries(THEIRS)) await client.put(key).value(text)
    const web = {kind: 'pod', labels: {app: 'web'}, namespace: 'shop'}
    await theirs.put(`${EXPORT}attributes/web`).value(JSON.stringify(web))
    await pod('10.2.0.5')
  })
  afterEach(end)

  it('two gateways write sets, pools and peers once, and then rest', async () => {
    await Promise.all([start(), start()])
    await eventually(isWritten, WITHIN_MS)
    assert.deepEqual(await nets('globalnetworksets'), ['10.2.0.5/32'])
    assert.deepEqual(await nets('networksets'), ['10.2.0.5/32'])
    const before = await revision()
    await delay(1500)
    assert.equal(await revision(), before)
    for (const [key, text] of Object.entries(THEIRS)) assert.equal((await held())[key], text)
  })

  it('one endpoint more is one transaction, and one that went goes', async () => {
    const gateway = await start({writeBack: {...WRITE_BACK, namespaces: []}})
    await eventually(async () => Object.keys(await ours()).length === 4, WITHIN_MS)
    const before = await revision()
    await pod('10.2.0.6')
    await eventually(async () => (await nets('globalnetworksets')).length === 2, WITHIN_MS)
    assert.equal((await revision()) - before, 1)
    await theirs.delete().prefix(`${EXPORT}endpoints/`)
    await eventually(async () => (await nets('globalnetworksets')).length === 0, WITHIN_MS)
    await eventually(() => [...gateway.writeBack.rows()].length === 3, WITHIN_MS)
    for (const {state} of gateway.writeBack.rows()) assert.equal(state, 'held')
  })

  it('what others do to its objects meanwhile is kept or mended, and never overwritten unseen', async () => {
    await start()
    await eventually(isWritten, WITHIN_MS)
    const [key] = Object.keys(await ours()).filter((one) => one.includes('globalnetworksets'))
    const identity = JSON.parse((await held())[key!]!).metadata
    let annotated = 0
    for (let i = 0; i < 40; i++) {
      // As Calico's client does it: what was read, changed, and written if nobody was faster.
      const {kvs} = await client.kv.range({key: Buffer.from(key!)})
      const value = JSON.parse(kvs[0]!.value.toString())
      value.metadata.annotations[`n${i}`] = 'x'
      value.future = 1844674407370955
      const done = await client
        .if(key!, 'Mod', '==', kvs[0]!.mod_revision)
        .then(client.put(key!).value(JSON.stringify(value).replace('1844674407370955', '18446744073709551615')))
        .commit()
      if (done.succeeded) annotated++
      await pod(`10.2.1.${i}`)
    }
    await eventually(async () => (await nets('globalnetworksets')).length === 41, WITHIN_MS)
    const text = (await held())[key!]!
    const {metadata} = JSON.parse(text)
    assert.ok(annotated > 10, String(annotated))
    assert.equal(Object.keys(metadata.annotations).length, annotated + 1)
    assert.match(text, /"future":18446744073709551615/)
    assert.deepEqual([metadata.uid, metadata.creationTimestamp], [identity.uid, identity.creationTimestamp])
    await client.delete().key(key!)
    await eventually(async () => (await nets('globalnetworksets')).length === 41, WITHIN_MS)
  }).timeout(30_000)

  it('an object of somebody else under its name stays, and is told of', async () => {
    const pool = `${CALICO}ippools/isthmus-b-10-2-0-0-16`
    await client.put(pool).value('{"spec":{"cidr":"10.9.0.0/16"}}')
    const gateway = await start()
    await eventually(async () => Object.keys(await ours()).length === 4, WITHIN_MS)
    assert.equal((await held())[pool], '{"spec":{"cidr":"10.9.0.0/16"}}')
    assert.deepEqual(
      gateway.writeBack.findings().map(({code}) => code),
      ['write-back-conflict'],
    )
    assert.equal(gateway.writeBack.findings()[0]?.conflict?.over, 'ippools/isthmus-b-10-2-0-0-16')
    await client.delete().key(pool)
    await eventually(isWritten, WITHIN_MS)
    assert.deepEqual(gateway.writeBack.findings(), [])
  })

  it('a locked datastore, a dry run and another leader: the difference is known, and nothing is written', async () => {
    const information = `${CALICO}clusterinformations/default`
    await client.put(information).value('{"spec":{"datastoreReady":false}}')
    const before = await revision()
    const locked = await start()
    const dry = await start({writeBack: {...WRITE_BACK, dryRun: true}})
    const follower = await start({mayWrite: () => null})
    const lost = await start({mayWrite: () => [{key: '/isthmus/v1/leader', createRevision: 7}]})
    for (const gateway of [locked, dry, follower, lost]) {
      await eventually(() => [...gateway.writeBack.rows()].length === 5, WITHIN_MS)
      for (const {state} of gateway.writeBack.rows()) assert.equal(state, 'create')
    }
    assert.deepEqual(
      locked.writeBack.findings().map(({code}) => code),
      ['write-back-locked'],
    )
    assert.equal(await revision(), before)
    await locked.stop()
    await client.put(information).value('{"spec":{"datastoreReady":true}}')
    await delay(1500)
    assert.equal(await revision(), before + 1)
  }).timeout(30_000)

  it('while a remote site cannot be read what came from it stays; what follows from the configuration does not', async () => {
    await start()
    await eventually(isWritten, WITHIN_MS)
    await end()
    await remote.kill()
    const gateway = await start({writeBack: {...WRITE_BACK, pools: null}})
    await eventually(async () => Object.keys(await ours()).length === 3, WITHIN_MS)
    assert.deepEqual(await nets('globalnetworksets'), ['10.2.0.5/32'])
    const states = [...gateway.writeBack.rows()].map(({state}) => state)
    assert.deepEqual(states.sort(), ['held', 'kept', 'kept'])
    await remote.start()
    await eventually(() => [...gateway.writeBack.rows()].every(({state}) => state === 'held'), WITHIN_MS)
  }).timeout(30_000)

  it('what came from a lost site stays until it is forgotten, and is there again when the site is', async () => {
    const gateway = await start()
    await eventually(isWritten, WITHIN_MS)
    const before = await held()
    const atRest = await revision()
    const sets = (): string[] =>
      [...gateway.writeBack.rows()].filter(({name}) => name.includes('networksets')).map(({state}) => state)
    for (const presence of ['closed', 'withdrawn'] as const) gateway.become(presence)
    await eventually(() => sets().length === 2 && sets().every((state) => state === 'kept'), WITHIN_MS)
    assert.equal(await revision(), atRest)
    gateway.become('forgotten')
    await eventually(async () => Object.keys(await ours()).length === 1, WITHIN_MS)
    assert.match(Object.keys(await ours())[0]!, /bgppeers\/isthmus-a-peer-/)
    for (const presence of ['withdrawn', 'closed', 'open'] as const) gateway.become(presence)
    await eventually(isWritten, WITHIN_MS)
    assert.deepEqual(Object.keys(await held()), Object.keys(before))
  }).timeout(20_000)

  it('of a site that the configuration no longer names nothing stays, whether its etcd answers or not', async () => {
    await start()
    await eventually(isWritten, WITHIN_MS)
    await end()
    await start({alone: true})
    await eventually(async () => Object.keys(await ours()).length === 1, WITHIN_MS)
    assert.match(Object.keys(await ours())[0]!, /bgppeers\/isthmus-a-peer-/)
    for (const [key, text] of Object.entries(THEIRS)) assert.equal((await held())[key], text)
  })

  it('switched off it leaves no trace', async () => {
    await start()
    await eventually(isWritten, WITHIN_MS)
    await end()
    await start({writeBack: null})
    await eventually(async () => Object.keys(await ours()).length === 0, WITHIN_MS)
    assert.deepEqual(await held(), THEIRS)
  })
})
