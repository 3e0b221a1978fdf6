import {diffUntold} from '../diff/index.ts'
import type {ActualCache} from './actual.ts'
import type {PassReport} from './pass.ts'

export interface GlanceOptions {
  readonly cache: ActualCache
  readonly last: () => PassReport | null
  readonly signal: AbortSignal
  /** Wants a pass. */
  readonly trigger: () => void
  /** The devices that they are on; rules name them. */
  readonly uplinks: () => readonly string[]
}

/**
 * Looks at what no notification tells of (the uplinks' devices too), each time that it is called. As a rule the next pass
 * does: it comes within a second. After one that left something undone it may be a minute away, and one tunnel that cannot
 * be made must not keep somebody's `sysctl -w` from being put back. What that pass has left undone itself is no news.
 */
export function createGlance({cache, last, signal, trigger, uplinks}: GlanceOptions): () => Promise<void> {
  let isLooking = false
  let seen: string | null = null
  const hasNews = async (): Promise<boolean> => {
    const report = last()
    const now = uplinks().join()
    const hasMoved = seen !== null && now !== seen
    seen = now
    if (!report?.dirty || !report.planned) return false
    if (hasMoved) return true
    const {actual, unread} = await cache.read(signal, ['sysctl', 'fou', 'wireguard', 'bird'])
    const known = new Set(report.failures.map(({step}) => step))
    return diffUntold(report.planned.desired, actual).some(({key, driver}) => !unread.has(driver) && !known.has(key))
  }
  return async () => {
    cache.invalidate('sysctl', 'fou', 'wireguard', 'bird', 'nft')
    if (isLooking) return
    isLooking = true
    try {
      if (await hasNews()) trigger()
    } catch {
      // Where not even that can be read (no more files may be open), the pass says why.
      if (!signal.aborted) trigger()
    } finally {
      isLooking = false
    }
  }
}
