import {type Reply, refuse, type StreamReply} from './answer.ts'
import {type Caller, mayAsk} from './caller.ts'
import type {Route, Served} from './route.ts'
import {ROUTES} from './routes.ts'

/** One request before anything of it is believed. */
export interface Incoming {
  readonly method: string
  /** As on the request line: path and query. */
  readonly target: string
  readonly caller: Caller
  readonly body: () => Promise<string>
  readonly header: (name: string) => string | undefined
}

/** `plain`: what anybody who reaches the metrics' port may ask, and nothing else is there. */
export type Scope = 'full' | 'plain'

/** Answers one request; what the view throws goes up, as our own bug. */
export async function answer(served: Served, scope: Scope, incoming: Incoming): Promise<Reply | StreamReply> {
  const {method, target, caller, header} = incoming
  const [path = '', search = ''] = splitOnce(target, '?')
  const parts = splitPath(path)
  if (!parts) return refuse(400, 'bad-request', 'path: not well encoded', 'path')
  const routes = scope === 'full' ? ROUTES : ROUTES.filter(({plain}) => plain)
  const found = routes.flatMap((route) => {
    const params = match(route.path, parts)
    return params ? [{route, params}] : []
  })
  if (found.length === 0) {
    const known = [...new Set(routes.map((route) => route.path))]
    return refuse(404, 'not-found', `nothing at ${path.slice(0, 200)}; there is ${known.join(', ')}`, 'path')
  }
  const wanted = method === 'HEAD' ? 'GET' : method
  const chosen = found.find(({route}) => route.method === wanted)
  if (!chosen) {
    const allow = found.map(({route}) => route.method).join(', ')
    const refusal = refuse(405, 'method-not-allowed', `${method} is not for ${found[0]!.route.path}; ${allow} is`)
    return {...refusal, headers: {allow}}
  }
  const {route, params} = chosen
  const refusal = scope === 'full' ? refuseCaller(route, caller) : null
  if (refusal) return refusal
  return route.run(served, {caller, params, query: new URLSearchParams(search), body: incoming.body, header})
}

function refuseCaller({role, method, path}: Route, caller: Caller): Reply | null {
  if (mayAsk(caller.role, role)) return null
  if (caller.role === null) {
    const how = 'a client certificate that `api.clients` names, or `isthmus login-token` on the gateway'
    const refusal = refuse(401, 'not-logged-in', `${method} ${path} needs a login: ${how}`)
    return {...refusal, headers: {'www-authenticate': 'Isthmus realm="gateway"'}}
  }
  const way = 'a client certificate of role admin, or the socket on the gateway'
  return refuse(403, 'not-allowed', `${caller.name} is a ${caller.role}; ${method} ${path} needs ${way}`)
}

function splitOnce(text: string, at: string): [string, string] {
  const index = text.indexOf(at)
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)]
}

/** Nothing is resolved: `..` is a name like any other, and none that is known. */
function splitPath(path: string): string[] | null {
  if (!path.startsWith('/')) return null
  try {
    return path.slice(1).split('/').map(decodeURIComponent)
  } catch {
    return null
  }
}

/** A name may hold slashes (`SITE/GATEWAY`, a prefix), so the last parameter takes all that is left. */
function match(pattern: string, parts: readonly string[]): Readonly<Record<string, string>> | null {
  const words = pattern.slice(1).split('/')
  const params: Record<string, string> = {}
  for (const [index, word] of words.entries()) {
    const isParam = word.startsWith('{')
    const isRest = isParam && index === words.length - 1 && index > 0 && words[index - 1]!.startsWith('{')
    const part = isRest ? parts.slice(index).join('/') : parts[index]
    if (part === undefined || (isParam && part === '')) return null
    if (isParam) params[word.slice(1, -1)] = part
    else if (word !== part) return null
    if (isRest) return params
  }
  return words.length === parts.length ? params : null
}
