export interface PaceClock {
  /** Monotonic. */
  nowMs(): number
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

/** Resolves when the next may begin, or the signal is aborted. */
export type Pace = (signal: AbortSignal) => Promise<void>

/** So many a second, and after a rest so many at once. Callers come one after another. */
export function createPace({perSecond, burst}: {perSecond: number; burst: number}, clock: PaceClock): Pace {
  const everyMs = 1000 / perSecond
  /** When the one after the last may begin, if there were no burst. */
  let dueMs = Number.NEGATIVE_INFINITY
  return async (signal) => {
    dueMs = Math.max(dueMs, clock.nowMs() - burst * everyMs) + everyMs
    const waitMs = dueMs - clock.nowMs()
    if (waitMs > 0) await clock.sleep(waitMs, signal)
  }
}
