import * as z from 'zod'
import {json, type Reply, refuse, refuseWith} from './answer.ts'
import {
  Drained,
  GatewayStatus,
  Health,
  KeysRotated,
  Listing,
  OpenApi,
  Reach,
  Readiness,
  TraceAnswer,
  WhyNot,
} from './answer-schemas.ts'
import {AUDIT_ROUTES} from './audit-routes.ts'
import {CONFIG_ROUTES} from './config-routes.ts'
import {CONSOLE_ROUTES} from './console-routes.ts'
import {type GatewayView, KINDS, type Kind} from './gateway-view.ts'
import {LIVE_ROUTES} from './live-routes.ts'
import {LOGIN_ROUTES} from './login-routes.ts'
import {openApiDocument} from './openapi.ts'
import {NO_QUERY, wholeNumber} from './query.ts'
import {type Route, route} from './route.ts'

/** A table of this length is read by nobody; a program that wants all says `limit=0`. */
const DEFAULT_LIMIT = 10_000

/** Longer than anybody writes by hand. */
const MOST_SELECTOR = 10_000
const MOST_TEXT = 256
const CURSOR = z.string().regex(/^[\w-]{16}$/, 'must be what `next` of the page before was')

const LISTING = z.strictObject({
  limit: wholeNumber(0, 999_999_999).default(DEFAULT_LIMIT),
  cursor: CURSOR.optional(),
  selector: z.string().max(MOST_SELECTOR).optional(),
  text: z.string().max(MOST_TEXT).optional(),
})
const NAMED = LISTING.omit({cursor: true})

const value = z.union([z.string().max(64), z.number()]).optional()

/** Words of formats.md; which of them are needed, and what they mean together, is the tracer's to say. */
const FLOW = z.strictObject(
  {
    from: z.string().optional(),
    to: z.string().optional(),
    ...{protocol: value, port: value, sourcePort: value, type: value, code: value},
    id: z.union([z.string(), z.number()]).optional(),
  },
  {
    error: (issue) =>
      issue.code === 'invalid_type' ? 'a flow is an object: {"from":…,"to":…,"protocol":…}' : undefined,
  },
)

/** Made when somebody asks for the first time. */
let document: Reply | null = null

