import type {WatchClock} from '../etcd/index.ts'

/** What was missing a moment ago (files that may be open, memory) is mostly there then. */
const AGAIN_MS = 5000

export interface ChangeOver<R> {
  readonly before: R
  readonly startWanted: () => Promise<R>
  readonly startBefore: () => Promise<R>
  readonly clock: Pick<WatchClock, 'sleep'>
  readonly signal: AbortSignal
  readonly onError: (what: string, error: unknown) => void
}

/**
 * One runtime in place of another; what cannot be started leaves the one before in force, and `failure` says why. There is one
 * in the end, whatever fails: a process in which none runs looks alive and follows nothing. Rejects only when nobody wants one.
 */
export async function changeOver<R extends {stop(): Promise<void>}>({
  before,
  startWanted,
  startBefore,
  clock,
  signal,
  onError,
}: ChangeOver<R>): Promise<{readonly runtime: R; readonly failure: {readonly cause: unknown} | null}> {
  await before.stop().catch((error) => onError('not stopped cleanly', error))
  try {
    return {runtime: await startWanted(), failure: null}
  } catch (cause) {
    for (;;) {
      try {
        return {runtime: await startBefore(), failure: {cause}}
      } catch (error) {
        if (signal.aborted) throw error
        onError('the configuration before cannot be started either; tried again', error)
        await clock.sleep(AGAIN_MS, signal)
      }
    }
  }
}
