import assert from 'node:assert/strict'
import type {Etcd3} from 'etcd3'
import fc from 'fast-check'
import {createEtcdDriver, createPace, EXPORT_PREFIX, type KeyValues} from '../../../src/apply/index.ts'
import {type EtcdKeyValues, openKeyValues, openLeases} from '../../../src/etcd/index.ts'
import {type EtcdStep, stepKey} from '../../../src/model/index.ts'
import {type EtcdServer, plainClient, startEtcd} from '../../support/etcd-server.ts'

const signal = new AbortController().signal
/** What is in the datastore, by a list of it. */
async function listed(store: EtcdKeyValues): Promise<Map<string, string>> {
  const {records} = await store.list([EXPORT_PREFIX])
  return new Map(records.map(({key, value}) => [key, new TextDecoder().decode(value)]))
}

const step = (put: Record<string, string>, deleted: string[] = []): EtcdStep => ({
  key: stepKey('export'),
  needs: [],
  reason: 'test',
  driver: 'etcd',
  put: new Map(Object.entries(put).map(([key, value]) => [EXPORT_PREFIX + key, value])),
  delete: deleted.map((key) => EXPORT_PREFIX + key),
  holds: [],
})

describe('the etcd driver, on a real etcd', () => {
  let server: EtcdServer
  let client: Etcd3
  let store: EtcdKeyValues
  before(async () => {
    server = await startEtcd()
    client = plainClient(server.endpoint)
    store = openKeyValues({endpoints: ['http://127.0.0.1:1', server.endpoint], tls: null, user: null})
  })
  after(async () => {
    store.close()
    client.close()
    await server.stop()
  })
  beforeEach(() => client.delete().all())

  it('applied twice is applied once; deleting what is missing succeeds; foreign keys stay', async () => {
    await client.put('/calico/x').value('theirs')
    const driver = createEtcdDriver(store)
    const wanted = step({'attributes/1': 'a', meta: 'm'}, ['endpoints/gone'])
    for (const _ of [1, 2]) assert.deepEqual(await driver.apply([wanted], signal), [{ok: true, step: wanted.key}])
    assert.deepEqual(
      [...(await listed(store))],
      [
        [`${EXPORT_PREFIX}attributes/1`, 'a'],
        [`${EXPORT_PREFIX}meta`, 'm'],
      ],
    )
    await driver.apply([step({}, ['meta'])], signal)
    assert.equal((await listed(store)).size, 1)
    assert.equal(await client.get('/calico/x').string(), 'theirs')
  })

  it('writes more keys than one transaction takes', async () => {
    const driver = createEtcdDriver(store)
    const many = Object.fromEntries(Array.from({length: 350}, (_, i) => [`endpoints/main/10.1.0.${i}`, `${i}`]))
    assert.ok((await driver.apply([step(many)], signal))[0]?.ok)
    assert.equal((await listed(store)).size, 350)
    assert.ok((await driver.apply([step({}, Object.keys(many))], signal))[0]?.ok)
    assert.equal((await listed(store)).size, 0)
  })

  it('a key outside the export is refused, and nothing is written', async () => {
    const driver = createEtcdDriver(store)
    const bad: EtcdStep = {...step({meta: 'm'}), delete: ['/calico/x']}
    const [outcome] = await driver.apply([bad], signal)
    assert.equal(outcome?.ok, false)
    assert.equal((await listed(store)).size, 0)
  })

  it('what is held no longer ends a step between two transactions, and the next one before it begins', async () => {
    const leases = openLeases({endpoints: [server.endpoint], tls: null, user: null})
    const lease = await leases.grant(60)
    const claimed = await leases.claim({key: '/isthmus/v1/leader', text: 'a1', lease, holds: []})
    assert.ok(claimed.taken)
    let writes = 0
    const revoking: KeyValues = {
      write: async (...transaction) => {
        if (++writes === 3) await leases.revoke(lease)
        return await store.write(...transaction)
      },
    }
    const driver = createEtcdDriver(revoking, {width: 1})
    const many = Object.fromEntries(Array.from({length: 500}, (_, i) => [`endpoints/main/10.1.0.${i}`, `${i}`]))
    const guarded = {...step(many), holds: [claimed.hold]}
    for (const _ of [1, 2]) {
      const [outcome] = await driver.apply([guarded], signal)
      assert.ok(outcome && !outcome.ok)
      assert.deepEqual([outcome.code, outcome.cause], ['denied', '/isthmus/v1/leader: no longer held'])
      assert.equal((await listed(store)).size, 200)
    }
    // Taken again it is another one: what was begun under the first is not finished under it.
    const next = await leases.grant(60)
    const again = await leases.claim({key: '/isthmus/v1/leader', text: 'a1', lease: next, holds: []})
    assert.ok(again.taken)
    assert.deepEqual(
      (await driver.apply([guarded], signal)).map(({ok}) => ok),
      [false],
    )
    assert.deepEqual(
      (await driver.apply([{...guarded, holds: [again.hold]}], signal)).map(({ok}) => ok),
      [true],
    )
    leases.close()
  })

  it('fails as unreachable while the server is gone, and converges when it is back', async () => {
    const driver = createEtcdDriver(store)
    await server.kill()
    const [outcome] = await driver.apply([step({meta: 'm'})], signal)
    assert.ok(outcome && !outcome.ok)
    assert.equal(outcome.code, 'unreachable')
    await server.start()
    assert.ok((await driver.apply([step({meta: 'm'})], signal))[0]?.ok)
    assert.equal((await listed(store)).get(`${EXPORT_PREFIX}meta`), 'm')
  })
})

