import assert from 'node:assert/strict'
import type {Etcd3} from 'etcd3'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {followExport, putExport} from '../support/followed-export.ts'
import {type Relay, startRelay} from '../support/relay.ts'
import {EXPORT} from '../support/sites.ts'

/** Endpoints, and how fast they come: a page of all of them takes twice as long as is waited for a call. */
const MANY = 6000
const BYTES_PER_SECOND = 100_000

describe('a remote site’s etcd behind a slow line', () => {
  let server: EtcdServer
  let relay: Relay
  let client: Etcd3
  let followed: ReturnType<typeof followExport>

  beforeEach(async () => {
    server = await startEtcd()
    client = plainClient(server.endpoint)
    await putExport(client, ['10.2.0.5'])
    relay = await startRelay(server.port)
    relay.slow(BYTES_PER_SECOND)
  })
  afterEach(async () => {
    await followed?.stop()
    relay?.close()
    client?.close()
    await server?.stop()
  })
  const putMany = async (names: string): Promise<void> => {
    for (let from = 0; from < MANY; from += 100) {
      const success = Array.from({length: 100}, (_, at) => {
        const key = Buffer.from(`${EXPORT}endpoints/main/10.2.${(from + at) >> 8}.${(from + at) & 255}/x1`)
        return {request_put: {key, value: Buffer.from(JSON.stringify({n: [names]}))}}
      })
      await client.kv.txn({success})
    }
  }

  it('is read whole, in pages that come in time', async () => {
    await putMany('shop/'.padEnd(100, 'x'))
    followed = followExport([relay.endpoint])
    await followed.until(({synced}) => synced, 'the list', 60_000)
    assert.equal(followed.changed.filter((prefix) => prefix.endsWith('/32')).length, MANY)
  }).timeout(90_000)

  it('is followed through much that happened while it was away', async () => {
    followed = followExport([relay.endpoint])
    await followed.until(({connected, synced}) => connected && synced, 'the list')
    relay.part()
    await followed.until(({connected}) => !connected, 'that it is away')
    await putMany('shop/'.padEnd(100, 'x'))
    followed.forget()
    relay.join()
    await followed.until(() => followed.changed.length >= MANY - 1, 'all of it', 60_000)
    assert.deepEqual([followed.state().resyncs, followed.removed], [{start: 1, limits: 1}, []])
  }).timeout(90_000)
})
