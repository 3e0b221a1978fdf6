import {json, type Reply, refuse} from './answer.ts'
import type {ConfigChange, GatewayView} from './gateway-view.ts'
import type {Request, Routes} from './request.ts'

/** A day: whoever does not come back by then does not wait for a connection. */
const MOST_CONFIRM_SECONDS = 86_400
/** Less than it takes to look whether all is well is no time to confirm. */
const LEAST_CONFIRM_SECONDS = 5

/** Reading, changing and undoing the configuration. */
export const CONFIG_ROUTES: Routes = {
  'v1/reload': {
    POST: async (view) => {
      const {ok, findings} = await view.reload()
      if (ok) return json({findings})
      const message = 'the configuration was refused; the old one stays in force'
      return json({error: {code: 'config-refused', message, findings}}, 422)
    },
  },
  'v1/config': {GET: getConfig},
  'v1/config/history': {GET: (view) => json(view.configuration.history())},
  'v1/config/apply': {POST: applyConfig},
  'v1/config/confirm': {POST: async (view) => changed(await view.configuration.confirm())},
  'v1/config/rollback': {POST: rollBack},
}

async function getConfig(view: GatewayView, {query}: Request): Promise<Reply> {
  if (!query.has('version')) return json(view.configuration.inForce())
  const version = wholeNumber(query.get('version'))
  if (version === null) return refuse(400, 'bad-request', 'version must be a whole number')
  const text = await view.configuration.version(version)
  return text === null ? refuse(404, 'no-such-version', `there is no version ${version}`) : json({version, text})
}

async function applyConfig(view: GatewayView, {query, body}: Request): Promise<Reply> {
  const seconds = query.has('confirm') ? wholeNumber(query.get('confirm')) : undefined
  if (seconds === null || (seconds !== undefined && !isConfirmTime(seconds))) {
    const range = `${LEAST_CONFIRM_SECONDS} to ${MOST_CONFIRM_SECONDS} seconds`
    return refuse(400, 'bad-request', `confirm must be ${range}`)
  }
  return changed(await view.configuration.apply(await body(), seconds ?? null))
}

async function rollBack(view: GatewayView, {query}: Request): Promise<Reply> {
  const version = query.has('version') ? wholeNumber(query.get('version')) : undefined
  if (version === null) return refuse(400, 'bad-request', 'version must be a whole number')
  return changed(await view.configuration.rollback(version ?? null))
}

const STATUS_OF = {
  'config-refused': 422,
  'needs-restart': 422,
  'change-pending': 409,
  'nothing-pending': 409,
  'no-such-version': 404,
  'config-unwritable': 500,
} as const

function changed(change: ConfigChange): Reply {
  if (!change.ok) {
    const {code, message, findings} = change
    return json({error: {code, message, findings}}, STATUS_OF[code])
  }
  const {version, unchanged, pending, findings} = change
  return json({version, unchanged, pending, findings})
}

const isConfirmTime = (seconds: number): boolean => seconds >= LEAST_CONFIRM_SECONDS && seconds <= MOST_CONFIRM_SECONDS

const wholeNumber = (text: string | null): number | null =>
  text !== null && /^\d{1,9}$/.test(text) ? Number(text) : null
