import assert from 'node:assert/strict'
import {mkdtempSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import type {Etcd3} from 'etcd3'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {deleteEndpoint, followExport, putEndpoint, putExport, putLabels} from '../support/followed-export.ts'
import {type Relay, startRelay} from '../support/relay.ts'

const ADDRESSES = ['10.2.0.5', '10.2.0.6', '10.2.0.7']

/** After each fault: what is told is the difference, and no more; nothing that is still there is ever taken away. */
describe('a remote site’s etcd that was away and comes back other than it was', () => {
  let server: EtcdServer
  let relay: Relay
  let client: Etcd3
  let dir = ''
  let followed: ReturnType<typeof followExport>

  before(() => {
    dir = mkdtempSync('/dev/shm/isthmus-backup-')
  })
  after(() => rmSync(dir, {recursive: true}))
  beforeEach(async () => {
    server = await startEtcd()
    client = plainClient(server.endpoint)
    await putExport(client, ADDRESSES)
    relay = await startRelay(server.port)
    followed = followExport([relay.endpoint])
    await followed.until((state) => state.connected && followed.has('10.2.0.7'), 'the first list')
    // The watch stands, not the list alone.
    await putEndpoint(client, '10.2.0.8')
    await followed.until(() => followed.has('10.2.0.8'), 'the first event')
    followed.forget()
  })
  afterEach(async () => {
    await followed?.stop()
    relay?.close()
    client?.close()
    await server?.stop()
  })

  const part = async (): Promise<void> => {
    relay.part()
    await followed.until(({connected}) => !connected, 'that it is away')
  }
  const back = (what: (state: ReturnType<typeof followed.state>) => boolean): Promise<void> => {
    relay.join()
    return followed.until((state) => state.connected && what(state), 'that it is back')
  }

  it('unchanged: nothing is told at all', async () => {
    await part()
    await back(() => true)
    assert.deepEqual([followed.batches, followed.changed], [[], []])
    assert.deepEqual(followed.state().resyncs, {start: 1})
  })

  it('compacted beyond what was read: a list, of which one address is new and one gone', async () => {
    await part()
    await putEndpoint(client, '10.2.0.9')
    await deleteEndpoint(client, '10.2.0.5')
    const {header} = await client.kv.range({key: Buffer.from('x')})
    await client.kv.compact({revision: header.revision, physical: true})
    await back(({resyncs}) => resyncs.compacted === 1)
    assert.deepEqual(followed.changed.toSorted(), ['10.2.0.5/32', '10.2.0.9/32'])
    assert.deepEqual(followed.removed, ['10.2.0.5/32'])
  })

  it('compacted, and nothing of the export has changed: a list, and nothing is told', async () => {
    await part()
    for (let i = 0; i < 3; i++) await client.put('/elsewhere').value(String(i))
    const {header} = await client.kv.range({key: Buffer.from('x')})
    await client.kv.compact({revision: header.revision, physical: true})
    await client.put('/elsewhere').value('last')
    await back(({resyncs}) => resyncs.compacted === 1)
    assert.deepEqual(followed.changed, [])
  })

  it('another cluster with the same export: a list, and nothing is taken away', async () => {
    await part()
    client.close()
    await server.kill()
    await server.start(true)
    client = plainClient(server.endpoint)
    await putExport(client, [...ADDRESSES, '10.2.0.8'])
    await back(({resyncs}) => resyncs.cluster === 1)
    assert.deepEqual(followed.removed, [])
    assert.ok(followed.has('10.2.0.5') && followed.has('10.2.0.8'))
  })

  it('restored from a backup, its revision behind ours: a list, and what came after the backup is gone', async () => {
    const file = join(dir, 'behind')
    server.backUp(file)
    await putEndpoint(client, '10.2.0.9')
    await followed.until(() => followed.has('10.2.0.9'), 'what is lost later')
    followed.forget()
    await part()
    await server.restore(file)
    await back(({resyncs}) => resyncs.revision === 1)
    assert.deepEqual([followed.changed, followed.removed], [['10.2.0.9/32'], ['10.2.0.9/32']])
  })

  it('restored from a backup and written to until its revision is beyond ours: told apart all the same', async () => {
    const file = join(dir, 'beyond')
    server.backUp(file)
    await putEndpoint(client, '10.2.0.9')
    await followed.until(() => followed.has('10.2.0.9'), 'what is lost later')
    const {clusterId} = followed.state()
    followed.forget()
    await part()
    await server.restore(file)
    await putEndpoint(client, '10.2.0.10')
    for (let i = 0; i < 20; i++) await client.put('/elsewhere').value(String(i))
    await back(({resyncs}) => resyncs.revision === 1)
    assert.equal(followed.state().clusterId, clusterId, 'the id alone tells nothing')
    assert.deepEqual(followed.changed.toSorted(), ['10.2.0.10/32', '10.2.0.9/32'])
    assert.deepEqual(followed.removed, ['10.2.0.9/32'])
  })

  it('restored from a backup and the last change made anew, otherwise: the newest key stands at the same revision', async () => {
    const file = join(dir, 'anew')
    server.backUp(file)
    await putLabels(client, {app: 'wrong'})
    await followed.until(() => followed.changed.length > 0, 'the change that is regretted')
    followed.forget()
    await part()
    await server.restore(file)
    await putLabels(client, {app: 'right'})
    await back(({resyncs}) => resyncs.revision === 1)
    assert.equal(followed.changed.length, 4, 'every address has other labels')
    assert.deepEqual([followed.labels(), followed.removed], [[{app: 'right', 'isthmus.io/site': 'b'}], []])
  })

  it('restored from a backup, where an older key stands at the revision that it had, with another value', async () => {
    const file = join(dir, 'older')
    server.backUp(file)
    await putLabels(client, {app: 'wrong'})
    await putEndpoint(client, '10.2.0.9')
    await followed.until(() => followed.has('10.2.0.9'), 'what is lost later')
    followed.forget()
    await part()
    await server.restore(file)
    await putLabels(client, {app: 'right'})
    await putEndpoint(client, '10.2.0.10')
    await back(({resyncs}) => resyncs.revision === 1)
    assert.deepEqual(followed.labels(), [{app: 'right', 'isthmus.io/site': 'b'}])
    assert.deepEqual(followed.removed, ['10.2.0.9/32'])
  })

  it('a partition of one direction is noticed, and its age is true meanwhile', async () => {
    relay.swallowAnswers(true)
    const atMs = performance.now()
    await putEndpoint(client, '10.2.0.9')
    await followed.until(({connected}) => !connected, 'that it is noticed', 8000)
    assert.ok(followed.state().lastHeardMs! <= atMs + 100, 'nothing was heard since')
    relay.swallowAnswers(false)
    await followed.until(({connected}) => connected && followed.has('10.2.0.9'), 'that it is back')
    assert.deepEqual([followed.changed, followed.removed], [['10.2.0.9/32'], []])
  })

  it('a quiet one is heard of every three seconds, though nothing happens', async () => {
    const before = followed.state().lastHeardMs!
    await followed.until(({lastHeardMs}) => lastHeardMs! > before, 'an answer', 6500)
    assert.deepEqual([followed.batches, followed.state().connected], [[], true])
  })
})
