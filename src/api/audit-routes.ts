import * as z from 'zod'
import {json} from './answer.ts'
import {AuditLog} from './answer-schemas.ts'
import {wholeNumber} from './query.ts'
import {type Route, route} from './route.ts'

const MOST_ENTRIES = 1000

/** Who has changed what. */
export const AUDIT_ROUTES: readonly Route[] = [
  route(
    {
      ...{method: 'GET', path: '/v1/audit', does: 'who has changed what, the newest first', role: 'viewer'},
      query: z.strictObject({
        limit: wholeNumber(1, MOST_ENTRIES).default(100),
        before: wholeNumber(1, 999_999_999).optional(),
      }),
      body: null,
      answers: {200: AuditLog},
    },
    async ({audit}, {query: {limit, before}}) => json(await audit.read(limit, before ?? null)),
  ),
]
