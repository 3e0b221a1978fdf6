import {setImmediate as yieldTurn} from 'node:timers/promises'

/** Work of one source is laid aside this often, so that sessions, answers and other sources have their turn. */
const SLICE_MS = 8

/** Takes all steps, with a turn for others after each slice; a short run is done before this returns. */
export async function inSlices(steps: Iterator<void>): Promise<void> {
  let untilMs = performance.now() + SLICE_MS
  while (!steps.next().done) {
    if (performance.now() < untilMs) continue
    await yieldTurn()
    untilMs = performance.now() + SLICE_MS
  }
}

/** Whoever enters has it alone until it leaves; the others follow in the order in which they came. */
export interface Turnstile {
  enter(): Promise<() => void>
}

export function createTurnstile(): Turnstile {
  let last: Promise<unknown> = Promise.resolve()
  return {
    async enter() {
      const left = Promise.withResolvers<void>()
      const before = last
      last = left.promise
      await before
      return left.resolve
    },
  }
}
