import * as z from 'zod'
import {json, type Reply, refuse} from './answer.ts'
import {ConfigChanged, ConfigHistory, ConfigInForce, Reloaded} from './answer-schemas.ts'
import type {ConfigChange} from './config-view.ts'
import type {GatewayView} from './gateway-view.ts'
import {NO_QUERY, wholeNumber} from './query.ts'
import {type Route, route} from './route.ts'

/** A day: whoever does not come back by then does not wait for a connection. */
const MOST_CONFIRM_SECONDS = 86_400
/** Less than it takes to look whether all is well is no time to confirm. */
const LEAST_CONFIRM_SECONDS = 5

const VERSION = z.strictObject({version: wholeNumber(0, 999_999_999).optional()})
const CONFIRM = z.strictObject({
  confirm: wholeNumber(LEAST_CONFIRM_SECONDS, MOST_CONFIRM_SECONDS, ' seconds').optional(),
})

/** The ETag of `GET /v1/config`, or whatever is in force. */
const IF_MATCH = {'If-Match': /^("\d{1,9}"|\*)$/}

/** Reading, changing and undoing the configuration. */
export const CONFIG_ROUTES: readonly Route[] = [
  route(
    {
      ...{method: 'POST', path: '/v1/reload', does: 'reads the configuration again', role: 'admin'},
      ...{query: NO_QUERY, body: null},
      answers: {200: Reloaded},
      refuses: [422],
    },
    ({view}) =>
      compared(view, async () => {
        const {ok, findings} = await view.reload()
        if (ok) return json({findings})
        const message = 'the configuration was refused; the old one stays in force'
        return json({error: {code: 'config-refused', message, findings}}, 422)
      }),
  ),
  route(
    {
      ...{method: 'GET', path: '/v1/config', does: 'the configuration in force, or a version of it', role: 'viewer'},
      ...{query: VERSION, body: null},
      answers: {200: ConfigInForce},
      refuses: [404],
    },
    async ({view}, {query: {version}}) => {
      if (version === undefined) {
        const inForce = view.configuration.inForce()
        return {...json(inForce), headers: {etag: `"${inForce.version}"`}}
      }
      const text = await view.configuration.version(version)
      if (text !== null) return json({version, text})
      return refuse(404, 'no-such-version', `there is no version ${version}`, 'query.version')
    },
  ),
  route(
    {
      ...{method: 'GET', path: '/v1/config/history', does: 'versions of the configuration', role: 'viewer'},
      ...{query: NO_QUERY, body: null},
      answers: {200: ConfigHistory},
    },
    ({view}) => {
      const history = view.configuration.history()
      return {...json(history), headers: {etag: `"${history.inForce}"`}}
    },
  ),
  route(
    {
      ...{method: 'POST', path: '/v1/config/apply', does: 'puts a configuration in force', role: 'admin'},
      ...{query: CONFIRM, body: z.string(), bodyIs: 'text'},
      answers: {200: ConfigChanged},
      headers: IF_MATCH,
      refuses: [409, 412, 422],
    },
    ({view}, {query, body, header}) =>
      expecting(header, (expected) =>
        compared(view, async () => changed(await view.configuration.apply(body, query.confirm ?? null, expected))),
      ),
  ),
  route(
    {
      ...{method: 'POST', path: '/v1/config/confirm', does: 'keeps what waits to be confirmed', role: 'admin'},
      ...{query: NO_QUERY, body: null},
      answers: {200: ConfigChanged},
      headers: IF_MATCH,
      refuses: [409, 412],
    },
    ({view}, {header}) => expecting(header, async (expected) => changed(await view.configuration.confirm(expected))),
  ),
  route(
    {
      ...{method: 'POST', path: '/v1/config/rollback', does: 'puts the version before in force, or one', role: 'admin'},
      ...{query: VERSION, body: null},
      answers: {200: ConfigChanged},
      headers: IF_MATCH,
      refuses: [404, 412, 422],
    },
    ({view}, {query, header}) =>
      expecting(header, (expected) =>
        compared(view, async () => changed(await view.configuration.rollback(query.version ?? null, expected))),
      ),
  ),
]

/** By `If-Match`, a change of the version that somebody has looked at; without it, of whatever is in force. */
async function expecting(
  header: (name: string) => string | undefined,
  change: (expected: number | null) => Promise<Reply>,
): Promise<Reply> {
  const given = header('if-match')
  if (given === undefined || given === '*') return change(null)
  const [, version] = /^"(\d{1,9})"$/.exec(given) ?? []
  if (version !== undefined) return change(Number(version))
  const words = 'If-Match: must be the ETag of `GET /v1/config`, such as "7"'
  return refuse(400, 'bad-request', words, 'header.if-match')
}

/** With the texts in force before and after, where they differ. */
async function compared({configuration}: GatewayView, change: () => Promise<Reply>): Promise<Reply> {
  const before = configuration.inForce().text
  const reply = await change()
  const after = configuration.inForce().text
  return before === after ? reply : {...reply, changed: {before, after}}
}

const STATUS_OF = {
  'config-refused': 422,
  'needs-restart': 422,
  'change-pending': 409,
  'nothing-pending': 409,
  'no-such-version': 404,
  'config-unwritable': 500,
  'version-changed': 412,
} as const

function changed(change: ConfigChange): Reply {
  if (!change.ok) {
    const {code, message, findings} = change
    return json({error: {code, message, findings}}, STATUS_OF[code])
  }
  const {version, unchanged, pending, findings} = change
  return {...json({version, unchanged, pending, findings}), headers: {etag: `"${version}"`}}
}
