import type {Etcd3} from 'etcd3'
import {errorText} from './client.ts'
import type {WatchClock} from './source.ts'

const EVERY_MS = 1500
const ANSWER_WITHIN_MS = 2000
/** An election takes a second or three; a member that has no majority behind it for longer has no news either. */
const MAJORITY_WITHIN_MS = 8000

export interface LifeOptions {
  readonly client: Etcd3
  readonly prefix: string
  /** Resolves when the watch stream itself has answered. */
  readonly probe: () => Promise<void>
  readonly clock: WatchClock
  readonly signal: AbortSignal
  /** The member answers and its cluster stands behind it: what is known is true as of now. */
  readonly onHeard: () => void
}

/**
 * Asks two things every one and a half seconds for as long as the signal lets it, and resolves with the reason when the
 * answer fails or does not come. The watch's own stream must answer: one on a frozen server is silent, exactly like one on a
 * quiet server. And the cluster must: a member that is cut off from the others answers and tells nothing new, so the
 * question is one that needs the majority (no serializable read).
 */
export async function listenForLife(options: LifeOptions): Promise<string | null> {
  const {client, probe, clock, signal} = options
  const request = {key: Buffer.from(options.prefix), limit: 1, keys_only: true}
  let majorityMs = clock.nowMs()
  while (!signal.aborted) {
    await clock.sleep(EVERY_MS, signal)
    if (signal.aborted) break
    const asked = new AbortController()
    const late = clock.sleep(ANSWER_WITHIN_MS, AbortSignal.any([signal, asked.signal])).then(() => 'late')
    const range = client.kv.range(request, {deadline: Date.now() + ANSWER_WITHIN_MS}).then(() => null, errorText)
    const answered = await Promise.race([probe().then(() => 'answered'), late])
    if (signal.aborted) break
    if (answered === 'late') return `no answer within ${ANSWER_WITHIN_MS} ms`
    asked.abort()
    const refused = await range
    if (signal.aborted) break
    if (refused === null) {
      majorityMs = clock.nowMs()
      options.onHeard()
    } else if (clock.nowMs() - majorityMs > MAJORITY_WITHIN_MS) {
      return `${refused}; the member answers, its cluster does not`
    }
  }
  return null
}
