import {type BirdClient, refusalOf, replyCode} from '../../bird/index.ts'
import type {BirdRoute} from '../../model/index.ts'
import type {Prefix} from '../../net/index.ts'
import {parseRoutes} from './parse-routes.ts'

/** Which routes: all in short; of one prefix, of what holds it, or inside it, with all attributes. */
export type RouteQuestion =
  | {readonly of: 'all'}
  | {
      readonly of: 'exactly' | 'for' | 'inside'
      readonly prefix: Prefix
      /** Not what counts, but what import filters refused (`import keep filtered`). */
      readonly filtered?: true
    }

const WORDS = {exactly: '', for: 'for ', inside: 'in '} as const

/** Throws `BirdUnreachable` where BIRD does not answer. That a network is not in the table is an answer: none. */
export async function askRoutes(
  client: BirdClient,
  question: RouteQuestion,
  signal: AbortSignal,
): Promise<Iterable<BirdRoute>> {
  const words =
    question.of === 'all'
      ? 'show route'
      : `show route ${WORDS[question.of]}${question.prefix} all${question.filtered ? ' filtered' : ''}`
  const reply = await client.request(words, signal)
  if (reply.code === replyCode.notFound) return []
  const refusal = refusalOf(reply)
  if (refusal !== null) throw new Error(`BIRD to ${JSON.stringify(words)}: ${refusal}`)
  return parseRoutes(reply)
}
