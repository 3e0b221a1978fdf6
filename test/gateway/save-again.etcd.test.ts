import assert from 'node:assert/strict'
import {existsSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {Etcd3} from 'etcd3'
import type {WatchClock} from '../../src/etcd/index.ts'
import {Federation} from '../../src/federate/index.ts'
import {createTurnstile} from '../../src/gateway/slices.ts'
import {startSources} from '../../src/gateway/sources.ts'
import type {SiteName} from '../../src/model/index.ts'
import {knownFile, loadLastKnown} from '../../src/store/index.ts'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {putExport} from '../support/followed-export.ts'
import {eventually} from '../support/namespace.ts'
import {configOf, remote} from '../support/sites.ts'
import {watchClock} from '../support/watch-clock.ts'

/** A minute is a second. */
const hasty: WatchClock = {
  ...watchClock,
  nowMs: () => performance.now() * 60,
  sleep: (ms, signal) => watchClock.sleep(ms / 60, signal),
}

describe('what a source said last', () => {
  let etcd: EtcdServer
  let client: Etcd3
  const state = mkdtempSync(join(tmpdir(), 'isthmus-save-again-'))

  before(async () => {
    etcd = await startEtcd()
    client = plainClient(etcd.endpoint)
    await putExport(client, ['10.2.0.5'])
  })
  after(async () => {
    client?.close()
    await etcd?.stop()
    rmSync(state, {recursive: true})
  })

  it('that could not be saved is saved when it can be, though nothing else changes', async () => {
    const [, b] = remote('b', '10.2.0.0/16')
    const config = configOf({
      ...{datastores: [], paths: {...configOf().paths, state}},
      sites: new Map([['b' as SiteName, {...b, endpoints: [etcd.endpoint]}]]),
    })
    writeFileSync(join(state, 'known'), 'in the way of the folder')
    const stop = new AbortController()
    let failures = 0
    const sources = await startSources({
      ...{config, federation: new Federation(config), clock: hasty, signal: stop.signal, gate: createTurnstile()},
      onChange: () => undefined,
      onSaveFailed: () => {
        failures++
      },
    })
    try {
      await eventually(async () => failures > 0, 10_000)
      rmSync(join(state, 'known'))
      await eventually(async () => existsSync(knownFile(state, 'export/b')), 10_000)
      assert.ok(failures < 10, `${failures} tries`)
    } finally {
      stop.abort()
      await sources.done
    }
    assert.equal((await loadLastKnown(state, 'export/b')).snapshot?.records.length, 4)
  })
})
