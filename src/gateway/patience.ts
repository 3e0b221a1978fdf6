import {setTimeout as delay} from 'node:timers/promises'

/** How long is waited for who did not answer the last time. */
const PATIENCE_MS = 250

/**
 * A reading of another process, which may hang: whoever asks waits for it once as long as the reading itself does, and from
 * then on hardly, until it answers again. While it owes an answer it is not asked; what it then says late counts for
 * nothing, since it is of an earlier moment.
 */
export function impatient<T>(read: (signal: AbortSignal) => Promise<T>): (signal: AbortSignal) => Promise<T> {
  let failure: unknown = null
  let owed: Promise<unknown> | null = null
  return async (signal) => {
    if (failure !== null && owed && !(await settles(owed))) throw failure
    const reading = read(signal).then(
      (value) => {
        failure = null
        return value
      },
      (error: unknown) => {
        failure = error
        throw error
      },
    )
    owed = reading
    if (failure !== null && !(await settles(reading))) throw failure
    return await reading
  }
}

/** Whether it ends, well or not, while it is waited for. */
async function settles(reading: Promise<unknown>): Promise<boolean> {
  const given = new AbortController()
  const patience = delay(PATIENCE_MS, false, {signal: given.signal}).catch(() => false)
  const ended = reading.then(
    () => true,
    () => true,
  )
  return await Promise.race([ended, patience]).finally(() => given.abort())
}
