import {watchBird} from '../apply/index.ts'
import type {ActualCache} from './actual.ts'
import type {KernelDrivers} from './kernel-drivers.ts'

export interface NewsOptions {
  readonly kernel: Pick<KernelDrivers, 'netlink' | 'nft'>
  readonly birdSocket: string
  readonly cache: Pick<ActualCache, 'invalidate'>
  readonly signal: AbortSignal
  /** Wants a pass. */
  readonly trigger: () => void
}

/** Has what somebody changed in kernel or BIRD read anew, and a pass for it, until the signal and `stop`. */
export function followNews({kernel, birdSocket, cache, signal, trigger}: NewsOptions): {
  stop(): void
  readonly done: Promise<void>
} {
  const of = (...parts: Parameters<ActualCache['invalidate']>): (() => void) => {
    return () => {
      cache.invalidate(...parts)
      trigger()
    }
  }
  const ends = [kernel.netlink.watch(of('netlink', 'wireguard')), kernel.nft.watch(of('nft'))]
  return {
    stop: () => {
      for (const end of ends) end()
    },
    done: watchBird(birdSocket, of('bird'), signal),
  }
}
