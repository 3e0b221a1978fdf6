import assert from 'node:assert/strict'
import {execFileSync} from 'node:child_process'
import {chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import type {Finding} from '../../src/model/index.ts'
import {
  createKeyStore,
  loadConfigHistory,
  loadLastKnown,
  openAuditLog,
  readCarriers,
  readPathMtus,
} from '../../src/store/index.ts'
import {createSmallDisk, type SmallDisk} from '../support/small-disk.ts'

type Load = (state: string) => Promise<{readonly findings: readonly Finding[]}>

/** What a disk that was remounted after an error may hold: a start that fails for it would be an outage. */
describe('a damaged file on a disk that cannot be written', () => {
  let folder: string
  let disk: SmallDisk
  const put = (file: string, text: string): string => {
    const at = join(disk.folder, file)
    mkdirSync(dirname(at), {recursive: true})
    writeFileSync(at, text, {mode: 0o600})
    return at
  }
  const lock = (): void => void execFileSync('mount', ['-o', 'remount,ro', disk.folder])

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'isthmus-read-only-'))
    disk = createSmallDisk(join(folder, 'state'))
  })
  afterEach(() => {
    disk.remove()
    rmSync(folder, {recursive: true})
  })

  const cases: readonly (readonly [file: string, load: Load])[] = [
    ['tunnels.json', readCarriers],
    ['path-mtu.json', readPathMtus],
    ['config/index.json', loadConfigHistory],
    ['known/export-b.jsonl', (state) => loadLastKnown(state, 'export/b')],
  ]
  for (const [file, load] of cases) {
    it(`${file}: counts as absent, and that it lies there is told`, async () => {
      put(file, '{"half a fi')
      lock()
      const {findings} = await load(disk.folder)
      assert.deepEqual(
        findings.map(({code}) => code),
        ['state-unreadable'],
      )
      assert.match(findings[0]?.remedy ?? '', /EROFS/)
    })
  }

  it('a key that is open to others is used, and told', async () => {
    const {store} = await createKeyStore(disk.folder)
    await store.make(['one'])
    const [key] = store.known().values()
    chmodSync(key!.keyFile, 0o644)
    lock()
    const again = await createKeyStore(disk.folder)
    assert.equal(again.store.known().get('one')?.publicKey, key!.publicKey)
    assert.deepEqual(
      again.findings.map(({code, detail}) => [code, /still/.test(detail)]),
      [['state-unreadable', true]],
    )
  })

  it('an audit log that cannot be read keeps changes from being made, and nobody from starting', async () => {
    mkdirSync(join(disk.folder, 'audit/audit.jsonl'), {recursive: true})
    const log = await openAuditLog(disk.folder)
    assert.equal(log.newest, null)
    await assert.rejects(log.append({number: 1}), /EISDIR/)
  })
})