/** All that a gateway answers: one entry, and nothing about it is said anywhere else. */
export const ROUTES: readonly Route[] = [
  route(
    {
      ...{method: 'GET', path: '/metrics', does: 'Prometheus exposition', role: 'viewer', plain: true},
      ...{query: z.object(), body: null},
      answers: {200: 'text'},
    },
    async ({view}) => {
      const {contentType, text} = await view.metrics()
      return {status: 200, contentType, body: text}
    },
  ),
  // Alive: this process answers. Ready: what the kernel holds comes from this run.
  route(
    {
      ...{method: 'GET', path: '/healthz', does: 'whether the daemon answers', role: 'anyone', plain: true},
      ...{query: z.object(), body: null},
      answers: {200: Health},
    },
    ({view}) => json({ok: true, ready: view.status().ready}),
  ),
  route(
    {
      ...{method: 'GET', path: '/readyz', does: 'whether the first pass is done', role: 'anyone', plain: true},
      ...{query: z.object(), body: null},
      answers: {200: Readiness, 503: Readiness},
    },
    ({view}) => {
      const {ready, waitingFor} = view.status()
      return json({ready, waitingFor}, ready ? 200 : 503)
    },
  ),
  route(
    {
      ...{method: 'GET', path: '/v1/status', does: 'the gateway at a glance', role: 'viewer'},
      ...{query: NO_QUERY, body: null},
      answers: {200: GatewayStatus},
    },
    ({view}) => json(view.status()),
  ),
  route(
    {
      ...{method: 'GET', path: '/v1/get/{kind}', does: 'objects of a kind', role: 'viewer'},
      ...{query: LISTING, body: null},
      answers: {200: Listing},
      refuses: [410, 503],
    },
    ({view, listings}, {params, query: {limit, cursor, ...meant}}) => {
      const kind = kindOf(params.kind!)
      if (kind === null) return unknownKind(params.kind!)
      return cursor === undefined ? listings.begin(view, {kind, ...meant}, limit) : listings.goOn(kind, cursor, limit)
    },
  ),
  route(
    {
      ...{method: 'GET', path: '/v1/get/{kind}/{name}', does: 'the objects of that name', role: 'viewer'},
      ...{query: NAMED, body: null},
      answers: {200: Listing},
      refuses: [503],
    },
    ({view, listings}, {params, query: {limit, ...meant}}) => {
      const kind = kindOf(params.kind!)
      return kind === null
        ? unknownKind(params.kind!)
        : listings.begin(view, {kind, name: params.name!, ...meant}, limit)
    },
  ),
  route(
    {
      ...{method: 'GET', path: '/v1/why-not', does: 'why a prefix is not here, step by step', role: 'viewer'},
      ...{query: z.strictObject({prefix: z.string().default('')}), body: null},
      answers: {200: WhyNot},
    },
    async ({view}, {query: {prefix}}) => {
      const result = await view.whyNot(prefix)
      return result.ok ? json(result.answer) : refuseWith(result, 'query.prefix')
    },
  ),
  route(
    {
      ...{method: 'GET', path: '/v1/reach', does: 'whose packets come to an address', role: 'viewer'},
      ...{query: z.strictObject({address: z.string().default('')}), body: null},
      answers: {200: Reach},
      refuses: [503],
    },
    ({view}, {query: {address}}) => {
      const result = view.reach(address)
      return result.ok ? json(result.answer) : refuseWith(result, 'query.address')
    },
  ),
  route(
    {
      ...{method: 'POST', path: '/v1/trace', does: 'what becomes of a flow, and why', role: 'viewer'},
      ...{query: z.strictObject({stations: z.enum(['true', 'false']).optional()}), body: FLOW},
      answers: {200: TraceAnswer},
    },
    async ({view}, {query, body}) => {
      const result = await view.trace(body, query.stations === 'true')
      if (result.ok) return json(result.answer)
      return refuse(400, 'bad-request', result.problem, `body.${result.problem.split(':')[0]}`)
    },
  ),
  route(
    {
      ...{method: 'POST', path: '/v1/drain', does: 'asks others to use another way', role: 'admin'},
      ...{query: NO_QUERY, body: null},
      answers: {200: Drained},
    },
    ({view}) => drain(view, true),
  ),
  route(
    {
      ...{method: 'POST', path: '/v1/undrain', does: 'asks for traffic again', role: 'admin'},
      ...{query: NO_QUERY, body: null},
      answers: {200: Drained},
    },
    ({view}) => drain(view, false),
  ),
  route(
    {
      ...{method: 'POST', path: '/v1/keys/rotate', does: 'new WireGuard keys, without losing a packet', role: 'admin'},
      ...{query: z.strictObject({site: z.string().optional()}), body: null},
      answers: {200: KeysRotated},
      refuses: [404],
    },
    async ({view}, {query}) => {
      const answer = await view.rotateKeys(query.site ?? null)
      if (!answer.ok) return refuse(404, 'not-found', answer.problem, 'query.site')
      return {...json({tunnels: answer.tunnels}), changed: `new keys: ${answer.tunnels.join(', ') || 'none'}`}
    },
  ),
  route(
    {
      ...{method: 'GET', path: '/v1/openapi.json', does: 'this document', role: 'viewer'},
      ...{query: NO_QUERY, body: null},
      answers: {200: OpenApi},
    },
    () => {
      document ??= json(openApiDocument(ROUTES))
      return document
    },
  ),
  ...AUDIT_ROUTES,
  ...CONFIG_ROUTES,
  ...CONSOLE_ROUTES,
  ...LIVE_ROUTES,
  ...LOGIN_ROUTES,
]

function unknownKind(kind: string): Reply {
  const known = `there is ${KINDS.join(', ')}`
  return refuse(404, 'unknown-kind', `no kind ${JSON.stringify(kind.slice(0, 64))}; ${known}`, 'path.kind')
}

async function drain(view: GatewayView, on: boolean): Promise<Reply> {
  const before = view.status().drainingSince
  await view.drain(on)
  const {drainingSince} = view.status()
  return {...json({drainingSince}), changed: `drainingSince: ${before ?? 'null'} -> ${drainingSince ?? 'null'}`}
}

const kindOf = (text: string): Kind | null => KINDS.find((kind) => kind === text) ?? null
