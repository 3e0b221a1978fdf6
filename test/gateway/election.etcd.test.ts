import assert from 'node:assert/strict'
import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {setTimeout as delay} from 'node:timers/promises'
import type {Etcd3} from 'etcd3'
import type {Leadership} from '../../src/gateway/election.ts'
import type {PublishReport} from '../../src/gateway/publish.ts'
import {type Publishing, type PublishingOptions, startPublishing} from '../../src/gateway/publishing.ts'
import {type DatastoreName, type GatewayName, JournalMap} from '../../src/model/index.ts'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {eventually} from '../support/namespace.ts'
import {EXPORT, site} from '../support/sites.ts'
import {watchClock} from '../support/watch-clock.ts'

const LEADER = '/isthmus/v1/leader'
const ALIVE = '/isthmus/v1/alive/'
const WITHIN_MS = 15_000
const PUBLISHER = new URL('../support/publisher-process.ts', import.meta.url).pathname
const MEMBERS = 500
const MAIN = 'main' as DatastoreName

interface Twin {
  readonly name: string
  readonly publishing: Publishing
  readonly reports: PublishReport[]
  readonly members: JournalMap
  /** What it wants of the site's records, and of its own. */
  readonly state: {wanted: Map<string, string>}
  stop(): Promise<void>
}

