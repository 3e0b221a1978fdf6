import {setImmediate as nextTurn} from 'node:timers/promises'
import {json, type Reply, refuse, refuseWith} from './answer.ts'
import {type Found, type GatewayView, KINDS, type Kind, type Problem, type Rows} from './gateway-view.ts'
import type {OpenList} from './kept-lists.ts'
import type {Request} from './request.ts'

/** A table of this length is read by nobody; a program that wants all goes on page by page. */
const DEFAULT_LIMIT = 10_000
/** A long list is laid aside this often, so that sessions, passes and other answers have their turn. */
const SLICE_MS = 8

/**
 * `GET /v1/get/KIND[/NAME]?limit=&selector=`, and with `cursor` the next page of a list that had more.
 *
 * A page is no moment: what comes or goes while a long list is read may be in it or not, and what moves may be in it twice.
 */
export async function getObjects(
  view: GatewayView,
  {query, lists}: Request,
  [kind, ...name]: readonly string[],
): Promise<Reply> {
  if (!isKind(kind)) {
    return refuse(404, 'unknown-kind', `no kind ${JSON.stringify(kind ?? '')}; there is ${KINDS.join(', ')}`)
  }
  const limit = Number(query.get('limit') ?? DEFAULT_LIMIT)
  if (!Number.isSafeInteger(limit) || limit < 0) return refuse(400, 'bad-request', 'limit must be a whole number')
  // A name may hold slashes: `SITE/GATEWAY`, `NAMESPACE/NAME`, a prefix.
  const wanted = name.length > 0 ? name.join('/') : null
  const token = query.get('cursor')
  const list = token === null ? begin(kind, await view.get(kind, wanted, query.get('selector'))) : lists.take(token)
  if (list === null || ('kind' in list && list.kind !== kind)) {
    return refuse(410, 'cursor-gone', 'this page was read, or is too old: begin anew')
  }
  if ('problem' in list) return refuseWith(list)
  const {items, left} = await takePage(list, limit)
  if (wanted !== null && items.length === 0) return refuse(404, 'not-found', `no ${kind} named ${wanted}`)
  return json({kind, items, more: left !== null, next: left === null ? null : lists.keep(left)})
}

function begin(kind: Kind, found: Found<Kind>): OpenList | Problem {
  if ('problem' in found) return found
  const rest = Symbol.iterator in found ? found[Symbol.iterator]() : found[Symbol.asyncIterator]()
  return {kind, next: null, rest}
}

/** `left`: what more there is; null: nothing. */
async function takePage(
  {kind, next, rest}: OpenList,
  limit: number,
): Promise<{readonly items: readonly Rows[Kind][]; readonly left: OpenList | null}> {
  const items: Rows[Kind][] = next === null ? [] : [next]
  let untilMs = performance.now() + SLICE_MS
  for (;;) {
    const taken = rest.next()
    const {done, value} = taken instanceof Promise ? await taken : taken
    if (done) return {items, left: null}
    if (limit > 0 && items.length === limit) return {items, left: {kind, next: value, rest}}
    items.push(value)
    if (performance.now() < untilMs) continue
    await nextTurn()
    untilMs = performance.now() + SLICE_MS
  }
}

function isKind(text: string | undefined): text is Kind {
  return KINDS.some((kind) => kind === text)
}
