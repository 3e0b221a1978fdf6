import assert from 'node:assert/strict'
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {StepFailure} from '../../../src/apply/failure.ts'
import {openGenericFamily} from '../../../src/apply/netlink/generic.ts'

describe('a family that the kernel has not', () => {
  let folder = ''
  const path = process.env.PATH
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'isthmus-modprobe-'))
    await writeFile(join(folder, 'modprobe'), `#!/bin/sh\necho "$1" >> ${folder}/calls\necho no such >&2\nexit 1\n`, {
      mode: 0o755,
    })
    process.env.PATH = `${folder}:${path}`
  })
  after(async () => {
    process.env.PATH = path
    await rm(folder, {recursive: true})
  })

  it('is asked of modprobe no more often than once in a while, however often it is wanted', async () => {
    let nowMs = 0
    const family = openGenericFamily('is_nothing', 1, () => nowMs)
    const refused = (error: unknown) =>
      error instanceof StepFailure && error.code === 'unsupported' && error.message.endsWith('is_nothing: no such')
    for (let times = 0; times < 3; times++) await assert.rejects(family.load(), refused)
    assert.equal(await readFile(join(folder, 'calls'), 'utf8'), 'is_nothing\n')
    nowMs += 10_000
    await assert.rejects(family.load(), refused)
    assert.equal(await readFile(join(folder, 'calls'), 'utf8'), 'is_nothing\nis_nothing\n')
    family.close()
  })
})
