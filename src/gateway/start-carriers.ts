import type {Logger} from 'pino'
import type {WatchClock} from '../etcd/index.ts'
import {type CarrierKeeping, type CarrierOptions, createCarriers} from './carriers.ts'
import {watchNativeRoutes} from './native-routes.ts'

type Options = Pick<CarrierOptions, 'config' | 'keys' | 'isUp' | 'readings' | 'last' | 'trigger'> & {
  readonly clock: WatchClock
  readonly signal: AbortSignal
  readonly log: Pick<Logger, 'warn'>
}

/** Keeps what carries the traffic of each pair of uplinks, with an eye on what the WAN's routers tell, until aborted. */
export async function startCarriers({
  clock,
  signal,
  log,
  ...options
}: Options): Promise<CarrierKeeping & {readonly done: Promise<void>}> {
  const carriers = await createCarriers({
    ...options,
    isNative: (site) => native.isUp(site),
    ...{nowMs: () => clock.nowMs(), wallMs: Date.now},
    onError: (error) => log.warn({err: error}, 'tunnels that follow each other not saved'),
  })
  const native = watchNativeRoutes({
    ...{config: options.config, carriers: carriers.current, clock, signal},
    onError: (error) => log.warn({err: error}, 'routes of the WAN not looked at'),
  })
  return {...carriers, done: native.done}
}
