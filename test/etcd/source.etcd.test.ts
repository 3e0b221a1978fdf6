import assert from 'node:assert/strict'
import {once} from 'node:events'
import {connect as connectTcp, createServer, type Server, type Socket} from 'node:net'
import type {Etcd3} from 'etcd3'
import {type WatchState, watchSource} from '../../src/etcd/index.ts'
import type {SourceBatch} from '../../src/model/index.ts'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {watchClock} from '../support/watch-clock.ts'

const PREFIX = '/calico/resources/'

/** Keeps what a reader of batches would hold, and every key it was told of, in order. */
function watching(endpoints: string[], prefixes: readonly string[] = [PREFIX]) {
  const stop = new AbortController()
  const held = new Map<string, string>()
  const told: string[] = []
  const lists: SourceBatch[] = []
  const revisions: number[] = []
  const waiters = new Set<() => void>()
  let state: WatchState | null = null
  const wake = () => {
    for (const waiter of [...waiters]) waiter()
  }
  const watch = watchSource({
    source: 'datastore/main',
    etcd: {endpoints, tls: null, user: null},
    prefixes,
    clock: watchClock,
    signal: stop.signal,
    onBatch: (batch) => {
      revisions.push(batch.revision)
      if (batch.type === 'list') {
        lists.push(batch)
        held.clear()
      }
      for (const {key, value} of batch.upserts) held.set(key, Buffer.from(value).toString())
      for (const {key} of batch.upserts) if (batch.type === 'changes') told.push(key)
      for (const key of batch.deletes) held.delete(key)
      wake()
    },
    onState: (next) => {
      state = next
      wake()
    },
  })
  return {
    watch,
    held,
    told,
    lists,
    revisions,
    state: () => state,
    /** Resolves at the first moment at which the condition holds. */
    until: (condition: (state: WatchState) => boolean, ms = 12_000): Promise<void> =>
      new Promise((resolve, reject) => {
        const check = () => {
          if (!state || !condition(state)) return
          clearTimeout(timer)
          waiters.delete(check)
          resolve()
        }
        const timer = setTimeout(() => {
          waiters.delete(check)
          reject(new Error(`not within ${ms} ms; state ${JSON.stringify(state)}, ${held.size} keys`))
        }, ms)
        waiters.add(check)
        check()
      }),
    async stop() {
      stop.abort()
      await watch.done
    },
  }
}

async function put(client: Etcd3, count: number, from = 0): Promise<void> {
  for (let i = from; i < from + count; i += 100) {
    const keys = Array.from({length: Math.min(100, from + count - i)}, (_, k) => `${PREFIX}k${i + k}`)
    const success = keys.map((key) => ({
      request_put: {key: Buffer.from(key), value: Buffer.from('v'.repeat(500))},
    }))
    await client.kv.txn({success})
  }
}

