import assert from 'node:assert/strict'
import {chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {
  createKeyStore,
  loadConfigHistory,
  loadLastKnown,
  openAuditLog,
  readCarriers,
  readPathMtus,
} from '../../src/store/index.ts'
import {createSmallDisk, type SmallDisk} from '../support/small-disk.ts'

type Told = readonly {readonly code: string; readonly remedy?: string}[]

/** A disk with an error loses a part of a file, and is read-only from then on: the gateway has to start all the same. */
describe('a disk that has become read-only', () => {
  let folder: string
  let disk: SmallDisk
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'isthmus-read-only-'))
    disk = createSmallDisk(join(folder, 'disk'))
  })
  afterEach(() => {
    disk.remove()
    rmSync(folder, {recursive: true})
  })

  const damaged: readonly [file: string, read: (state: string) => Promise<{readonly findings: Told}>][] = [
    ['known/export-b.jsonl', (state) => loadLastKnown(state, 'export/b')],
    ['config/index.json', loadConfigHistory],
    ['tunnels.json', readCarriers],
    ['path-mtu.json', readPathMtus],
  ]
  for (const [name, read] of damaged) {
    it(`${name}, damaged, counts as absent and stays where it is`, async () => {
      const file = join(disk.folder, name)
      mkdirSync(dirname(file), {recursive: true})
      writeFileSync(file, '{"cut')
      disk.allowReadsOnly()
      const {findings} = await read(disk.folder)
      assert.deepEqual(
        findings.map(({code}) => code),
        ['state-unreadable'],
      )
      assert.match(findings[0]!.remedy!, /EROFS/)
    })
  }

  it('a key that others may read is used, and it is said', async () => {
    const {store} = await createKeyStore(disk.folder)
    await store.make(['b'])
    chmodSync(store.known().get('b')!.keyFile, 0o644)
    disk.allowReadsOnly()
    const {store: again, findings} = await createKeyStore(disk.folder)
    assert.deepEqual([...again.known()], [...store.known()])
    assert.match(JSON.stringify(findings), /mode 644.*EROFS/)
  })

  it('an audit log that cannot be read keeps changes from being made, and nobody from starting', async () => {
    mkdirSync(join(disk.folder, 'audit/audit.jsonl'), {recursive: true})
    const log = await openAuditLog(disk.folder)
    assert.equal(log.newest, null)
    await assert.rejects(log.append({number: 1}), /EISDIR/)
  })
})
