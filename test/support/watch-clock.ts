import {setTimeout as delay} from 'node:timers/promises'
import type {WatchClock} from '../../src/etcd/index.ts'

/** The real one, without chance in it. */
export const watchClock: WatchClock = {
  nowMs: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, {signal}).catch(() => undefined),
  random: () => 0,
}
