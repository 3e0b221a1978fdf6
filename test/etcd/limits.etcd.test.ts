import assert from 'node:assert/strict'
import {setTimeout as delay} from 'node:timers/promises'
import type {Etcd3} from 'etcd3'
import type {WatchClock} from '../../src/etcd/index.ts'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {deleteEndpoint, followExport, putEndpoint, putExport} from '../support/followed-export.ts'
import {EXPORT} from '../support/sites.ts'
import {watchClock} from '../support/watch-clock.ts'

const MIB = 2 ** 20
const LIMITS = {
  keys: 8,
  bytes: 1024 * MIB,
  below: [{what: 'attribute sets', prefix: `${EXPORT}attributes/`, keys: 2}],
}
/** The time of waiting until what was too much is counted again is not waited here. */
const clock: WatchClock = {...watchClock, sleep: (ms, signal) => watchClock.sleep(ms >= 10_000 ? 200 : ms, signal)}
const three = ['10.2.0.5', '10.2.0.6', '10.2.0.7']

/** What a hostile site may cost: nothing beyond its limits is taken, and what it said before stays. */
describe('a source with limits', () => {
  let server: EtcdServer
  let client: Etcd3
  let followed: ReturnType<typeof followExport> | null = null

  beforeEach(async () => {
    server = await startEtcd(null, ['--max-request-bytes', String(30 * MIB)])
    client = plainClient(server.endpoint)
    await putExport(client, three)
  })
  afterEach(async () => {
    await followed?.stop()
    followed = null
    client?.close()
    await server?.stop()
  })
  const follow = (limits = LIMITS) => {
    followed = followExport([server.endpoint], null, {limits, clock})
    return followed
  }
  const putAttributes = (id: string) => client.put(`${EXPORT}attributes/${id}`).value('{"kind":"pod","labels":{}}')

  it('is not read at all while it holds too many keys, and is when it no longer does', async () => {
    for (let i = 20; i < 30; i++) await putEndpoint(client, `10.2.0.${i}`)
    const {until, batches, has} = follow()
    await until(({excess}) => excess === '16 keys where 8 may be', 'the refusal')
    assert.deepEqual(batches, [])
    for (let i = 20; i < 30; i++) await deleteEndpoint(client, `10.2.0.${i}`)
    await until(({excess, connected}) => excess === null && connected, 'that it is read')
    assert.ok(has('10.2.0.5'))
  })

  it('is no silent one: each time that it is counted it has answered', async () => {
    for (let i = 20; i < 30; i++) await putEndpoint(client, `10.2.0.${i}`)
    const {until, state} = follow()
    await until(({excess}) => excess !== null, 'the refusal')
    const {lastHeardMs} = state()
    assert.ok(lastHeardMs !== null)
    await until((now) => now.lastHeardMs! > lastHeardMs, 'another answer')
    await server.kill()
    await until(({lastError}) => !/ may be$/.test(lastError ?? ''), 'that it is away')
    const {lastHeardMs: last} = state()
    await delay(1000)
    assert.deepEqual([state().lastHeardMs, state().excess], [last, '16 keys where 8 may be'])
  })

  it('that grows beyond them keeps what it said before; back within them only the difference is told', async () => {
    const {until, state, has, removed, changed, forget} = follow()
    await until(({connected}) => connected && has('10.2.0.7'), 'the first list')
    forget()
    await putEndpoint(client, '10.2.1.1')
    await putEndpoint(client, '10.2.1.2')
    await until(() => has('10.2.1.2'), 'what fits')
    await putEndpoint(client, '10.2.1.3')
    await putEndpoint(client, '10.2.1.4')
    // Counted where it is listed again: by then one or both of them.
    await until(({excess}) => excess !== null, 'the refusal')
    assert.match(state().excess!, /^(9|10) keys where 8 may be$/)
    assert.deepEqual(changed.toSorted(), ['10.2.1.1/32', '10.2.1.2/32'])
    forget()
    await deleteEndpoint(client, '10.2.1.1')
    await deleteEndpoint(client, '10.2.1.3')
    await until(({excess, connected}) => excess === null && connected, 'that it is read again')
    assert.deepEqual([changed.toSorted(), removed], [['10.2.1.1/32', '10.2.1.4/32'], ['10.2.1.1/32']])
    assert.equal(state().resyncs.limits, 1)
  })

  it('with too many attribute sets is refused, at first and later', async () => {
    const {until, has} = follow()
    await until(({connected}) => connected && has('10.2.0.7'), 'the first list')
    await putAttributes('x2')
    await putAttributes('x3')
    await until(({excess}) => excess === '3 attribute sets where 2 may be', 'the refusal')
    assert.ok(has('10.2.0.5'))
  })

  it('with too many bytes is refused', async () => {
    await client.put(`${EXPORT}gateways/b1`).value('x'.repeat(2 * MIB))
    const {until} = follow({...LIMITS, bytes: MIB})
    await until(({excess}) => excess !== null, 'the refusal')
    assert.match(followed!.state().excess!, /^2097\d+ bytes where 1048576 may be$/)
  })

  it('with values that do not fit in a message is read, but for them', async () => {
    // Three of 6 MiB are no page, one of 20 is no message.
    for (let i = 0; i < 3; i++) await client.put(`${EXPORT}gateways/b${i}`).value('x'.repeat(6 * MIB))
    const {until, has, batches, forget} = follow({...LIMITS, keys: 20})
    await until(({connected}) => connected && has('10.2.0.7'), 'the first list')
    forget()
    const watched = putEndpoint(client, '10.2.0.9')
    await client.put(`${EXPORT}gateways/b9`).value('x'.repeat(20 * MIB))
    await watched
    await until(({resyncs}) => resyncs.limits === 1, 'that it is listed in pages')
    const read = batches.at(-1)!.upserts.find(({key}) => key.endsWith('/b9'))
    assert.equal(Buffer.from(read!.value).toString(), 'a value that is too large to be read')
    await putEndpoint(client, '10.2.0.10')
    await until(() => has('10.2.0.10'), 'that the watch goes on')
  })
})