describe('the election, on a real etcd', () => {
  let etcd: EtcdServer
  let client: Etcd3
  let twins: Twin[] = []

  before(async () => {
    etcd = await startEtcd()
    client = plainClient(etcd.endpoint)
  })
  after(async () => {
    client?.close()
    await etcd?.stop()
  })
  beforeEach(() => client.delete().all())
  afterEach(async () => {
    await Promise.all(twins.map((twin) => twin.stop()))
    twins = []
  })

  function start(name: string, more: Partial<PublishingOptions> = {}): Twin {
    const stop = new AbortController()
    const members = new JournalMap()
    for (let i = 0; i < MEMBERS; i++) members.set(`${EXPORT}endpoints/main/10.1.${i >> 8}.${i & 255}/x`, '{}')
    members.set(`${EXPORT}attributes/x`, '{}')
    const reports: PublishReport[] = []
    const state = {
      wanted: new Map([
        [`${EXPORT}meta`, 'm'],
        [`${EXPORT}gateways/${name}`, name],
      ]),
    }
    const publishing = startPublishing({
      site: site('a'),
      gateway: name as GatewayName,
      naming: {datastores: ['main'], gateways: ['a1', 'a2']},
      datastore: {name: MAIN, endpoints: [etcd.endpoint], tls: null, user: null},
      removeAfterMs: {datastores: 60_000, gateways: 60_000},
      wanted: () => state.wanted,
      kept: [members],
      clock: watchClock,
      signal: stop.signal,
      backoffMs: {first: 50, last: 200},
      idleMs: 200,
      ttlSeconds: 2,
      onReport: (report) => reports.push(report),
      ...more,
    })
    const twin: Twin = {
      ...{name, publishing, reports, members, state},
      stop: () => {
        stop.abort()
        return publishing.done
      },
    }
    twins.push(twin)
    return twin
  }
  const leads = ({publishing}: Twin): boolean => publishing.leadership().leads
  const keys = async (): Promise<string[]> => client.getAll().prefix(EXPORT).keys()
  const isWhole = async (): Promise<boolean> => (await keys()).length === MEMBERS + 4
  /** Every key of the export with the revision of its last write. */
  const writes = async (): Promise<Map<string, number>> => {
    const {kvs} = await client.getAll().prefix(EXPORT).exec()
    return new Map(kvs.map((kv) => [kv.key.toString(), Number(kv.mod_revision)]))
  }
  /** Two that have published all they have to; the first leads. */
  async function pair(): Promise<[Twin, Twin]> {
    const first = start('a1')
    await eventually(() => leads(first), WITHIN_MS)
    const second = start('a2')
    await eventually(isWhole, WITHIN_MS)
    return [first, second]
  }

  it('one leads; each writes its own record; the keys of both are on leases, and nothing of the export is', async () => {
    const [first, second] = await pair()
    await delay(300)
    assert.deepEqual([leads(first), leads(second)], [true, false])
    for (const twin of [first, second]) assert.equal(twin.publishing.leadership().leader, 'a1')
    const written = (twin: Twin): string[] =>
      twin.reports.flatMap(({steps}) => steps.flatMap(({put}) => [...put.keys()]))
    assert.deepEqual(written(second), [`${EXPORT}gateways/a2`])
    assert.ok(!written(first).includes(`${EXPORT}gateways/a2`))
    const created = Number((await client.get(LEADER).exec()).kvs[0]!.create_revision)
    assert.deepEqual(first.publishing.guards(MAIN), [{key: LEADER, createRevision: created}])
    assert.deepEqual(first.publishing.guards('second' as DatastoreName), [])
    assert.equal(second.publishing.guards(MAIN), null)
    const {kvs} = await client.getAll().prefix('/isthmus/v1/').exec()
    const leased = kvs.filter((kv) => kv.lease !== '0').map((kv) => kv.key.toString())
    assert.deepEqual(leased.sort(), [`${ALIVE}a1`, `${ALIVE}a2`, LEADER])
    assert.deepEqual([...first.publishing.living()].sort(), ['a1', 'a2'])
  }).timeout(60_000)

  it('a clean stop gives it up at once, and whoever takes over writes nothing that is there', async () => {
    const [first, second] = await pair()
    const before = await writes()
    const startMs = performance.now()
    await first.stop()
    await eventually(() => leads(second), WITHIN_MS)
    assert.ok(performance.now() - startMs < 1500, `${performance.now() - startMs} ms`)
    await delay(700)
    assert.deepEqual(await writes(), before)
    // And it goes on, from where the other one was.
    second.members.set(`${EXPORT}endpoints/main/10.1.9.9/x`, '{}')
    second.publishing.trigger()
    await eventually(async () => (await keys()).length === MEMBERS + 5, WITHIN_MS)
    const changed = [...(await writes())].filter(([key, revision]) => before.get(key) !== revision)
    assert.equal(changed.length, 1)
  }).timeout(60_000)

  it('one whose lease ends behind its back leads no longer; one of them leads under a new one', async () => {
    const [first, second] = await pair()
    const {lease, mod_revision: before} = (await client.get(LEADER).exec()).kvs[0]!
    await client.leaseClient.leaseRevoke({ID: lease})
    first.state.wanted.set(`${EXPORT}site`, 's')
    second.state.wanted.set(`${EXPORT}site`, 's')
    for (const twin of [first, second]) twin.publishing.distrust()
    await eventually(async () => {
      const [held] = (await client.get(LEADER).exec()).kvs
      return held && Number(held.mod_revision) > Number(before) && (leads(first) || leads(second))
    }, WITHIN_MS)
    await eventually(async () => (await client.get(`${EXPORT}site`).string()) === 's', WITHIN_MS)
    const failures = [first, second].flatMap(({reports}) => reports.flatMap((report) => report.failures))
    assert.ok(failures.every(({code}) => code === 'denied'))
  }).timeout(60_000)

  it('a leader’s key that somebody deletes or writes over is a lead that is lost', async () => {
    const [first, second] = await pair()
    await client.put(LEADER).value('{"gateway":"somebody"}')
    await eventually(() => !leads(first), WITHIN_MS)
    await delay(500)
    assert.deepEqual([leads(first), leads(second)], [false, false])
    first.state.wanted = second.state.wanted = new Map([[`${EXPORT}meta`, 'n']])
    for (const twin of [first, second]) twin.publishing.trigger()
    await delay(500)
    assert.equal(await client.get(`${EXPORT}meta`).string(), 'm')
    await client.delete().key(LEADER)
    await eventually(() => leads(first) || leads(second), WITHIN_MS)
    await eventually(async () => (await client.get(`${EXPORT}meta`).string()) === 'n', WITHIN_MS)
  }).timeout(60_000)

  it('goes on with its lease when etcd was killed and started again; nothing is written', async () => {
    const [first, second] = await pair()
    const [before, held] = [await writes(), (await client.get(LEADER).exec()).kvs[0]!.mod_revision]
    await etcd.kill()
    await etcd.start()
    await eventually(async () => (await keys()).length > 0, WITHIN_MS)
    await eventually(() => leads(first), WITHIN_MS)
    await delay(2500)
    assert.deepEqual([leads(first), leads(second)], [true, false])
    assert.equal((await client.get(LEADER).exec()).kvs[0]!.mod_revision, held)
    assert.deepEqual(await writes(), before)
  }).timeout(60_000)

  it('with another, empty etcd in its place it begins anew', async () => {
    const [first] = await pair()
    await etcd.kill()
    await etcd.start(true)
    await eventually(() => isWhole().catch(() => false), WITHIN_MS)
    assert.equal(twins.filter(leads).length, 1)
    assert.ok((await client.get(LEADER).string())?.includes(leads(first) ? 'a1' : 'a2'))
  }).timeout(60_000)

  it('a second process of the same name takes its place once, and the first one says so and writes nothing', async () => {
    const states: Leadership[] = []
    const first = start('a1', {onLeadership: (state) => states.push(state)})
    await eventually(() => leads(first), WITHIN_MS)
    const second = start('a1')
    await eventually(() => leads(second), WITHIN_MS)
    await eventually(() => first.publishing.leadership().nameTaken, WITHIN_MS)
    await delay(1500)
    assert.deepEqual([leads(first), leads(second)], [false, true])
    assert.deepEqual(
      first.publishing.findings().map(({code}) => code),
      ['gateway-name-taken'],
    )
    await second.stop()
    await eventually(() => leads(first), WITHIN_MS)
    assert.deepEqual(first.publishing.findings(), [])
  }).timeout(60_000)

  describe('of a datastore and a gateway that it does not name', () => {
    const ofSecond = [`${EXPORT}endpoints/second/10.1.8.1/y`, `${EXPORT}attributes/y`, `${EXPORT}local/second/tiers/t`]
    const removeAfterMs = {datastores: 400, gateways: 400}

    it('the leader removes the records after their time, members before sets; a named twin’s stays', async () => {
      for (const key of [...ofSecond, `${EXPORT}gateways/a2`, `${EXPORT}gateways/a9`]) await client.put(key).value('{}')
      const deleted: string[] = []
      const watcher = await client.watch().prefix(EXPORT).create()
      watcher.on('delete', ({key}) => deleted.push(key.toString().slice(EXPORT.length)))
      const first = start('a1', {removeAfterMs})
      await eventually(() => leads(first), WITHIN_MS)
      await eventually(async () => (await keys()).includes(`${EXPORT}meta`), WITHIN_MS)
      assert.deepEqual(
        first.publishing.findings().map(({code}) => code),
        ['export-not-named', 'export-not-named'],
      )
      await eventually(isWhole, WITHIN_MS)
      await eventually(() => deleted.length === 4, WITHIN_MS)
      await watcher.cancel()
      assert.equal(deleted.at(-1), 'attributes/y')
      assert.ok(!deleted.includes('gateways/a2'))
      await eventually(() => first.publishing.findings().length === 0, WITHIN_MS)
    }).timeout(60_000)

    it('leaves them while a living twin names them; two that differ write nothing against each other', async () => {
      const both = {datastores: ['main', 'second'], gateways: ['a1', 'a2']}
      const second = start('a2', {removeAfterMs, naming: both})
      for (const key of ofSecond) second.members.set(key, '{}')
      await eventually(async () => leads(second) && (await keys()).includes(ofSecond[2]!), WITHIN_MS)
      // The other one has another configuration, and comes to lead: while the first is changed, say.
      const first = start('a1', {removeAfterMs})
      const ofBoth = both.gateways.map((gateway) => `${EXPORT}gateways/${gateway}`)
      await eventually(async () => {
        const there = await keys()
        return ofBoth.every((key) => there.includes(key))
      }, WITHIN_MS)
      const before = await writes()
      await client.delete().key(LEADER)
      await second.stop()
      await eventually(() => leads(first), WITHIN_MS)
      const again = start('a2', {removeAfterMs, naming: both})
      for (const key of ofSecond) again.members.set(key, '{}')
      await eventually(() => first.publishing.living().has('a2'), WITHIN_MS)
      await delay(1500)
      assert.deepEqual([leads(first), leads(again)], [true, false])
      assert.deepEqual(await writes(), before)
      assert.match(first.publishing.findings()[0]?.detail ?? '', /records of datastore second, .*: a2 still names it/)
      await again.stop()
      await eventually(async () => !(await keys()).some((key) => ofSecond.includes(key)), WITHIN_MS)
    }).timeout(60_000)
  })

  // 2 s are the shortest that etcd grants; `npm run test:long` does it with the 5 s of a gateway.
  const LEASE_S = Number(process.env.LEASE_S ?? 2)

  describe(`with a lease of ${LEASE_S} s, in processes of their own`, () => {
    const [atLeastMs, atMostMs] = [LEASE_S * 500, LEASE_S * 1000 + 2500]
    const processes: ChildProcess[] = []
    const launch = (name: string, suffix: string): ChildProcess => {
      const child = spawn(process.execPath, [PUBLISHER, etcd.endpoint, name, suffix, String(LEASE_S)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      processes.push(child)
      return child
    }
    afterEach(() => {
      for (const child of processes.splice(0)) child.kill('SIGKILL')
    })
    const leader = async (): Promise<string | null> => client.get(LEADER).string()
    const writer = async (): Promise<string | undefined> =>
      (await client.get(`${EXPORT}endpoints/main/10.1.0.1/x`).string())?.at(-1)

    it('killed, another one takes over when its lease has ended; frozen instead and thawed, it writes nothing', async () => {
      const first = launch('a1', '1')
      await eventually(async () => (await writer()) === '1', WITHIN_MS)
      const second = launch('a2', '2')
      await eventually(async () => (await keys()).length === 3, WITHIN_MS)
      first.kill('SIGSTOP')
      const frozenMs = performance.now()
      await eventually(async () => (await writer()) === '2', WITHIN_MS)
      const takenMs = performance.now() - frozenMs
      // The lease may have been confirmed the moment before; etcd looks for ended ones twice a second.
      assert.ok(takenMs > atLeastMs && takenMs < atMostMs, `${takenMs} ms`)
      const before = await client.get(`${EXPORT}gateways/a1`).string()
      const revision = await client.watch().key(`${EXPORT}endpoints/main/10.1.0.1/x`).create()
      const seen = new Set<string | undefined>()
      revision.on('put', ({value}) => seen.add(value.toString().at(-1)))
      first.kill('SIGCONT')
      // It comes back: its own record under a lease of its own, and nothing else.
      await eventually(async () => (await client.get(`${EXPORT}gateways/a1`).string()) !== before, WITHIN_MS)
      await delay(500)
      assert.deepEqual([...seen], ['2'])
      await revision.cancel()
      second.kill('SIGKILL')
      const killedMs = performance.now()
      await eventually(async () => (await writer()) === '1', WITHIN_MS)
      assert.ok(performance.now() - killedMs < atMostMs, `${performance.now() - killedMs} ms`)
      assert.equal(await leader(), '{"gateway":"a1"}')
      const ended = once(first, 'exit')
      first.kill('SIGTERM')
      assert.deepEqual(await ended, [0, null])
      assert.equal(await leader(), null)
    }).timeout(90_000)
  })
})
