import assert from 'node:assert/strict'
import {setTimeout as delay} from 'node:timers/promises'
import type {Etcd3} from 'etcd3'
import {MemberRecords} from '../../src/export/index.ts'
import {Federation} from '../../src/federate/index.ts'
import {type Publishing, publishingOf, startPublishing} from '../../src/gateway/publishing.ts'
import {JournalMap} from '../../src/model/index.ts'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {eventually} from '../support/namespace.ts'
import {rawRecord} from '../support/records.ts'
import {configOf, EXPORT, listOf, membersAt, podRecord, profileRecord, remote, site} from '../support/sites.ts'
import {watchClock} from '../support/watch-clock.ts'

const WITHIN_MS = 10_000
const MANY = 3000

describe('publishing, on a real etcd', () => {
  let etcd: EtcdServer
  let client: Etcd3
  let members: JournalMap
  let wanted: ReadonlyMap<string, string> | null
  let stop: AbortController
  let publishing: Publishing
  let failures: string[]

  const start = (): void => {
    stop = new AbortController()
    publishing = startPublishing({
      ...publishingOf(configOf({datastores: [{...configOf().datastores[0]!, endpoints: [etcd.endpoint]}]})),
      wanted: () => wanted,
      kept: [members],
      clock: watchClock,
      signal: stop.signal,
      backoffMs: {first: 50, last: 200},
      idleMs: 60_000,
      onReport: (report) => failures.push(...report.failures.map(({code}) => code)),
    })
  }
  const end = async (): Promise<void> => {
    stop.abort()
    await publishing.done
  }

  before(async () => {
    etcd = await startEtcd()
    client = plainClient(etcd.endpoint)
  })
  after(async () => {
    client?.close()
    await etcd?.stop()
  })
  beforeEach(async () => {
    await client.delete().all()
    await client.put('/calico/x').value('theirs')
    members = new JournalMap()
    wanted = new Map([[`${EXPORT}meta`, 'm']])
    failures = []
    start()
  })
  afterEach(end)

  const held = async (): Promise<Record<string, string>> => client.getAll().prefix(EXPORT).strings()
  const isPublished = async (): Promise<boolean> => {
    const [there, due] = [
      await held().catch(() => ({})),
      {...Object.fromEntries(wanted ?? []), ...Object.fromEntries(members.texts)},
    ]
    return JSON.stringify(Object.entries(there).sort()) === JSON.stringify(Object.entries(due).sort())
  }
  /** What a reader knows of the endpoints, by their address. */
  const labelsRead = async (): Promise<Record<string, Readonly<Record<string, string>> | undefined>> => {
    const records = Object.entries(await held()).map(([key, text]) => rawRecord(key, text))
    const reader = new Federation(configOf({site: site('z'), owns: [], sites: new Map([remote('a', '10.1.0.0/16')])}))
    reader.update(listOf('export/a', records))
    const at = (ip: string) => membersAt(reader.world(), `${ip}/32`)[0]?.set.labels
    return {'10.1.0.5': at('10.1.0.5'), '10.1.0.6': at('10.1.0.6')}
  }
  /** Of the last write to the export; how many revisions there were since is how many transactions. */
  const revision = async (): Promise<number> => {
    const {kvs} = await client.getAll().prefix(EXPORT).exec()
    return Math.max(...kvs.map((kv) => Number(kv.mod_revision)))
  }
  const addMany = (name: string): void => {
    for (let i = 0; i < MANY; i++) members.set(`${EXPORT}endpoints/main/10.1.${i >> 8}.${i & 255}/${name}`, '{}')
    publishing.trigger()
  }

  it('writes a burst in few transactions, and once', async () => {
    await eventually(isPublished, WITHIN_MS)
    const before = await revision()
    addMany('x')
    await eventually(isPublished, WITHIN_MS)
    await delay(600)
    assert.equal((await revision()) - before, MANY / 100)
    assert.equal(await client.get('/calico/x').string(), 'theirs')
  }).timeout(30_000)

  it('10,000 pods that change one by one are some hundred transactions', async () => {
    await eventually(isPublished, WITHIN_MS)
    const before = await revision()
    for (let i = 0; i < 10_000; i++) {
      members.set(`${EXPORT}endpoints/main/10.1.${i >> 8}.${i & 255}/x`, '{}')
      publishing.trigger()
      if (i % 20 === 0) await delay(1)
    }
    await eventually(isPublished, 3 * WITHIN_MS)
    const transactions = (await revision()) - before
    assert.ok(transactions >= 100 && transactions < 400, `${transactions} transactions`)
  }).timeout(60_000)

  it('what somebody deletes, changes or adds by hand is mended within 2 s, without a trigger', async () => {
    addMany('x')
    await eventually(isPublished, WITHIN_MS)
    const [first, second] = [...members.texts.keys()]
    await client.delete().key(first!)
    await eventually(isPublished, 2000)
    await client.put(second!).value('another')
    await client.put(`${EXPORT}attributes/foreign`).value('{}')
    await eventually(isPublished, 2000)
    await client.delete().prefix(EXPORT)
    await eventually(isPublished, WITHIN_MS)
  }).timeout(30_000)

  it('an etcd killed between two transactions gets the rest when it is back', async () => {
    await eventually(isPublished, WITHIN_MS)
    addMany('x')
    await eventually(async () => Object.keys(await held()).length > 1, WITHIN_MS)
    await etcd.kill()
    members.delete([...members.texts.keys()][0]!)
    publishing.trigger()
    await delay(100)
    await etcd.start()
    await eventually(isPublished, WITHIN_MS)
    assert.ok(failures.every((code) => code === 'unreachable'))
  }).timeout(60_000)

  it('another writer at the same time does not keep it from what is wanted', async () => {
    let isOn = true
    const other = (async () => {
      for (let i = 0; isOn; i++) await client.put(`${EXPORT}endpoints/main/10.1.0.${i % 256}/x`).value(`other ${i}`)
    })()
    addMany('x')
    await delay(1000)
    isOn = false
    await other
    await eventually(isPublished, WITHIN_MS)
  }).timeout(30_000)

  it('a pod with more labels than etcd takes in a request does not hold up the others', async () => {
    await eventually(isPublished, WITHIN_MS)
    const many = (name: string): object =>
      Object.fromEntries(Array.from({length: 12_000}, (_, i) => [`${name}-${i}`, 'x'.repeat(63)]))
    const federation = new Federation(configOf())
    const profile = profileRecord('kns.shop', many('pcns.of-its-namespace'))
    const large = podRecord('large', '10.1.0.5', {labels: many('of-the-pod'), profiles: ['kns.shop']})
    federation.update(listOf('datastore/main', [profile, large, podRecord('small', '10.1.0.6')]))
    const own = new MemberRecords(configOf().site)
    own.take(federation.takeMemberChanges().others, federation.world().attributes)
    for (const [key, text] of own.records.texts) members.set(key, text)
    publishing.trigger()
    await eventually(isPublished, WITHIN_MS)
    assert.deepEqual(failures, [])
    const {'10.1.0.5': hidden, '10.1.0.6': told} = await labelsRead()
    assert.deepEqual([hidden, told?.['projectcalico.org/namespace']], [undefined, 'shop'])
  }).timeout(30_000)

  it('a reconnect, or a start, with nothing changed writes nothing', async () => {
    addMany('x')
    await eventually(isPublished, WITHIN_MS)
    await delay(600)
    const before = await revision()
    await etcd.kill()
    await etcd.start()
    await eventually(async () => (await revision()) >= before, WITHIN_MS)
    await delay(1500)
    await end()
    start()
    await eventually(() => publishing.leadership().leads, WITHIN_MS)
    await delay(300)
    assert.equal(await revision(), before)
    // And it goes on.
    members.set(`${EXPORT}attributes/last`, '{}')
    publishing.trigger()
    await eventually(isPublished, WITHIN_MS)
  }).timeout(60_000)
})
