import * as z from 'zod'
import {json, refuseForNow} from './answer.ts'
import {LogAnswer} from './answer-schemas.ts'
import {wholeNumber} from './query.ts'
import {type Route, route} from './route.ts'

const MOST_LOG = 2000

/** What changes, as it does and afterwards. */
export const LIVE_ROUTES: readonly Route[] = [
  route(
    {
      ...{method: 'GET', path: '/v1/events', does: 'what changes, as server-sent events', role: 'viewer'},
      ...{query: z.strictObject({after: z.string().max(64).optional()}), body: null},
      answers: {200: 'events'},
      headers: {'Last-Event-ID': /^[0-9a-f]{12}-\d{1,15}$/},
      refuses: [503],
    },
    ({hub}, {caller, query, header}) => {
      if (!hub.hasRoom()) return refuseForNow(503, 'as many watch already as may', 5)
      const after = header('last-event-id') ?? query.after ?? null
      return {
        status: 200,
        contentType: 'text/event-stream; charset=utf-8',
        headers: {'x-accel-buffering': 'no'},
        stream: (response) => hub.attach(response, caller, after),
      }
    },
  ),
  route(
    {
      ...{method: 'GET', path: '/v1/log', does: 'what has changed, the newest first', role: 'viewer'},
      query: z.strictObject({
        limit: wholeNumber(1, MOST_LOG).default(200),
        before: z
          .string()
          .regex(/^[0-9a-f]{12}-\d{1,15}$/, 'must be the id of an entry')
          .optional(),
      }),
      body: null,
      answers: {200: LogAnswer},
    },
    ({hub}, {query: {limit, before}}) => json(hub.log(limit, before ?? null)),
  ),
]
