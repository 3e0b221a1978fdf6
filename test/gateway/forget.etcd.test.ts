import assert from 'node:assert/strict'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {Etcd3} from 'etcd3'
import type {WatchClock} from '../../src/etcd/index.ts'
import {Federation} from '../../src/federate/index.ts'
import {forgetUnnamed} from '../../src/gateway/forget-unnamed.ts'
import {createTurnstile} from '../../src/gateway/slices.ts'
import {startSources} from '../../src/gateway/sources.ts'
import {knownSources, loadLastKnown, saveLastKnown} from '../../src/store/index.ts'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {eventually} from '../support/namespace.ts'
import {configOf, EXPORT, remote, site} from '../support/sites.ts'
import {watchClock} from '../support/watch-clock.ts'

const WITHIN_MS = 15_000
/** What is done every two seconds is done twice a second. */
const HASTY: WatchClock = {...watchClock, sleep: (ms, signal) => watchClock.sleep(ms / 4, signal)}

describe('what a site said', () => {
  let etcd: EtcdServer
  let client: Etcd3
  let state = ''

  before(async () => {
    etcd = await startEtcd()
    client = plainClient(etcd.endpoint)
  })
  after(async () => {
    client?.close()
    await etcd?.stop()
  })
  beforeEach(async () => {
    state = mkdtempSync(join(tmpdir(), 'isthmus-forget-'))
    await client.delete().all()
    await client.put(`${EXPORT}attributes/x1`).value('{"kind":"pod","labels":{},"namespace":"shop"}')
    await client.put(`${EXPORT}endpoints/main/10.2.0.5/x1`).value('{"n":[]}')
  })
  afterEach(() => rmSync(state, {recursive: true}))

  const configured = () => {
    const [name, b] = remote('b', '10.2.0.0/16')
    const sites = new Map([[name, {...b, endpoints: [etcd.endpoint]}]])
    return configOf({sites, datastores: [], paths: {...configOf().paths, state}})
  }

  it('is forgotten in memory and on disk when told, and read whole when its etcd answers again', async () => {
    const config = configured()
    const federation = new Federation(config)
    const stop = new AbortController()
    const sources = await startSources({
      ...{config, federation, clock: HASTY, signal: stop.signal, gate: createTurnstile()},
      onChange: () => {},
      onSaveFailed: (_source, error) => assert.fail(String(error)),
    })
    const has = (address: string): boolean => [...federation.world().members.keys()].some((one) => one === address)
    const onDisk = async (): Promise<boolean> => (await knownSources(state)).includes('export/b')
    try {
      await eventually(async () => has('10.2.0.5/32') && (await onDisk()), WITHIN_MS)
      await etcd.kill()
      await sources.forget('export/b')
      assert.deepEqual([has('10.2.0.5/32'), await onDisk()], [false, false])
      await etcd.start()
      // Nothing changed there: a watch that went on where it was would be told of nothing.
      await eventually(async () => has('10.2.0.5/32') && (await onDisk()), WITHIN_MS)
      assert.equal((await loadLastKnown(state, 'export/b')).snapshot?.records.length, 2)
      await client.put(`${EXPORT}endpoints/main/10.2.0.6/x1`).value('{"n":[]}')
      await eventually(() => has('10.2.0.6/32'), WITHIN_MS)
    } finally {
      stop.abort()
      await sources.done
    }
    assert.equal((await loadLastKnown(state, 'export/b')).snapshot?.records.length, 3)
  }).timeout(40_000)

  it('is forgotten at a start that does not name it, and no other', async () => {
    const snapshot = {...({source: 'export', datastore: null, clusterId: 'c', revision: 1} as const), records: []}
    for (const name of ['b', 'gone']) {
      await saveLastKnown(state, `export/${name}`, {...snapshot, site: site(name)})
    }
    await saveLastKnown(state, 'datastore/gone', {...snapshot, site: site('a')})
    const logged: string[] = []
    const log = (values: object, text?: string): void => void logged.push(`${text} ${JSON.stringify(values)}`)
    for (const _ of [1, 2]) await forgetUnnamed(configured(), {info: log, warn: log})
    assert.deepEqual(await knownSources(state), ['datastore/gone', 'export/b'])
    assert.deepEqual(logged, ['last known state removed: gateway.yaml does not name the site {"site":"gone"}'])
  })
})
