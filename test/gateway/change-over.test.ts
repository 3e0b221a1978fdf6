import assert from 'node:assert/strict'
import {changeOver} from '../../src/gateway/change-over.ts'

interface Run {
  readonly name: string
  stop(): Promise<void>
}

describe('one runtime in place of another', () => {
  const told: string[] = []
  const runtime = (name: string, stop: () => Promise<void> = async () => undefined): Run => ({name, stop})
  const change = async (
    failsOf: {stop?: number; wanted?: number; before?: number},
    signal: AbortSignal | null = null,
  ) => {
    told.length = 0
    const failures = {stop: 0, wanted: 0, before: 0, ...failsOf}
    const fail = (what: 'stop' | 'wanted' | 'before'): void => {
      if (failures[what]-- > 0) throw new Error(`no ${what}`)
    }
    return await changeOver<Run>({
      before: runtime('old', async () => fail('stop')),
      startWanted: async () => {
        fail('wanted')
        return runtime('wanted')
      },
      startBefore: async () => {
        fail('before')
        return runtime('again')
      },
      clock: {sleep: async () => undefined},
      signal: signal ?? new AbortController().signal,
      onError: (what, error) => told.push(`${what}: ${(error as Error).message}`),
    })
  }

  it('is the wanted one, also where the old one does not stop cleanly', async () => {
    for (const stop of [0, 1]) {
      const {runtime: now, failure} = await change({stop})
      assert.deepEqual([now.name, failure, told.length], ['wanted', null, stop])
    }
  })

  it('is the one before where the wanted one cannot be started, and as soon as that can be', async () => {
    for (const before of [0, 3]) {
      const {runtime: now, failure} = await change({wanted: 1, before})
      assert.deepEqual([now.name, String(failure?.cause), told.length], ['again', 'Error: no wanted', before])
    }
  })

  it('is none when nobody wants one any more', async () => {
    await assert.rejects(change({wanted: 1, before: 9}, AbortSignal.abort()), /no before/)
  })
})
