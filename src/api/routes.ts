import {json, type Reply, refuse} from './answer.ts'
import {CONFIG_ROUTES} from './config-routes.ts'
import {type GatewayView, KINDS, type Kind} from './gateway-view.ts'
import type {Request, Routes} from './request.ts'

/** What anybody who reaches it may ask: no names, no addresses but those in metrics. */
const PUBLIC_ROUTES: Routes = {
  metrics: {
    GET: async (view) => {
      const {contentType, text} = await view.metrics()
      return {status: 200, contentType, body: text}
    },
  },
  // Alive: this process answers. Ready: what the kernel holds comes from this run.
  healthz: {GET: (view) => json({ok: true, ready: view.status().ready})},
  readyz: {
    GET: (view) => {
      const {ready, waitingFor} = view.status()
      return json({ready, waitingFor}, ready ? 200 : 503)
    },
  },
}

const ROUTES: Routes = {
  ...PUBLIC_ROUTES,
  'v1/status': {GET: (view) => json(view.status())},
  'v1/get': {GET: getObjects},
  'v1/trace': {POST: traceFlow},
  'v1/drain': {POST: (view) => drain(view, true)},
  'v1/undrain': {POST: (view) => drain(view, false)},
  'v1/keys/rotate': {POST: rotateKeys},
  ...CONFIG_ROUTES,
}

/** Answers one request; what the view throws goes up, as our own bug. */
export async function answer(view: GatewayView, scope: 'full' | 'public', request: Request): Promise<Reply> {
  const routes = scope === 'full' ? ROUTES : PUBLIC_ROUTES
  const parts = splitPath(request.path)
  if (!parts) return refuse(400, 'bad-request', 'the path is not well encoded')
  const {name, rest} = match(routes, parts)
  const methods = name === null ? undefined : routes[name]
  if (!methods) {
    const known = Object.keys(routes).map((route) => `/${route}`)
    return refuse(404, 'not-found', `nothing at ${request.path}; there is ${known.join(', ')}`)
  }
  const handler = methods[request.method === 'HEAD' ? 'GET' : (request.method as 'GET')]
  if (!handler) {
    const allow = Object.keys(methods).join(', ')
    return {
      ...refuse(405, 'method-not-allowed', `${request.method} is not for /${name}; ${allow} is`),
      headers: {allow},
    }
  }
  return handler(view, request, rest)
}

function splitPath(path: string): string[] | null {
  try {
    return path.slice(1).split('/').map(decodeURIComponent)
  } catch {
    return null
  }
}

/** Only `get` takes more path than its route. */
function match(routes: Routes, parts: readonly string[]): {name: string | null; rest: readonly string[]} {
  const whole = parts.join('/')
  if (Object.hasOwn(routes, whole)) return {name: whole, rest: []}
  if (Object.hasOwn(routes, 'v1/get') && parts[0] === 'v1' && parts[1] === 'get') {
    return {name: 'v1/get', rest: parts.slice(2)}
  }
  return {name: null, rest: []}
}

/** A table of this length is read by nobody; a program that wants all says `limit=0`. */
const DEFAULT_LIMIT = 10_000

function getObjects(view: GatewayView, {query}: Request, [kind, ...name]: readonly string[]): Reply {
  if (!isKind(kind)) {
    return refuse(404, 'unknown-kind', `no kind ${JSON.stringify(kind ?? '')}; there is ${KINDS.join(', ')}`)
  }
  const limit = Number(query.get('limit') ?? DEFAULT_LIMIT)
  if (!Number.isSafeInteger(limit) || limit < 0) return refuse(400, 'bad-request', 'limit must be a whole number')
  // A name may hold slashes: `SITE/GATEWAY`, `NAMESPACE/NAME`, a prefix.
  const wanted = name.length > 0 ? name.join('/') : null
  const items: unknown[] = []
  let more = false
  for (const item of view.get(kind, wanted)) {
    more = limit > 0 && items.length === limit
    if (more) break
    items.push(item)
  }
  if (wanted !== null && items.length === 0) return refuse(404, 'not-found', `no ${kind} named ${wanted}`)
  return json({kind, items, more})
}

async function drain(view: GatewayView, on: boolean): Promise<Reply> {
  await view.drain(on)
  return json({drainingSince: view.status().drainingSince})
}

async function rotateKeys(view: GatewayView, {query}: Request): Promise<Reply> {
  const answer = await view.rotateKeys(query.get('site'))
  return answer.ok ? json({tunnels: answer.tunnels}) : refuse(404, 'not-found', answer.problem)
}

function isKind(text: string | undefined): text is Kind {
  return KINDS.some((kind) => kind === text)
}

async function traceFlow(view: GatewayView, request: Request): Promise<Reply> {
  let flow: unknown
  try {
    flow = JSON.parse(await request.body())
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return refuse(400, 'bad-request', `the flow is not JSON: ${error.message}`)
  }
  const result = await view.trace(flow, request.query.get('stations') === 'true')
  return result.ok ? json(result.answer) : refuse(400, 'bad-request', result.problem)
}