describe('the etcd driver’s order', () => {
  it('puts sets before members and meta last; deletes members before sets', async () => {
    const log: string[] = []
    const recorder: KeyValues = {
      write: async (put, deleted) => {
        log.push(
          ...put.map(([key]) => `+${key.slice(EXPORT_PREFIX.length)}`),
          ...deleted.map((key) => `-${key.slice(EXPORT_PREFIX.length)}`),
        )
        return 1
      },
    }
    const names = ['meta', 'endpoints/main/10.1.0.1/x', 'attributes/x', 'site']
    const put = Object.fromEntries(names.map((name) => [name, '']))
    await createEtcdDriver(recorder).apply([step(put), step({}, ['attributes/y', 'endpoints/main/10.1.0.2/y'])], signal)
    assert.deepEqual(log, [
      '+attributes/x',
      '+endpoints/main/10.1.0.1/x',
      '+site',
      '+meta',
      '-endpoints/main/10.1.0.2/y',
      '-attributes/y',
    ])
  })

  it('puts as many operations into one transaction as it takes, puts and deletions together', async () => {
    const sizes: [number, number][] = []
    const counter: KeyValues = {
      write: async (put, deleted) => {
        sizes.push([put.length, deleted.length])
        return sizes.length
      },
    }
    const many = (count: number, name: string): string[] =>
      Array.from({length: count}, (_, i) => `endpoints/main/10.1.0.${i}/${name}`)
    const driver = createEtcdDriver(counter)
    await driver.apply([step(Object.fromEntries(many(150, 'x').map((key) => [key, ''])), many(130, 'y'))], signal)
    assert.deepEqual(sizes, [
      [100, 0],
      [50, 50],
      [0, 80],
    ])
  })

  describe('with several transactions under way', () => {
    const NAMES = ['attributes', 'endpoints/main/10.1.0.1', 'resources/tiers', 'local/main/tiers', 'gateways'] as const
    const names = fc.uniqueArray(
      fc.tuple(fc.constantFrom(...NAMES), fc.nat(99)).map(([kind, id]) => `${kind}/${id}`),
      {maxLength: 60},
    )

    /** Answers in any order, some with an error, some with the news that the key is lost. */
    class Store implements KeyValues {
      readonly log: {readonly key: string; readonly isPut: boolean}[] = []
      readonly waiting: (() => void)[] = []
      readonly #fails: readonly ('error' | 'lost' | null)[]
      #count = 0

      constructor(fails: readonly ('error' | 'lost' | null)[]) {
        this.#fails = fails
      }

      write(put: readonly (readonly [string, string])[], deleted: readonly string[]): Promise<number | null> {
        const fails = this.#fails[this.#count++] ?? null
        return new Promise((resolve, reject) => {
          this.waiting.push(() => {
            if (fails === 'error') return reject(new Error('told to'))
            if (fails === 'lost') return resolve(null)
            this.log.push(...put.map(([key]) => ({key, isPut: true})), ...deleted.map((key) => ({key, isPut: false})))
            resolve(this.log.length)
          })
        })
      }
    }

    it('are so of one phase', async () => {
      const store = new Store([])
      const sets = Array.from({length: 30}, (_, i) => [`attributes/${i}-${'x'.repeat(200_000)}`, ''])
      let isDone = false
      const applying = createEtcdDriver(store).apply([step(Object.fromEntries(sets), [])], signal)
      const finished = applying.finally(() => {
        isDone = true
      })
      await new Promise((resolve) => setImmediate(resolve))
      assert.ok(store.waiting.length > 1)
      while (!isDone) {
        store.waiting.shift()?.()
        await new Promise((resolve) => setImmediate(resolve))
      }
      assert.equal((await finished)[0]?.ok, true)
    })

    it('never is a member without its set, nor meta before what it speaks of, whichever fails', async () => {
      await fc.assert(
        fc.asyncProperty(
          names,
          names,
          fc.array(fc.constantFrom(null, null, null, 'error' as const, 'lost' as const), {maxLength: 8}),
          fc.infiniteStream(fc.nat(3)),
          async (puts, gone, fails, order) => {
            const store = new Store(fails)
            // Long keys: a transaction takes few of them, and a step many.
            const long = (name: string): string => `${name}-${'x'.repeat(200_000)}`
            const driver = createEtcdDriver(store)
            const put = Object.fromEntries([...puts.map(long), 'meta'].map((name) => [name, '']))
            let isDone = false
            const applying = driver.apply([step(put, gone.filter((name) => !puts.includes(name)).map(long))], signal)
            const finished = applying.finally(() => {
              isDone = true
            })
            while (!isDone) {
              const [next] = store.waiting.splice(order.next().value % Math.max(1, store.waiting.length), 1)
              next?.()
              await new Promise((resolve) => setImmediate(resolve))
            }
            const [outcome] = await finished
            const used = store.log.map<number>(({key, isPut}) => {
              const kind = key.slice(EXPORT_PREFIX.length).split('/')[0]
              if (isPut) return kind === 'attributes' ? 0 : kind === 'meta' ? 2 : 1
              return kind === 'attributes' ? 4 : 3
            })
            assert.deepEqual(
              used,
              used.toSorted((a, b) => a - b),
              'phase after phase',
            )
            // A later phase only after all of the earlier ones.
            const due = [0, 1, 2, 3, 4].map((phase) =>
              countDue(
                phase,
                Object.keys(put),
                gone.filter((name) => !puts.includes(name)),
              ),
            )
            for (const phase of [1, 2, 3, 4]) {
              if (!used.includes(phase)) continue
              for (let earlier = 0; earlier < phase; earlier++) {
                assert.equal(
                  used.filter((one) => one === earlier).length,
                  due[earlier],
                  `all of ${earlier} before ${phase}`,
                )
              }
            }
            assert.equal(outcome?.ok, used.length === due.reduce((sum, count) => sum + count, 0))
          },
        ),
        {numRuns: 60},
      )
    })

    it('four of them, where nothing keeps them apart', async () => {
      const store = new Store([])
      const driver = createEtcdDriver(store)
      const many = Object.fromEntries(Array.from({length: 900}, (_, i) => [`endpoints/main/10.1.0.${i}/x`, '']))
      const applying = driver.apply([step(many)], signal)
      for (let done = 0; done < 9; done++) {
        await new Promise((resolve) => setImmediate(resolve))
        assert.equal(store.waiting.length, Math.min(4, 9 - done))
        store.waiting.shift()!()
      }
      assert.deepEqual(
        (await applying).map(({ok}) => ok),
        [true],
      )
    })

    function countDue(phase: number, put: readonly string[], gone: readonly string[]): number {
      const isSet = (name: string): boolean => name.startsWith('attributes/')
      if (phase === 0) return put.filter(isSet).length
      if (phase === 1) return put.filter((name) => !isSet(name) && name !== 'meta').length
      if (phase === 2) return 1
      return gone.filter((name) => isSet(name) === (phase === 4)).length
    }
  })

  it('begins no more transactions a second than it may, and after a rest some at once', async () => {
    let nowMs = 0
    const starts: number[] = []
    const clock = {
      nowMs: () => nowMs,
      sleep: async (ms: number) => {
        nowMs += ms
      },
    }
    const pace = createPace({perSecond: 10, burst: 5}, clock)
    const driver = createEtcdDriver({write: async () => starts.push(nowMs)}, {pace})
    const many = (count: number) =>
      step(Object.fromEntries(Array.from({length: count * 100}, (_, i) => [`endpoints/main/10.1.0.${i}/x`, ''])))
    await driver.apply([many(8)], signal)
    assert.deepEqual(starts, [0, 0, 0, 0, 0, 100, 200, 300])
    nowMs = 10_000
    await driver.apply([many(6)], signal)
    assert.deepEqual(starts.slice(8), [10_000, 10_000, 10_000, 10_000, 10_000, 10_100])
  })

  it('stops between two transactions when it is told to', async () => {
    const stop = new AbortController()
    let writes = 0
    const driver = createEtcdDriver(
      {
        write: async () => {
          if (++writes === 2) stop.abort()
          return writes
        },
      },
      {width: 1},
    )
    const many = step(Object.fromEntries(Array.from({length: 500}, (_, i) => [`endpoints/main/10.1.0.${i}/x`, ''])))
    await assert.rejects(driver.apply([many], stop.signal), {name: 'AbortError'})
    assert.equal(writes, 2)
  })

  it('reads nothing that has not been listed', async () => {
    const driver = createEtcdDriver({write: async () => 1})
    await assert.rejects(driver.read(signal), /not been listed/)
    driver.held.take({type: 'list', revision: 1, upserts: [], deletes: []})
    assert.deepEqual([...(await driver.read(signal))], [])
  })
})
