import {setImmediate as yieldTurn} from 'node:timers/promises'

/** Work is laid aside this often, so that sessions, answers and other sources have their turn. */
const SLICE_MS = 8

/** Takes all steps, with a turn for others after each slice; a short run is done before this returns. */
export async function inSlices<T>(steps: Iterator<void, T>): Promise<T> {
  let untilMs = performance.now() + SLICE_MS
  for (;;) {
    const {done, value} = steps.next()
    if (done) return value
    if (performance.now() < untilMs) continue
    await yieldTurn()
    untilMs = performance.now() + SLICE_MS
  }
}
