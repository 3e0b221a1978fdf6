import assert from 'node:assert/strict'
import type {Etcd3} from 'etcd3'
import {createEtcdDriver, EXPORT_PREFIX, type KeyValues} from '../../../src/apply/index.ts'
import {type EtcdKeyValues, openKeyValues} from '../../../src/etcd/index.ts'
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
    store = openKeyValues({endpoints: ['http://127.0.0.1:1', server.endpoint], tls: null})
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

  it('reads nothing that has not been listed', async () => {
    const driver = createEtcdDriver({write: async () => 1})
    await assert.rejects(driver.read(signal), /not been listed/)
    driver.held.take({type: 'list', revision: 1, upserts: [], deletes: []})
    assert.deepEqual([...(await driver.read(signal))], [])
  })
})
