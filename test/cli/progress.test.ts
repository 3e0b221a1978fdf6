import assert from 'node:assert/strict'
import {setTimeout as sleep} from 'node:timers/promises'
import {createApiClient} from '../../src/api/client.ts'
import type {CliContext} from '../../src/cli/index.ts'
import {startProgress} from '../../src/cli/progress.ts'

const CLEAR = '\r\x1b[K'

describe('progress', () => {
  const written: string[] = []
  beforeEach(() => written.splice(0))
  const contextAt = (terminal: boolean): CliContext => ({
    out: (text) => written.push(`out ${text}`),
    err: (text) => written.push(`err ${text}`),
    api: createApiClient,
    clock: {nowMs: () => 0, sleep: async () => undefined},
    terminal: {out: terminal, err: terminal},
    until: new AbortController().signal,
    env: {},
    become: () => undefined,
    progress: () => undefined,
  })
  const times = {afterMs: 20, everyMs: 10}

  it('tells what goes on after a while, and nothing is left of it when the answer begins', async () => {
    const progress = startProgress(contextAt(true), times)
    progress.begin('get')
    progress.context.progress('10000')
    await sleep(100)
    assert.equal(written[0], `err ${CLEAR}get: 10000, 0 s`)
    written.splice(0)
    progress.context.err('a word\n')
    assert.deepEqual(written, [`err ${CLEAR}`, 'err a word\n'])
    await sleep(50)
    written.splice(0)
    progress.context.out('answer\n')
    assert.deepEqual(written, [`err ${CLEAR}`, 'out answer\n'])
    await sleep(50)
    assert.equal(written.length, 2, 'and not again')
  })

  it('is silent where the answer comes at once, and where nobody looks', async () => {
    const quick = startProgress(contextAt(true), times)
    quick.begin('get')
    quick.stop()
    const unseen = startProgress(contextAt(false), times)
    unseen.begin('get')
    await sleep(60)
    unseen.stop()
    assert.deepEqual(written, [])
  })
})
