import assert from 'node:assert/strict'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {Etcd3} from 'etcd3'
import {Federation} from '../../src/federate/index.ts'
import {createTurnstile} from '../../src/gateway/slices.ts'
import {startSources} from '../../src/gateway/sources.ts'
import type {DatastoreName, World} from '../../src/model/index.ts'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {configOf, EXPORTING, ISTHMUS} from '../support/sites.ts'
import {watchClock} from '../support/watch-clock.ts'

const policyText = (action: string): string =>
  JSON.stringify({spec: {selector: 'has(app)', types: ['Ingress'], ingress: [{action}]}})

describe('a document that somebody else broke in etcd', () => {
  let etcd: EtcdServer
  let client: Etcd3
  let state = ''

  before(async () => {
    etcd = await startEtcd()
    client = plainClient(etcd.endpoint)
    state = mkdtempSync(join(tmpdir(), 'isthmus-sources-'))
  })
  after(async () => {
    client?.close()
    await etcd?.stop()
    if (state !== '') rmSync(state, {recursive: true})
  })

  /** One life of the daemon, as far as its sources go. */
  async function life(until: (world: World) => boolean): Promise<World> {
    const config = configOf({
      sites: new Map(),
      paths: {...configOf().paths, state},
      datastores: [
        {
          ...{name: 'main' as DatastoreName, kind: 'isthmus', endpoints: [etcd.endpoint], tls: null, user: null},
          export: EXPORTING,
        },
      ],
    })
    const federation = new Federation(config)
    const stop = new AbortController()
    const timer = setTimeout(() => stop.abort(), 15_000)
    const seen = Promise.withResolvers<void>()
    stop.signal.addEventListener('abort', () => seen.resolve())
    const sources = await startSources({
      ...{config, federation, clock: watchClock, signal: stop.signal, gate: createTurnstile()},
      onChange: () => {
        if (until(federation.world())) seen.resolve()
      },
      onSaveFailed: (_source, error) => assert.fail(String(error)),
    })
    await seen.promise
    clearTimeout(timer)
    stop.abort()
    await sources.done
    const world = federation.world()
    assert.ok(until(world), JSON.stringify(world.findings))
    return world
  }

  const isSynced = (world: World): boolean => world.sources.get('datastore/main')?.synced === true
  const actions = (world: World): unknown =>
    world.policies.policies.map(({meta, ingress, refused}) => [meta.name, refused ?? ingress[0]?.action])
  const put = (name: string, text: string) => client.put(`${ISTHMUS}globalnetworkpolicies/${name}`).value(text)

  it('keeps its last good version in force, over restarts too, and no other document suffers', async () => {
    await put('p', policyText('Allow'))
    await put('q', policyText('Deny'))
    assert.deepEqual(actions(await life(isSynced)), [
      ['p', 'Allow'],
      ['q', 'Deny'],
    ])

    // Broken while the daemon is away, found at its start, and found again at the next one.
    await put('p', policyText('Perhaps'))
    for (const start of ['first', 'second']) {
      const world = await life(isSynced)
      assert.deepEqual(
        actions(world),
        [
          ['p', 'Allow'],
          ['q', 'Deny'],
        ],
        start,
      )
      assert.deepEqual(
        world.findings.map(({code, where}) => [code, where.source, where.key]),
        ['record-invalid', 'refused-last-good'].map((code) => [
          code,
          'datastore main',
          `${ISTHMUS}globalnetworkpolicies/p`,
        ]),
      )
    }

    // Deleted and broken again: there is no good version any more.
    await client.delete().key(`${ISTHMUS}globalnetworkpolicies/p`)
    await life((world) => isSynced(world) && world.policies.policies.length === 1)
    await put('p', policyText('Perhaps'))
    assert.deepEqual(actions(await life(isSynced)), [
      ['p', true],
      ['q', 'Deny'],
    ])
  }).timeout(60_000)
})
