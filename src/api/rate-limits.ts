import type {Caller} from './caller.ts'

interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** A console asks a few times a second, a scrape every few seconds; who has not said who it is has little to ask. */
const RATES: Readonly<Record<Exclude<Caller['via'], 'socket'>, Rate>> = {
  certificate: {perSecond: 50, burst: 200},
  session: {perSecond: 50, burst: 200},
  nobody: {perSecond: 5, burst: 50},
}
const MOST_CALLERS = 10_000

/** How often each caller may ask. Who is on the socket may: it is root's, and traces a million flows. */
export interface RateLimits {
  /** Null: go on; else after how many seconds to come back. */
  refuses(caller: Caller): number | null
}

export function createRateLimits(nowMs: () => number): RateLimits {
  const buckets = new Map<string, {left: number; atMs: number}>()
  return {
    refuses(caller) {
      const {via, name, address} = caller
      if (via === 'socket') return null
      const {perSecond, burst} = RATES[via]
      const key = via === 'nobody' ? `from ${address}` : name
      const now = nowMs()
      const {left, atMs} = buckets.get(key) ?? {left: burst, atMs: now}
      const filled = Math.min(burst, left + ((now - atMs) / 1000) * perSecond)
      // Put last: who is first in the map has not asked for the longest time.
      buckets.delete(key)
      for (const oldest of buckets.keys()) {
        if (buckets.size < MOST_CALLERS) break
        buckets.delete(oldest)
      }
      buckets.set(key, {left: Math.max(0, filled - 1), atMs: now})
      return filled >= 1 ? null : Math.max(1, Math.ceil((1 - filled) / perSecond))
    },
  }
}
