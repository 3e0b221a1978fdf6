import assert from 'node:assert/strict'
import {execFileSync} from 'node:child_process'
import {appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {type AuditLine, type AuditLog, openAuditLog} from '../../src/store/index.ts'

describe('audit log', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'isthmus-audit-'))
  })
  afterEach(() => rmSync(folder, {recursive: true}))

  const all = async (log: AuditLog): Promise<AuditLine[]> => {
    const lines: AuditLine[] = []
    for await (const line of log.backwards()) lines.push(line)
    return lines
  }
  const numbers = async (log: AuditLog): Promise<number[]> => (await all(log)).map(({number}) => number)
  const file = (): string => path.join(folder, 'audit', 'audit.jsonl')

  it('is added to, for nobody else to read, and read backwards', async () => {
    const log = await openAuditLog(folder)
    assert.equal(log.newest, null)
    await Promise.all([1, 2, 3].map((number) => log.append({number, who: 'me'})))
    assert.deepEqual(await numbers(log), [3, 2, 1])
    assert.equal(statSync(file()).mode & 0o777, 0o600)
    assert.equal(statSync(path.dirname(file())).mode & 0o777, 0o700)
    assert.deepEqual((await openAuditLog(folder)).newest, {number: 3, who: 'me'})
  })

  it('a line that a crash cut off is left out, and the next is whole', async () => {
    const log = await openAuditLog(folder)
    await log.append({number: 1})
    appendFileSync(file(), '{"number":2,"wh')
    await log.append({number: 3})
    assert.deepEqual(await numbers(log), [3, 1])
  })

  it('grows to sixteen files of a megabyte, and no further', async () => {
    const log = await openAuditLog(folder)
    const text = 'x'.repeat(400_000)
    for (let number = 1; number <= 61; number++) await log.append({number, text})
    const files = readdirSync(path.join(folder, 'audit'))
    assert.equal(files.length, 16)
    for (const name of files) assert.ok(statSync(path.join(folder, 'audit', name)).size < 1_700_000)
    const kept = await numbers(log)
    assert.equal(kept[0], 61)
    assert.deepEqual(
      kept,
      kept.toSorted((a, b) => b - a),
    )
    assert.ok(kept.length >= 45)
  })

  it('on a full disk says so, keeps no half line, and goes on when there is room', async () => {
    const disk = path.join(folder, 'disk')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk])
    try {
      const log = await openAuditLog(disk)
      await log.append({number: 1})
      await assert.rejects(log.append({number: 2, text: 'x'.repeat(100_000)}), {code: 'ENOSPC'})
      assert.equal(readFileSync(path.join(disk, 'audit/audit.jsonl'), 'utf8'), '{"number":1}\n')
      await log.append({number: 3})
      assert.equal(readFileSync(path.join(disk, 'audit/audit.jsonl'), 'utf8'), '{"number":1}\n{"number":3}\n')
    } finally {
      execFileSync('umount', [disk])
    }
  })
})
