import type {Etcd3} from 'etcd3'
import {errorText, isRefused} from './errors.ts'
import type {WatchClock} from './source.ts'

const EVERY_MS = 3000
const ANSWER_WITHIN_MS = 3000
/** An election takes a second or three; a member that has no majority behind it for longer has no news either. */
const MAJORITY_WITHIN_MS = 8000

/** The stream itself has not answered: it is stuck, or brings something that is longer on its way. */
export const STREAM_SILENT = `no answer of the watch within ${ANSWER_WITHIN_MS} ms`

export interface LifeOptions {
  readonly client: Etcd3
  readonly prefix: string
  /** Resolves when the watch stream itself has answered. */
  readonly probe: () => Promise<void>
  /** When there was news last, asked for or not. */
  readonly heardMs: () => number
  readonly clock: WatchClock
  readonly signal: AbortSignal
  /** The member answers and its cluster stands behind it: what is known is true as of now. */
  readonly onHeard: () => void
}

/**
 * Asks two things after three seconds without news, for as long as the signal lets it, and resolves with the reason when
 * the answer fails or does not come. The watch's own stream must answer: one on a frozen server is silent, exactly like
 * one on a quiet server. And the cluster must: a member that is cut off from the others answers and tells nothing new, so the
 * question is one that needs the majority (no serializable read). It is also asked as whom we are: a stream outlives the
 * token, the password and even the user that it was opened with.
 */
export async function listenForLife(options: LifeOptions): Promise<string | null> {
  const {client, probe, heardMs, clock, signal} = options
  const request = {key: Buffer.from(options.prefix), limit: 1, keys_only: true}
  let askedMs = clock.nowMs()
  let majorityMs = askedMs
  while (!signal.aborted) {
    const dueMs = Math.max(askedMs, heardMs()) + EVERY_MS
    await clock.sleep(Math.max(0, dueMs - clock.nowMs()), signal)
    if (signal.aborted) break
    majorityMs = Math.max(majorityMs, heardMs())
    if (heardMs() + EVERY_MS > clock.nowMs()) continue
    askedMs = clock.nowMs()
    const asked = new AbortController()
    const late = clock.sleep(ANSWER_WITHIN_MS, AbortSignal.any([signal, asked.signal])).then(() => 'late')
    const range = client.kv.range(request, {deadline: Date.now() + ANSWER_WITHIN_MS}).then(() => null, errorText)
    const answered = await Promise.race([probe().then(() => 'answered'), late])
    if (signal.aborted) break
    if (answered === 'late') return STREAM_SILENT
    asked.abort()
    const refused = await range
    if (signal.aborted) break
    if (refused === null) {
      majorityMs = clock.nowMs()
      options.onHeard()
    } else if (isRefused(refused)) {
      return refused
    } else if (clock.nowMs() - majorityMs > MAJORITY_WITHIN_MS) {
      return `${refused}; the member answers, its cluster does not`
    }
  }
  return null
}
