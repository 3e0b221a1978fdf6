import assert from 'node:assert/strict'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {Etcd3} from 'etcd3'
import type {WatchClock} from '../../src/etcd/index.ts'
import {Federation} from '../../src/federate/index.ts'
import {createTurnstile} from '../../src/gateway/slices.ts'
import {type Sources, startSources} from '../../src/gateway/sources.ts'
import type {DatastoreName, GatewayConfig, SourceId} from '../../src/model/index.ts'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {eventually} from '../support/namespace.ts'
import {configOf, EXPORT, EXPORTING, ISTHMUS, remote} from '../support/sites.ts'
import {watchClock} from '../support/watch-clock.ts'

const WITHIN_MS = 10_000
/** What takes seconds takes a tenth of them. */
const HASTY: WatchClock = {...watchClock, sleep: (ms, signal) => watchClock.sleep(ms / 10, signal)}
const OWN: SourceId = 'datastore/main'
const REMOTE: SourceId = 'export/b'
const DENY = JSON.stringify({spec: {selector: 'has(app)', types: ['Ingress'], ingress: [{action: 'Deny'}]}})

describe('an etcd that comes up empty in the place of the old one', () => {
  let etcd: EtcdServer
  let client: Etcd3
  let state = ''
  let empty = ''
  let end: () => Promise<void> = async () => {}
  let federation: Federation
  let sources: Sources

  beforeEach(async () => {
    state = mkdtempSync(join(tmpdir(), 'isthmus-emptied-'))
    empty = join(state, 'empty.backup')
    etcd = await startEtcd()
    client = plainClient(etcd.endpoint)
  })
  afterEach(async () => {
    await end()
    client.close()
    await etcd.stop()
    rmSync(state, {recursive: true})
  })
  /** A client of its own for each: the old one's would not ask again for a while. */
  const again = async (start: () => Promise<void>): Promise<void> => {
    client.close()
    await start()
    client = plainClient(etcd.endpoint)
  }
  const loseAll = () => again(() => etcd.start(true))

  /** One life of the daemon, as far as its sources go. */
  const live = async (config: GatewayConfig): Promise<void> => {
    await end()
    federation = new Federation(config)
    const stop = new AbortController()
    sources = await startSources({
      ...{config, federation, clock: HASTY, signal: stop.signal, gate: createTurnstile()},
      onChange: () => {},
      onSaveFailed: (_source, error) => assert.fail(String(error)),
    })
    end = async () => {
      stop.abort()
      await sources.done
      end = async () => {}
    }
  }
  const own = (): GatewayConfig =>
    configOf({
      sites: new Map(),
      paths: {...configOf().paths, state},
      datastores: [
        {
          ...{name: 'main' as DatastoreName, kind: 'isthmus', endpoints: [etcd.endpoint], tls: null, user: null},
          export: EXPORTING,
        },
      ],
    })
  const reading = (): GatewayConfig => {
    const [name, b] = remote('b', '10.2.0.0/16')
    const sites = new Map([[name, {...b, endpoints: [etcd.endpoint]}]])
    return configOf({sites, datastores: [], paths: {...configOf().paths, state}})
  }
  const put = (name: string) => client.put(`${ISTHMUS}globalnetworkpolicies/${name}`).value(DENY)
  const policies = (): string =>
    federation
      .world()
      .policies.policies.map(({meta}) => meta.name)
      .join()
  const members = (): string => [...federation.world().members.keys()].join()
  const emptied = (): unknown[] =>
    sources.findings.flatMap(({code, where, detail}) =>
      code === 'datastore-emptied' ? [[where.source, where.key, /\d+ records?/.exec(detail)?.[0]]] : [],
    )
  const isHeard = (source: SourceId): boolean => sources.states().get(source)?.connected === true
  const isSynced = (source: SourceId): boolean => federation.world().sources.get(source)?.synced === true

  it('keeps what an own datastore held, over a restart too and whatever the gateways write, until there is a record', async () => {
    await put('p')
    await put('q')
    await live(own())
    await eventually(() => isHeard(OWN) && policies() === 'p,q', WITHIN_MS)
    await etcd.kill()
    await loseAll()
    await client.put(`${EXPORT}gateways/gw2`).value('{}')
    await eventually(() => emptied().length > 0, WITHIN_MS)
    const finding = [['datastore main', '/isthmus/v1/resources/', '2 records']]
    assert.deepEqual([policies(), emptied(), isHeard(OWN), isSynced(OWN)], ['p,q', finding, false, true])

    for (let i = 0; i < 20; i++) await client.put(`${EXPORT}meta`).value(String(i))
    await live(own())
    await eventually(() => emptied().length > 0, WITHIN_MS)
    assert.deepEqual([policies(), emptied(), isHeard(OWN)], ['p,q', finding, false])

    await put('r')
    await eventually(() => policies() === 'r', WITHIN_MS)
    assert.deepEqual([emptied(), isHeard(OWN)], [[], true])

    // It is the datastore now: what is deleted in it is gone.
    await client.delete().key(`${ISTHMUS}globalnetworkpolicies/r`)
    await eventually(() => policies() === '', WITHIN_MS)
    assert.deepEqual(emptied(), [])
  }).timeout(40_000)

  it('does so where it has the cluster id of the old one, over a restart too; what is to be forgotten is forgotten', async () => {
    etcd.backUp(empty)
    for (const name of ['p', 'q', 'r']) await put(name)
    await live(own())
    await eventually(() => isHeard(OWN) && policies() === 'p,q,r', WITHIN_MS)
    await again(() => etcd.restore(empty))
    await eventually(() => emptied().length > 0, WITHIN_MS)
    assert.equal(policies(), 'p,q,r')
    for (let i = 0; i < 20; i++) await client.put(`${EXPORT}meta`).value(String(i))
    await live(own())
    await eventually(() => emptied().length > 0, WITHIN_MS)
    assert.equal(policies(), 'p,q,r')

    await sources.forget(OWN)
    await eventually(() => isHeard(OWN), WITHIN_MS)
    assert.deepEqual([policies(), emptied()], ['', []])
  }).timeout(40_000)

  it('is believed where it holds something, and where somebody deleted all', async () => {
    await put('p')
    await live(own())
    await eventually(() => isHeard(OWN) && policies() === 'p', WITHIN_MS)
    await end()
    await etcd.kill()
    await loseAll()
    await put('q')
    await live(own())
    await eventually(() => policies() === 'q', WITHIN_MS)
    await end()
    await client.delete().prefix(ISTHMUS)
    await live(own())
    await eventually(() => isHeard(OWN) && policies() === '', WITHIN_MS)
    assert.deepEqual(emptied(), [])
  }).timeout(40_000)

  it('leaves a remote site what it exported, as one that is not heard, until its export is whole', async () => {
    const publish = async (address: string): Promise<void> => {
      await client.put(`${EXPORT}attributes/x1`).value('{"kind":"pod","labels":{},"namespace":"shop"}')
      await client.put(`${EXPORT}endpoints/main/${address}/x1`).value('{"n":[]}')
    }
    const meta = () => client.put(`${EXPORT}meta`).value('{"schema":1,"site":"b","generation":1}')
    await publish('10.2.0.5')
    await meta()
    await live(reading())
    await eventually(() => isHeard(REMOTE) && members().includes('10.2.0.5/32'), WITHIN_MS)
    await etcd.kill()
    const heardMs = sources.states().get(REMOTE)!.lastHeardMs!
    await loseAll()
    await eventually(() => emptied().length > 0, WITHIN_MS)
    await publish('10.2.0.6')
    await watchClock.sleep(300, new AbortController().signal)
    assert.deepEqual(emptied(), [['export b', EXPORT, '3 records']])
    assert.match(members(), /10\.2\.0\.5\/32/)
    assert.doesNotMatch(members(), /10\.2\.0\.6\/32/)
    assert.deepEqual([isHeard(REMOTE), sources.states().get(REMOTE)!.lastHeardMs], [false, heardMs])
    await meta()
    await eventually(() => members().includes('10.2.0.6/32'), WITHIN_MS)
    assert.doesNotMatch(members(), /10\.2\.0\.5\/32/)
    assert.deepEqual([emptied(), isHeard(REMOTE)], [[], true])
  }).timeout(40_000)
})
