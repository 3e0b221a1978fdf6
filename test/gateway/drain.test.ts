import assert from 'node:assert/strict'
import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {createDrain} from '../../src/gateway/drain.ts'

describe('drain', () => {
  let folder: string
  let triggered: number
  const start = () =>
    createDrain(
      folder,
      () => '2026-01-02T03:04:05.000Z',
      () => {
        triggered++
      },
    )
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-drain-'))
    triggered = 0
  })
  afterEach(() => rm(folder, {recursive: true}))

  it('is off at first, outlives a restart, and ends; each change is told once', async () => {
    const first = await start()
    assert.equal(first.since(), null)
    assert.deepEqual(first.findings(), [])
    await first.set(true)
    await first.set(true)
    assert.equal(triggered, 1)
    const second = await start()
    assert.equal(second.since(), '2026-01-02T03:04:05.000Z')
    assert.deepEqual(
      second.findings().map(({code, severity}) => [code, severity]),
      [['draining', 'warning']],
    )
    await second.set(false)
    assert.deepEqual([second.since(), (await start()).since(), triggered], [null, null, 2])
  })

  it('what cannot be written down does not count', async () => {
    const nothing = path.join(folder, 'file', 'state')
    const drain = await createDrain(nothing, () => '2026-01-02T03:04:05.000Z', assert.fail)
    await writeFile(path.join(folder, 'file'), '')
    await assert.rejects(drain.set(true))
    assert.equal(drain.since(), null)
  })
})
