import assert from 'node:assert/strict'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import type {Etcd3} from 'etcd3'
import {siteRecords} from '../../src/export/index.ts'
import {Federation} from '../../src/federate/index.ts'
import {publishingOf, startPublishing} from '../../src/gateway/publishing.ts'
import {createTurnstile} from '../../src/gateway/slices.ts'
import {startSources} from '../../src/gateway/sources.ts'
import {type DatastoreName, JournalMap, parseGatewayName} from '../../src/model/index.ts'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {eventually} from '../support/namespace.ts'
import {address, configOf, EXPORT, EXPORTING} from '../support/sites.ts'
import {watchClock} from '../support/watch-clock.ts'

const WITHIN_MS = 15_000

describe('two gateways of a site, on a real etcd', () => {
  let etcd: EtcdServer
  let client: Etcd3
  const stops: (() => Promise<void>)[] = []

  before(async () => {
    etcd = await startEtcd()
    client = plainClient(etcd.endpoint)
  })
  after(async () => {
    client?.close()
    await etcd?.stop()
  })
  afterEach(async () => {
    await Promise.all(stops.splice(0).map((stop) => stop()))
    await client.delete().all()
  })

  /** As much of a gateway as reads its datastore and publishes what it makes of that. */
  async function start(name: string, twin: string | null, inner: string) {
    const state = mkdtempSync(join(tmpdir(), 'isthmus-twin-'))
    const base = configOf()
    const [uplink] = base.uplinks
    const config = configOf({
      ...{gateway: parseGatewayName(name)!, twin: twin === null ? null : parseGatewayName(twin), sites: new Map()},
      uplinks: [{...uplink!, inner: {4: [address(`100.64.0.${inner}0`), address(`100.64.0.${inner}1`)], 6: []}}],
      datastores: [
        {
          ...{name: 'main' as DatastoreName, kind: 'calico', endpoints: [etcd.endpoint], tls: null, user: null},
          export: EXPORTING,
        },
      ],
      paths: {...base.paths, state},
    })
    const stop = new AbortController()
    const federation = new Federation(config)
    let wanted = new Map<string, string>()
    const publishing = startPublishing({
      ...publishingOf(config),
      ...{wanted: () => (wanted.size === 0 ? null : wanted), kept: [new JournalMap()], clock: watchClock},
      ...{signal: stop.signal, backoffMs: {first: 50, last: 200}, idleMs: 200, ttlSeconds: 2},
      onReport: () => {},
    })
    const sources = await startSources({
      ...{config, federation, clock: watchClock, signal: stop.signal, gate: createTurnstile()},
      onChange: () => {
        const {sites, documents} = federation.world()
        // Anew each time, as if every word of the twin were news.
        wanted = new Map(siteRecords({sites, documents}, config, {tunnels: new Map()}))
        publishing.trigger()
      },
      onSaveFailed: (_source, error) => assert.fail(String(error)),
    })
    stops.push(async () => {
      stop.abort()
      await Promise.all([sources.done, publishing.done])
      rmSync(state, {recursive: true})
    })
    return {
      gateways: () =>
        federation
          .world()
          .sites.get(config.site)!
          .gateways.map((gateway) => gateway.name as string),
      findings: () => federation.world().findings.map(({code, detail}) => `${code}: ${detail}`),
    }
  }
  const versions = async (): Promise<Record<string, string>> => {
    const {kvs} = await client.getAll().prefix(EXPORT).exec()
    return Object.fromEntries(kvs.map(({key, version}) => [key.toString().slice(EXPORT.length), version]))
  }

  it('know each other live; one that does not name the other as its twin says so, and nothing is written twice', async () => {
    const first = await start('a1', null, '1')
    await eventually(async () => 'gateways/a1' in (await versions()), WITHIN_MS)
    assert.deepEqual(first.findings(), [])
    const second = await start('a2', 'a1', '2')
    for (const {gateways} of [first, second]) {
      await eventually(() => gateways().join() === 'a1,a2', WITHIN_MS)
    }
    assert.match(first.findings().join(), /^twin-not-named: site a has gateway a2 too, and a1 names no twin: [^,]*$/)
    assert.deepEqual(second.findings(), [])
    await delay(300)
    assert.deepEqual(await versions(), {'gateways/a1': '1', 'gateways/a2': '1', meta: '1', site: '1'})
  }).timeout(30_000)

  it('with one inner address between them it is a conflict of both', async () => {
    await start('a1', 'a2', '1')
    const second = await start('a2', 'a1', '1')
    await eventually(() => second.findings().length === 2, WITHIN_MS)
    assert.match(
      second.findings()[0]!,
      /^inner-address-conflict: inner address 100\.64\.0\.10 is claimed by a\/a1\/wan and a\/a2\/wan/,
    )
  }).timeout(30_000)
})
