import assert from 'node:assert/strict'
import {existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import fc from 'fast-check'
import {readPathMtus, writePathMtus} from '../../src/store/index.ts'

describe('found path MTUs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'isthmus-mtus-'))
  const file = join(folder, 'path-mtu.json')
  after(() => rmSync(folder, {recursive: true}))
  afterEach(() => rmSync(file, {force: true}))

  it('come again as they were written, whatever the order', async () => {
    const mtu = fc.integer({min: 1, max: 65535})
    const found = fc.tuple(mtu, mtu).map(([configured, carries]) => ({configured, found: carries}))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.stringMatching(/^is-[a-z0-9-]{1,12}$/), found)), async (entries) => {
        await writePathMtus(folder, new Map(entries))
        const {saved, findings} = await readPathMtus(folder)
        assert.deepEqual([new Map(saved), findings], [new Map(entries), []])
        const text = readFileSync(file, 'utf8')
        await writePathMtus(folder, new Map([...new Map(entries)].reverse()))
        assert.equal(readFileSync(file, 'utf8'), text)
      }),
      {numRuns: 30},
    )
  })

  it('are none where there is no file', async () => {
    assert.deepEqual(await readPathMtus(folder), {saved: new Map(), findings: []})
  })

  for (const text of [
    '',
    '[]',
    '{"schema":2,"tunnels":{}}',
    '{"schema":1}',
    '{"schema":1,"tunnels":{"is-b":7}}',
    '{"schema":1,"tunnels":{"is-b":{"configured":1450,"found":0}}}',
    '{"schema":1,"tunnels":{"is-b":{"configured":1450,"found":1300.5}}}',
    '{"schema":1,"tunnels":{"is-b":{"configured":1450}}}',
  ]) {
    it(`${text || 'an empty file'} is set aside, said, and counts as none`, async () => {
      writeFileSync(file, text)
      const {saved, findings} = await readPathMtus(folder)
      assert.deepEqual([saved.size, findings.map(({code}) => code)], [0, ['state-unreadable']])
      assert.ok(!existsSync(file) && readFileSync(`${file}.damaged`, 'utf8') === text)
    })
  }
})
