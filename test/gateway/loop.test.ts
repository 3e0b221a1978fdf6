import assert from 'node:assert/strict'
import {startLoop} from '../../src/gateway/loop.ts'

/** A clock that stands still until told; lets everything that is ready run after each move. */
function fakeClock() {
  let now = 0
  const timers = new Set<{at: number; callback: () => void}>()
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  return {
    clock: {
      after: (ms: number, callback: () => void) => {
        const timer = {at: now + ms, callback}
        timers.add(timer)
        return () => timers.delete(timer)
      },
      random: () => 0,
    },
    async advance(ms: number) {
      await settle()
      const end = now + ms
      for (;;) {
        const next = [...timers].filter(({at}) => at <= end).sort((a, b) => a.at - b.at)[0]
        if (!next) break
        now = next.at
        timers.delete(next)
        next.callback()
        await settle()
      }
      now = end
    },
    now: () => now,
  }
}

describe('startLoop', () => {
  const start = (results: boolean[]) => {
    const time = fakeClock()
    const stop = new AbortController()
    const passes: number[] = []
    const loop = startLoop({
      clock: time.clock,
      signal: stop.signal,
      restMs: 10,
      backoffMs: {first: 100, last: 400},
      idleMs: 5000,
      pass: async () => {
        passes.push(time.now())
        return results.shift() ?? false
      },
    })
    return {...time, loop, passes, stop}
  }

  it('passes at once, then only after the idle time', async () => {
    const {advance, passes} = start([])
    await advance(5009)
    assert.deepEqual(passes, [0])
    await advance(1)
    assert.deepEqual(passes, [0, 5010])
  })

  it('folds triggers into one pass, after the rest', async () => {
    const {advance, loop, passes} = start([])
    await advance(0)
    loop.trigger()
    loop.trigger()
    await advance(100)
    assert.deepEqual(passes, [0, 10])
  })

  it('a trigger in silence is served at once', async () => {
    const {advance, loop, passes} = start([])
    await advance(1000)
    loop.trigger()
    await advance(0)
    assert.deepEqual(passes, [0, 1000])
  })

  it('a dirty pass comes back, later each time, up to the bound', async () => {
    const {advance, passes} = start([true, true, true, true, true])
    await advance(2000)
    assert.deepEqual(passes, [0, 110, 320, 730, 1140, 1550])
  })

  it('a trigger does not wait for the backoff', async () => {
    const {advance, loop, passes} = start([true, true, true, true])
    await advance(500)
    loop.trigger()
    await advance(0)
    assert.deepEqual(passes, [0, 110, 320, 500])
  })

  it('ends when told', async () => {
    const {advance, loop, stop, passes} = start([])
    await advance(100)
    stop.abort()
    await loop.done
    assert.deepEqual(passes, [0])
  })
})
