import assert from 'node:assert/strict'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {WatchClock} from '../../src/etcd/index.ts'
import {siteRecords} from '../../src/export/index.ts'
import {Federation} from '../../src/federate/index.ts'
import {publishingOf, startPublishing} from '../../src/gateway/publishing.ts'
import {createTurnstile} from '../../src/gateway/slices.ts'
import {startSources} from '../../src/gateway/sources.ts'
import {type DatastoreName, type GatewayConfig, JournalMap} from '../../src/model/index.ts'
import {plainClient, startEtcd} from '../support/etcd-server.ts'
import {eventually} from '../support/namespace.ts'
import {configOf, EXPORTING, ISTHMUS, remote, site} from '../support/sites.ts'
import {watchClock} from '../support/watch-clock.ts'

const WITHIN_MS = 10_000
/** What takes seconds takes a tenth of them. */
const HASTY: WatchClock = {...watchClock, sleep: (ms, signal) => watchClock.sleep(ms / 10, signal)}
const DENY = JSON.stringify({spec: {selector: 'has(app)', types: ['Ingress'], ingress: [{action: 'Deny'}]}})

/** What a site has in force, its policies by name, with each state that it was in. */
async function following(config: GatewayConfig, signal: AbortSignal, onChange: (federation: Federation) => void) {
  const federation = new Federation(config)
  const policies = (): string =>
    federation
      .world()
      .policies.policies.map(({meta}) => meta.name)
      .join()
  const seen: string[] = []
  const sources = await startSources({
    ...{config, federation, clock: HASTY, signal, gate: createTurnstile()},
    onChange: () => {
      if (seen.at(-1) !== policies()) seen.push(policies())
      onChange(federation)
    },
    onSaveFailed: (_source, error) => assert.fail(String(error)),
  })
  const emptied = (): boolean => sources.findings.some(({code}) => code === 'datastore-emptied')
  return {policies, seen, emptied, done: sources.done, isHeard: () => [...sources.states().values()][0]?.connected}
}

describe('the export of an authority whose etcd comes up empty', () => {
  it('is written anew from what is kept, and no reader sees it without a policy, nor for long as not heard', async () => {
    const etcd = await startEtcd()
    const paths = [1, 2].map((_) => mkdtempSync(join(tmpdir(), 'isthmus-emptied-export-')))
    const pathsAt = (i: number) => ({...configOf().paths, state: paths[i]!})
    const stop = new AbortController()
    const {signal} = stop
    const main = {name: 'main' as DatastoreName, kind: 'isthmus', tls: null, user: null, export: EXPORTING} as const
    const datastores = [{...main, endpoints: [etcd.endpoint]}]
    const own = configOf({sites: new Map(), paths: pathsAt(0), datastores})
    let wanted: ReadonlyMap<string, string> | null = null
    const publishing = startPublishing({
      ...publishingOf(own),
      ...{wanted: () => wanted, kept: [new JournalMap()], clock: watchClock, signal, ttlSeconds: 2},
      ...{backoffMs: {first: 50, last: 200}, idleMs: 200, onReport: () => {}},
    })
    const [name, a] = remote('a', '10.1.0.0/16')
    const reading = configOf({
      ...{site: site('z'), owns: [], datastores: [], paths: pathsAt(1)},
      sites: new Map([[name, {...a, endpoints: [etcd.endpoint]}]]),
    })
    let client = plainClient(etcd.endpoint)
    try {
      for (const policy of ['p', 'q']) await client.put(`${ISTHMUS}globalnetworkpolicies/${policy}`).value(DENY)
      const gateway = await following(own, signal, (federation) => {
        const {sites, documents, sources} = federation.world()
        wanted = sources.get('datastore/main')?.synced
          ? siteRecords({sites, documents}, own, {tunnels: new Map()})
          : null
        publishing.trigger()
      })
      const reader = await following(reading, signal, () => {})
      await eventually(() => reader.policies() === 'p,q', WITHIN_MS)
      const before = [gateway.seen.length, reader.seen.length]
      client.close()
      await etcd.kill()
      await etcd.start(true)
      client = plainClient(etcd.endpoint)
      await eventually(gateway.emptied, WITHIN_MS)
      const meta = (): Promise<string | null> => client.get('/isthmus/v1/export/meta').string()
      await eventually(async () => (await meta()) !== null, WITHIN_MS)
      await eventually(() => reader.isHeard() === true && !reader.emptied(), WITHIN_MS)
      assert.deepEqual([gateway.policies(), reader.policies(), gateway.emptied()], ['p,q', 'p,q', true])
      assert.deepEqual([gateway.seen.length, reader.seen.length], before, `${gateway.seen} ${reader.seen}`)
      assert.equal(await client.get(`${ISTHMUS}globalnetworkpolicies/p`).string(), null, 'nobody writes it back')
    } finally {
      stop.abort()
      await publishing.done
      client.close()
      await etcd.stop()
      for (const path of paths) rmSync(path, {recursive: true, force: true})
    }
  }).timeout(40_000)
})
