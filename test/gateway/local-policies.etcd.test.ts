import assert from 'node:assert/strict'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {Etcd3} from 'etcd3'
import {watchSource} from '../../src/etcd/index.ts'
import {LocalRecords, localDatastores, MemberRecords, siteRecords} from '../../src/export/index.ts'
import {Federation} from '../../src/federate/index.ts'
import {type Publishing, publishingOf, startPublishing} from '../../src/gateway/publishing.ts'
import {createTurnstile} from '../../src/gateway/slices.ts'
import {startSources} from '../../src/gateway/sources.ts'
import type {DatastoreName, RawRecord} from '../../src/model/index.ts'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {eventually} from '../support/namespace.ts'
import {rawRecord} from '../support/records.ts'
import {CALICO, configOf, EXPORT, EXPORTING, podRecord, profileRecord} from '../support/sites.ts'
import {watchClock} from '../support/watch-clock.ts'

const WITHIN_MS = 10_000
const POLICY = rawRecord(`${CALICO}networkpolicies/shop/p`, '{"spec":  {"order": 1}}')
const KNS = profileRecord('kns.shop', {'pcns.env': 'x'})
const TOLD = podRecord('told', '10.1.0.1', {profiles: ['kns.shop']})
const BY_ITSELF = podRecord('other', '10.1.0.2', {profiles: ['mine']})

