import {keepBird} from '../bird/index.ts'
import type {WatchClock} from '../etcd/index.ts'
import type {SiteName, Tunnel} from '../model/index.ts'
import {type DeviceCounters, type RouterState, readRouter, type TunnelReader} from '../observe/index.ts'

/** What was seen last of BIRD and of the tunnel devices; each is a moment of at most about a second ago. */
export interface Monitor {
  router(): RouterState | null
  counters(): ReadonlyMap<string, DeviceCounters>
  readonly done: Promise<void>
}

const EVERY_MS = 1000

export interface MonitorOptions {
  readonly birdSocket: string
  readonly tunnels: () => readonly Tunnel[]
  readonly reader: TunnelReader
  readonly clock: WatchClock
  readonly signal: AbortSignal
  /** Of each look, with what it found; null: nothing. */
  readonly onRouter: (router: RouterState | null) => void
  readonly onError: (what: string, error: unknown) => void
}

/** Looks once a second, so that status, metrics and console read one and the same observation. */
export function startMonitor({birdSocket, tunnels, reader, clock, signal, onRouter, onError}: MonitorOptions): Monitor {
  let router: RouterState | null = null
  let counters = new Map<string, DeviceCounters>()
  const bird = keepBird(birdSocket, signal)
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        router = await readRouter(bird, AbortSignal.any([signal, AbortSignal.timeout(5 * EVERY_MS)]))
      } catch (error) {
        router = null
        if (!signal.aborted) onError('bird', error)
      }
      onRouter(router)
      try {
        counters = new Map((await reader.read(tunnels())).map((found) => [found.device, found]))
      } catch (error) {
        if (!signal.aborted) onError('tunnels', error)
      }
      await clock.sleep(EVERY_MS, signal)
    }
  }
  return {router: () => router, counters: () => counters, done: run()}
}

/**
 * A tunnel is up when a session over it is established and BFD, where it runs, sees the other end; a device alone says
 * nothing about that, and BGP alone notices a loss only after its hold time.
 */
export function tunnelUp(tunnel: Tunnel, monitor: Pick<Monitor, 'router'>): boolean {
  const router = monitor.router()
  const session = router?.sessions.find(({name}) => name === tunnel.session)
  const unseen = router?.bfd.some(({neighbor, device, up}) => {
    return neighbor === tunnel.peer && (device ?? tunnel.device) === tunnel.device && !up
  })
  return session?.up === true && !session.gracefulRestart && !unseen
}

/** Sites with a tunnel that is up; none before the first look. */
export function sitesUp(tunnels: readonly Tunnel[], monitor: Monitor | null): ReadonlySet<SiteName> {
  return new Set(monitor ? tunnels.filter((tunnel) => tunnelUp(tunnel, monitor)).map(({site}) => site) : [])
}
