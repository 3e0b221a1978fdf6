import assert from 'node:assert/strict'
import {mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {SiteName, SourceId} from '../../src/model/index.ts'
import type {Address} from '../../src/net/index.ts'
import {
  addConfigVersion,
  appendKnown,
  createKeyStore,
  type KeyStore,
  loadConfigHistory,
  loadDraining,
  loadLastKnown,
  loadSiteSigns,
  openAuditLog,
  readCarriers,
  readFouPorts,
  readPathMtus,
  readSysctlsBefore,
  rememberSysctls,
  replaceConfigFile,
  saveDraining,
  saveLastKnown,
  saveSiteSigns,
  writeCarriers,
  writeFouPorts,
  writePathMtus,
} from '../../src/store/index.ts'
import {createSmallDisk, type SmallDisk} from '../support/small-disk.ts'

const SOURCE: SourceId = 'export/b'
const AT = {clusterId: 'c', revision: 7}
const HEADER = {site: 'b' as SiteName, source: 'export' as const, datastore: null, ...AT}
const record = (number: number) => ({key: '/k', value: Buffer.from(`v${number}`), modRevision: number})

interface Kept {
  readonly what: string
  readonly write: (state: string, number: number) => Promise<unknown>
  /** What is kept, told by the number that was written. */
  readonly read: (state: string) => Promise<unknown>
}

/** Everything that the daemon writes. */
const KEPT: readonly Kept[] = [
  {
    what: 'the last known state, whole',
    write: (state, number) => saveLastKnown(state, SOURCE, {...HEADER, records: [record(number)]}),
    read: async (state) => (await loadLastKnown(state, SOURCE)).snapshot?.records[0]?.modRevision,
  },
  {
    what: 'the last known state, by its changes',
    async write(state, number) {
      if (number === 1) await saveLastKnown(state, SOURCE, {...HEADER, records: [record(1)]})
      else await appendKnown(state, SOURCE, AT, {upserts: [record(number)], deletes: [], revision: 7 + number})
    },
    read: async (state) => (await loadLastKnown(state, SOURCE)).snapshot?.records[0]?.modRevision,
  },
  {
    what: 'versions of the configuration',
    write: async (state, number) =>
      addConfigVersion(state, (await loadConfigHistory(state)).history, `number: ${number}\n`, 'found'),
    read: async (state) => (await loadConfigHistory(state)).history.versions.length,
  },
  {
    what: 'gateway.yaml',
    async write(state, number) {
      if (number === 1) writeFileSync(join(state, 'gateway.yaml'), '1')
      else await replaceConfigFile(join(state, 'gateway.yaml'), String(number))
    },
    read: async (state) => Number(readFileSync(join(state, 'gateway.yaml'), 'utf8')),
  },
  {
    what: 'the audit log',
    write: async (state, number) => (await openAuditLog(state)).append({number}),
    read: async (state) => (await openAuditLog(state)).newest?.number,
  },
  {
    what: 'which tunnels follow each other',
    write: (state, number) =>
      writeCarriers(state, {
        carriers: new Map([
          ['a/a1/wan b/b1/wan', [{slot: 0, serial: number, encapsulation: 'wireguard', phase: 'open'}]],
        ]),
        asked: new Set(),
      }),
    read: async (state) => [...(await readCarriers(state)).carriers.values()][0]?.[0]?.serial,
  },
  {
    what: 'path MTUs',
    write: (state, number) => writePathMtus(state, new Map([['is-b', {configured: 1480, found: number}]])),
    read: async (state) => (await readPathMtus(state)).saved.get('is-b')?.found,
  },
  {
    what: 'ports of fou',
    write: (state, number) =>
      writeFouPorts(state, 'boot', [{local: '192.0.2.1' as Address, port: number, protocol: 4}]),
    read: async (state) => (await readFouPorts(state, 'boot'))[0]?.port,
  },
  {
    what: 'settings as they were before',
    write: (state, number) => rememberSysctls(state, 'boot', new Map([[`net/x${number}`, '1']])),
    read: async (state) => (await readSysctlsBefore(state, 'boot')).size,
  },
  {
    what: 'the drain',
    write: (state, number) => saveDraining(state, `${number}`),
    read: async (state) => Number((await loadDraining(state)).since),
  },
  {
    what: 'how remote sites stood',
    write: (state, number) =>
      saveSiteSigns(state, new Map([['b', {silentMs: number * 1e9, cutMs: 0, state: 'fresh', withdrawnMs: null}]])),
    read: async (state) => Math.round(((await loadSiteSigns(state)).sites.get('b')?.silentMs ?? 0) / 1e9),
  },
]

describe('a full disk', () => {
  let folder: string
  let disk: SmallDisk
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'isthmus-full-'))
    disk = createSmallDisk(join(folder, 'disk'))
  })
  afterEach(() => {
    disk.remove()
    rmSync(folder, {recursive: true})
  })
  const halves = (): string[] =>
    readdirSync(disk.folder, {recursive: true, encoding: 'utf8'}).filter((name) => name.endsWith('.new'))

  for (const {what, write, read} of KEPT) {
    it(`${what}: what was there stays whole, and the next try with room succeeds`, async () => {
      await write(disk.folder, 1)
      assert.equal(await read(disk.folder), 1)
      disk.fill()
      await assert.rejects(
        // A page may have room for a few bytes more.
        async () => {
          for (let times = 0; times < 5000; times++) await write(disk.folder, 1).then(() => write(disk.folder, 2))
        },
        {code: 'ENOSPC'},
      )
      assert.ok([1, 2].includes(Number(await read(disk.folder))), String(await read(disk.folder)))
      assert.deepEqual(halves(), [])
      disk.free()
      await write(disk.folder, 2)
      assert.equal(await read(disk.folder), 2)
    })
  }

  const keysOf = async (): Promise<KeyStore> => {
    const {store, findings} = await createKeyStore(disk.folder)
    assert.deepEqual(findings, [])
    return store
  }

  it('keys: one that could not be written down is not in use, and is made when there is room', async () => {
    const store = await keysOf()
    await store.make(['b'])
    const before = new Map(store.known())
    disk.fill()
    await assert.rejects(store.make(['c']), {code: 'ENOSPC'})
    await assert.rejects(store.drop(['b']), {code: 'ENOSPC'})
    assert.deepEqual(store.known(), before)
    assert.deepEqual((await keysOf()).known(), before)
    disk.free()
    await store.make(['c'])
    assert.deepEqual([...(await keysOf()).known()], [...store.known()])
    await store.drop(['b'])
    assert.deepEqual([...(await keysOf()).known().keys()], ['c'])
  })
})
