import type {LoopClock} from './loop.ts'

/** The real clock. */
export const realClock: LoopClock = {
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
  random: Math.random,
}
