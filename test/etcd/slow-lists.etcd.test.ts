import assert from 'node:assert/strict'
import {setTimeout as delay} from 'node:timers/promises'
import type {Etcd3} from 'etcd3'
import {createTurns, type Turns, type WatchClock} from '../../src/etcd/index.ts'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {followExport, putExport} from '../support/followed-export.ts'
import {eventually} from '../support/namespace.ts'
import {type Relay, startRelay} from '../support/relay.ts'
import {EXPORT} from '../support/sites.ts'
import {watchClock} from '../support/watch-clock.ts'

const MANY = 2000
/** A list takes some two seconds, in one page that comes in time. */
const BYTES_PER_SECOND = 230_000
/** What a list may keep others waiting is not waited here. */
const clock: WatchClock = {...watchClock, sleep: (ms, signal) => watchClock.sleep(ms >= 10_000 ? 300 : ms, signal)}

/** Tells how many have asked for a turn. */
function counted(turns: Turns): Turns & {asked: number} {
  const one = {
    asked: 0,
    enter: () => {
      one.asked++
      return turns.enter()
    },
  }
  return one
}

describe('lists that take long', () => {
  let server: EtcdServer
  let relay: Relay
  let client: Etcd3
  const followed: ReturnType<typeof followExport>[] = []

  before(async () => {
    server = await startEtcd()
    client = plainClient(server.endpoint)
    await putExport(client, ['10.2.0.5'])
    for (let from = 0; from < MANY; from += 100) {
      const success = Array.from({length: 100}, (_, at) => {
        const key = Buffer.from(`${EXPORT}endpoints/main/10.2.${(from + at) >> 8}.${(from + at) & 255}/x1`)
        return {request_put: {key, value: Buffer.from(JSON.stringify({n: ['shop/'.padEnd(100, 'x')]}))}}
      })
      await client.kv.txn({success})
    }
    relay = await startRelay(server.port)
    relay.slow(BYTES_PER_SECOND)
  })
  after(async () => {
    relay?.close()
    client?.close()
    await server?.stop()
  })
  afterEach(async () => {
    await Promise.all(followed.splice(0).map((one) => one.stop()))
  })
  const follow = (...options: Parameters<typeof followExport>) => {
    const one = followExport(...options)
    followed.push(one)
    return one
  }

  it('do not keep a quick one from its turn', async () => {
    const listing = counted(createTurns(2))
    const slow = [0, 1].map(() => follow([relay.endpoint], null, {listing, clock}))
    await eventually(() => listing.asked === 2)
    const quick = follow([server.endpoint], null, {listing, clock})
    await quick.until(({synced}) => synced, 'the quick one')
    assert.deepEqual(
      slow.map(({batches}) => batches.length),
      [0, 0],
    )
  })

  it('end at once when nobody wants them any more, and tell nothing then', async () => {
    const one = follow([relay.endpoint])
    // In the middle of the page.
    await delay(500)
    const beganMs = performance.now()
    await one.stop()
    assert.ok(performance.now() - beganMs < 500, `${performance.now() - beganMs} ms`)
    await delay(2000)
    assert.deepEqual(one.batches, [])
  })

  it('that wait for their turn end at once, too, and take nobody’s', async () => {
    const listing = counted(createTurns(1))
    const leave = await listing.enter()
    const one = follow([server.endpoint], null, {listing})
    await eventually(() => listing.asked === 2)
    const beganMs = performance.now()
    await one.stop()
    assert.ok(performance.now() - beganMs < 500, `${performance.now() - beganMs} ms`)
    leave()
    assert.ok(await Promise.race([listing.enter(), delay(1000)]), 'no turn is left')
  })
})
