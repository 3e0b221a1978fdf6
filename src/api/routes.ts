import {json, type Reply, refuse, refuseWith} from './answer.ts'
import {CONFIG_ROUTES} from './config-routes.ts'
import type {GatewayView} from './gateway-view.ts'
import {getObjects} from './get-objects.ts'
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
  'v1/why-not': {GET: whyNot},
  'v1/reach': {GET: reach},
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

async function whyNot(view: GatewayView, {query}: Request): Promise<Reply> {
  const prefix = query.get('prefix')
  if (prefix === null) return refuse(400, 'bad-request', 'prefix is missing: a prefix or an address')
  const result = await view.whyNot(prefix)
  return result.ok ? json(result.answer) : refuseWith(result)
}

function reach(view: GatewayView, {query}: Request): Reply {
  const result = view.reach(query.get('address') ?? '')
  return result.ok ? json(result.answer) : refuseWith(result)
}

async function drain(view: GatewayView, on: boolean): Promise<Reply> {
  await view.drain(on)
  return json({drainingSince: view.status().drainingSince})
}

async function rotateKeys(view: GatewayView, {query}: Request): Promise<Reply> {
  const answer = await view.rotateKeys(query.get('site'))
  return answer.ok ? json({tunnels: answer.tunnels}) : refuse(404, 'not-found', answer.problem)
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
