import type {WatchClock} from '../etcd/index.ts'
import type {LoopClock} from './loop.ts'

/** The real clock. */
export const realClock: LoopClock = {
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
  random: Math.random,
}

export async function every(ms: number, callback: () => void, clock: WatchClock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(ms, signal)
    if (!signal.aborted) callback()
  }
}
