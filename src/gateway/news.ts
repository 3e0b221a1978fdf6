import {type NetlinkDriver, type NftDriver, watchBird} from '../apply/index.ts'
import type {ActualCache} from './actual.ts'
import type {PassReport} from './pass.ts'

/** A step that fails may be heard itself: a device that is made and, since it does not come up, taken back. */
const ECHO_MS = 1000

export interface NewsOptions {
  readonly kernel: {readonly netlink: Pick<NetlinkDriver, 'watch'>; readonly nft: Pick<NftDriver, 'watch'>}
  readonly birdSocket: string
  readonly cache: Pick<ActualCache, 'invalidate'>
  readonly signal: AbortSignal
  /** Wants a pass. */
  readonly trigger: () => void
  readonly last: () => Pick<PassReport, 'steps' | 'failures'> | null
}

/** Has what somebody changed in kernel or BIRD read anew, and a pass for it, until the signal and `stop`. */
export function followNews({kernel, birdSocket, cache, signal, trigger, last}: NewsOptions): {
  stop(): void
  readonly done: Promise<void>
} {
  let later: NodeJS.Timeout | null = null
  const inTime = (): void => {
    later ??= setTimeout(() => {
      later = null
      trigger()
    }, ECHO_MS)
  }
  const of = (...parts: Parameters<ActualCache['invalidate']>): (() => void) => {
    return () => {
      cache.invalidate(...parts)
      // Else what cannot be done would be tried for its own noise, as fast as it can fail.
      if (parts.includes('netlink') && hasFailed(last())) inTime()
      else trigger()
    }
  }
  const ends = [kernel.netlink.watch(of('netlink', 'wireguard')), kernel.nft.watch(of('nft'))]
  return {
    stop: () => {
      if (later) clearTimeout(later)
      for (const end of ends) end()
    },
    done: watchBird(birdSocket, of('bird'), signal),
  }
}

function hasFailed(report: Pick<PassReport, 'steps' | 'failures'> | null): boolean {
  const failed = new Set(report?.failures.map(({step}) => step))
  return failed.size > 0 && report!.steps.some(({key, driver}) => driver === 'netlink' && failed.has(key))
}
