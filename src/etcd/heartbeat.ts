import type {Etcd3} from 'etcd3'
import {errorText} from './client.ts'
import type {WatchClock} from './source.ts'

const EVERY_MS = 1500
const ANSWER_WITHIN_MS = 2000

/**
 * Asks the server something small every one and a half seconds for as long as the signal lets it, and resolves with the reason when
 * an answer fails or does not come: a watch on a frozen server is silent, exactly like a watch on a quiet one.
 */
export async function listenForLife(
  client: Etcd3,
  prefix: string,
  clock: WatchClock,
  signal: AbortSignal,
): Promise<string | null> {
  const request = {key: Buffer.from(prefix), limit: 1, keys_only: true, serializable: true}
  while (!signal.aborted) {
    await clock.sleep(EVERY_MS, signal)
    if (signal.aborted) break
    try {
      await client.kv.range(request, {deadline: Date.now() + ANSWER_WITHIN_MS})
    } catch (error) {
      return errorText(error)
    }
  }
  return null
}