/** A TCP relay that can be made to cut every connection once so many bytes went to the client. */
async function startRelay(port: number) {
  let budget = Number.POSITIVE_INFINITY
  const sockets = new Set<Socket>()
  const server: Server = createServer((client) => {
    const upstream = connectTcp(port, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => sockets.delete(socket))
    }
    client.on('data', (data) => upstream.write(data))
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
    upstream.on('data', (data) => {
      budget -= data.length
      if (budget < 0) {
        budget = Number.POSITIVE_INFINITY
        client.resetAndDestroy()
      } else client.write(data)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    cutAll: () => {
      for (const socket of sockets) socket.destroy()
    },
    cutAfter: (bytes: number) => {
      budget = bytes
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

describe('watchSource, on a real etcd', () => {
  let server: EtcdServer
  let client: Etcd3
  before(async () => {
    server = await startEtcd()
    client = plainClient(server.endpoint)
  })
  after(async () => {
    client.close()
    await server.stop()
  })
  let source: ReturnType<typeof watching> | null = null
  beforeEach(async () => {
    await client.delete().all()
  })
  afterEach(async () => {
    await source?.stop()
    source = null
  })

  it('lists in pages, then tells puts and deletes, and nothing beside the prefix', async () => {
    await put(client, 6001)
    await client.put('/calico/resources2/x').value('beside')
    source = watching([server.endpoint])
    await source.until((state) => state.synced)
    assert.equal(source.held.size, 6001)
    await client.put(`${PREFIX}new`).value('n')
    await client.delete().key(`${PREFIX}k0`)
    await source.until(() => source!.held.get(`${PREFIX}new`) === 'n' && !source!.held.has(`${PREFIX}k0`))
    assert.deepEqual(source.told, [`${PREFIX}new`])
    assert.equal(source.lists.length, 1)
  })

  it('loses and repeats nothing when the connection is cut in the middle of a catch-up', async () => {
    const relay = await startRelay(server.port)
    try {
      source = watching([relay.endpoint])
      await source.until((state) => state.connected && state.synced)
      // Frozen, it cannot hear what is written: the relay passes nothing on until it has been cut.
      relay.cutAfter(0)
      await client.put(`${PREFIX}first`).value('1')
      await source.until((state) => !state.connected)
      await put(client, 5000)
      relay.cutAfter(1_000_000)
      await source.until(() => source!.held.size >= 5001)
      assert.equal(source.told.length, 5001, 'each event once')
      assert.equal(new Set(source.told).size, 5001)
      assert.equal(source.lists.length, 1, 'by events, not by a new list')
    } finally {
      relay.close()
    }
  })

  it('never goes back in revisions from one prefix to another: who reads would take it for a repeat', async () => {
    const relay = await startRelay(server.port)
    try {
      const others = ['/isthmus/v1/resources/', '/calico/ipam/', '/calico/other/']
      source = watching([relay.endpoint], [PREFIX, ...others])
      await source.until((state) => state.connected && state.synced)
      relay.cutAfter(0)
      await client.put(`${PREFIX}first`).value('1')
      await source.until((state) => !state.connected)
      for (const prefix of [...others, PREFIX, ...others]) await client.put(`${prefix}late`).value(prefix)
      await client.put(`${PREFIX}last`).value('1')
      await source.until(() => source!.held.size === 6)
      assert.equal(source.lists.length, 1)
      assert.deepEqual(
        source.revisions,
        source.revisions.toSorted((a, b) => a - b),
      )
    } finally {
      relay.close()
    }
  })

  it('goes on where it was after the server was killed', async () => {
    source = watching([server.endpoint])
    await source.until((state) => state.synced)
    await server.kill()
    await source.until((state) => !state.connected)
    await server.start()
    await client.put(`${PREFIX}after`).value('1')
    await source.until(() => source!.held.has(`${PREFIX}after`))
    assert.equal(source.lists.length, 1)
  })

  it('notices a frozen server within seven seconds', async () => {
    source = watching([server.endpoint])
    await source.until((state) => state.synced && state.connected)
    server.freeze()
    try {
      await source.until((state) => !state.connected, 7000)
    } finally {
      server.thaw()
    }
    await source.until((state) => state.connected)
  })

  it('lists again when its revision was compacted meanwhile', async () => {
    const relay = await startRelay(server.port)
    try {
      source = watching([relay.endpoint])
      await source.until((state) => state.synced && state.connected)
      relay.cutAfter(0)
      await client.put(`${PREFIX}a`).value('1')
      await source.until((state) => !state.connected)
      await client.put(`${PREFIX}b`).value('2')
      const {header} = await client.kv.range({key: Buffer.from(PREFIX)})
      await client.kv.compact({revision: header.revision, physical: true})
      await source.until((state) => state.resyncs.compacted === 1)
      assert.deepEqual([...source.held].toSorted(), [
        [`${PREFIX}a`, '1'],
        [`${PREFIX}b`, '2'],
      ])
    } finally {
      relay.close()
    }
  })

  it('lists again when another cluster answers at the address', async () => {
    await client.put(`${PREFIX}old`).value('1')
    source = watching([server.endpoint])
    await source.until((state) => state.synced && source!.held.has(`${PREFIX}old`))
    await server.kill()
    await server.start(true)
    await source.until((state) => state.connected && (state.resyncs.cluster ?? 0) === 1)
    assert.equal(source.held.size, 0)
  })

  it('waits for a datastore that is not there, and says why', async () => {
    await server.kill()
    source = watching([server.endpoint])
    await source.until((state) => !state.connected && state.lastError !== null)
    assert.match(source.state()!.lastError!, /ECONNREFUSED|UNAVAILABLE|connect/i)
    await server.start()
    await source.until((state) => state.synced)
  })

  it('goes on to the next endpoint when the first is dead', async () => {
    source = watching(['http://127.0.0.1:1', server.endpoint])
    await source.until((state) => state.synced && state.endpoint === server.endpoint)
  })

  it('lists anew when asked', async () => {
    source = watching([server.endpoint])
    await source.until((state) => state.synced && state.connected)
    source.watch.relist()
    await source.until((state) => state.resyncs.asked === 1)
    assert.equal(source.lists.length, 2)
  })
})