describe("the site's own policies in the export, on a real etcd", () => {
  let etcd: EtcdServer
  let client: Etcd3
  let state: string
  before(async () => {
    etcd = await startEtcd()
    client = plainClient(etcd.endpoint)
    state = mkdtempSync(join(tmpdir(), 'isthmus-local-'))
  })
  after(async () => {
    client?.close()
    await etcd?.stop()
    if (state) rmSync(state, {recursive: true})
  })

  /** A gateway, as far as sources and export go, until `done`. */
  async function life(localPolicies: boolean, done: () => Promise<unknown>): Promise<void> {
    const config = configOf({
      sites: new Map(),
      paths: {...configOf().paths, state},
      datastores: [
        {
          ...{name: 'main' as DatastoreName, kind: 'calico', endpoints: [etcd.endpoint], tls: null, user: null},
          export: {...EXPORTING, localPolicies},
        },
      ],
    })
    const {signal, ...stop} = abortable()
    const federation = new Federation(config)
    const members = new MemberRecords(config.site)
    const local = new LocalRecords(localDatastores(config), federation.world().sites.get(config.site)!.granted)
    let publishing: Publishing | null = null
    const sources = await startSources({
      ...{config, federation, clock: watchClock, signal, gate: createTurnstile()},
      onBatch: (batch, decoded) => local.take(batch, decoded),
      onChange: () => publishing?.trigger(),
      onSaveFailed: (_source, error) => assert.fail(String(error)),
    })
    let wanted: {world: unknown; records: ReadonlyMap<string, string>} | null = null
    publishing = startPublishing({
      ...publishingOf(config),
      wanted: () => {
        const world = federation.world()
        if (!world.sources.get('datastore/main')?.synced) return null
        members.take(federation.takeMemberChanges(), world.attributes)
        if (wanted?.world !== world) wanted = {world, records: siteRecords(world, config, {tunnels: new Map()})}
        return wanted.records
      },
      kept: [members.records, local.records],
      ...{clock: watchClock, signal, backoffMs: {first: 50, last: 200}, idleMs: 60_000, onReport: () => {}},
    })
    try {
      await done()
    } finally {
      stop.abort()
      await Promise.all([sources.done, publishing.done])
    }
  }
  const put = async ({key, value}: RawRecord): Promise<void> => void (await client.put(key).value(Buffer.from(value)))
  const exported = (): Promise<Record<string, string>> => client.getAll().prefix(EXPORT).strings()
  const localKeys = async (): Promise<string[]> =>
    Object.keys(await exported())
      .filter((key) => key.startsWith(`${EXPORT}local/`))
      .map((key) => key.slice(`${EXPORT}local/main/`.length))
      .sort()
  const holds =
    (...keys: string[]) =>
    async () =>
      JSON.stringify(await localKeys()) === JSON.stringify(keys.sort())
  const pod = (name: string) => `workloadendpoints/shop/n1-k8s-${name}-eth0`

  it('go out as they are stored, follow what changes, and go when the switch is off; nothing else changes', async () => {
    for (const record of [POLICY, KNS, TOLD, BY_ITSELF]) await put(record)
    await life(false, () => eventually(async () => Object.keys(await exported()).length >= 7, WITHIN_MS))
    const without = await exported()
    assert.deepEqual(await localKeys(), [])

    // Every event of the export, by what it does to meta and to the policies.
    const seen: string[] = []
    const {signal, ...stop} = abortable()
    const watch = watchSource({
      ...{
        source: 'export/a',
        etcd: {endpoints: [etcd.endpoint], tls: null, user: null},
        prefixes: [EXPORT],
        clock: watchClock,
        signal,
      },
      onBatch: ({type, upserts, deletes}) => {
        if (type === 'list') return void seen.push('list')
        for (const {key, value} of upserts) {
          if (key.endsWith('/meta')) seen.push(`meta ${JSON.parse(new TextDecoder().decode(value)).local}`)
        }
        if (upserts.some(({key}) => key.includes('/local/'))) seen.push('put')
        if (deletes.some((key) => key.includes('/local/'))) seen.push('delete')
      },
      onState: () => {},
    })
    await eventually(async () => seen.length > 0, WITHIN_MS)

    await life(true, async () => {
      await eventually(holds('networkpolicies/shop/p', 'profiles/kns.shop', pod('other')), WITHIN_MS)
      assert.equal((await exported())[`${EXPORT}local/main/networkpolicies/shop/p`], '{"spec":  {"order": 1}}')
      await client.delete().key(POLICY.key)
      await put({...BY_ITSELF, value: TOLD.value})
      await put(rawRecord(`${CALICO}tiers/t`, '{"spec":{}}'))
      await eventually(holds('profiles/kns.shop', 'tiers/t'), WITHIN_MS)
      // What somebody puts there is not the site's own.
      await client.put(`${EXPORT}local/main/globalnetworkpolicies/foreign`).value('{}')
      await eventually(holds('profiles/kns.shop', 'tiers/t'), WITHIN_MS)
      await put(POLICY)
      await put(BY_ITSELF)
      await client.delete().key(`${CALICO}tiers/t`)
      await eventually(holds('networkpolicies/shop/p', 'profiles/kns.shop', pod('other')), WITHIN_MS)
    })
    const between = seen.length
    await life(false, () => eventually(holds(), WITHIN_MS))
    assert.deepEqual(await exported(), without)
    await eventually(async () => seen.at(-1) === 'delete', WITHIN_MS)
    stop.abort()
    await watch.done
    // Whoever reads in meta that they are there finds all of them.
    const [first, last] = [seen.slice(0, between), seen.slice(between)]
    assert.deepEqual([first[0], first.filter((one) => one.startsWith('meta'))], ['list', ['meta main']])
    assert.deepEqual(
      last.filter((one) => one !== 'put'),
      ['meta ', 'delete'],
    )
  }).timeout(60_000)

  it('more of them than a transaction takes, in number or in bytes, are all there', async () => {
    await client.delete().all()
    // Long by what nobody reads, so that nothing has to be made of it on the way.
    const long = {annotations: {note: 'x'.repeat(150_000)}}
    const keys = Array.from({length: 130}, (_, i) => `globalnetworksets/s${i}`)
    for (const key of keys) await put(rawRecord(CALICO + key, {metadata: key.endsWith('7') ? long : {}, spec: {}}))
    await life(true, () => eventually(holds(...keys), WITHIN_MS))
  }).timeout(30_000)
})

function abortable(): {signal: AbortSignal; abort: () => void} {
  const controller = new AbortController()
  return {signal: controller.signal, abort: () => controller.abort()}
}
