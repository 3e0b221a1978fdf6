import {randomBytes} from 'node:crypto'
import type {ServerResponse} from 'node:http'
import {type Reply, refuse, refuseWith, type StreamReply} from './answer.ts'
import type {GatewayView, Kind, Meant} from './gateway-view.ts'
import {writeOut} from './write-out.ts'

/** How long rows are made at a time; packets do not wait for a table. */
const SLICE_MS = 5
/** What is longer goes out as it is made. */
const WHOLE_CHARACTERS = 256 * 1024
/** Of lists that somebody has begun to read, and for how long; the oldest goes. */
const MOST_OPEN = 64
const OPEN_MS = 60_000

/** Lists in pages: each takes up where the one before it left, so a million rows cost a million steps and no array. */
export interface Listings {
  begin(view: GatewayView, asked: AskedList, limit: number): Promise<Reply | StreamReply>
  goOn(kind: Kind, cursor: string, limit: number): Promise<Reply | StreamReply>
}

export interface AskedList extends Meant {
  readonly kind: Kind
}

/** Some are searched for, in slices of their own. */
type Rows = Iterator<unknown> | AsyncIterator<unknown>

/** One list under way; the row that it stopped at is made already. */
interface Under {
  readonly kind: Kind
  readonly rows: Rows
  readonly waiting: IteratorResult<unknown>
  readonly sinceMs: number
}

export function createListings(nowMs: () => number): Listings {
  const open = new Map<string, Under>()

  const keep = (kind: Kind, rows: Rows, waiting: IteratorResult<unknown>): string => {
    const now = nowMs()
    for (const [cursor, {rows: left, sinceMs}] of open) {
      if (open.size < MOST_OPEN && now - sinceMs <= OPEN_MS) continue
      open.delete(cursor)
      void left.return?.()
    }
    const cursor = randomBytes(12).toString('base64url')
    open.set(cursor, {kind, rows, waiting, sinceMs: now})
    return cursor
  }

  /** The text of a page, in pieces that are each the work of a moment. */
  async function* pieces(
    kind: Kind,
    rows: Rows,
    first: IteratorResult<unknown>,
    limit: number,
  ): AsyncGenerator<string> {
    let row = first
    let text = `{"kind":${JSON.stringify(kind)},"items":[`
    let count = 0
    let untilMs = nowMs() + SLICE_MS
    while (!row.done && (limit === 0 || count < limit)) {
      text += `${count === 0 ? '' : ','}${JSON.stringify(row.value)}`
      count++
      const taken = rows.next()
      row = taken instanceof Promise ? await taken : taken
      if (nowMs() < untilMs) continue
      yield text
      text = ''
      await new Promise((resolve) => setImmediate(resolve))
      untilMs = nowMs() + SLICE_MS
    }
    const next = row.done ? null : keep(kind, rows, row)
    yield `${text}],"more":${next !== null},"next":${JSON.stringify(next)}}\n`
  }

  const page = async (
    kind: Kind,
    rows: Rows,
    first: IteratorResult<unknown>,
    limit: number,
  ): Promise<Reply | StreamReply> => {
    const made = pieces(kind, rows, first, limit)
    const contentType = 'application/json; charset=utf-8'
    let text = ''
    for (;;) {
      const {done, value} = await made.next()
      if (done) return {status: 200, contentType, body: text}
      text += value
      if (text.length < WHOLE_CHARACTERS) continue
      const begun = text
      return {status: 200, contentType, stream: (response: ServerResponse) => writeOut(response, begun, made)}
    }
  }

  return {
    async begin(view, {kind, ...meant}, limit) {
      const {name = null} = meant
      const found = await view.get(kind, meant)
      if ('problem' in found) return refuseWith(found, fieldOf(meant))
      const rows = Symbol.iterator in found ? found[Symbol.iterator]() : found[Symbol.asyncIterator]()
      const first = await rows.next()
      if (name !== null && first.done) return refuse(404, 'not-found', `no ${kind} named ${name}`, 'path.name')
      return page(kind, rows, first, limit)
    },
    async goOn(kind, cursor, limit) {
      const under = open.get(cursor)
      if (!under || under.kind !== kind || nowMs() - under.sinceMs > OPEN_MS) {
        return refuse(410, 'cursor-gone', 'this page was read, or is too old: begin anew', 'query.cursor')
      }
      open.delete(cursor)
      return page(kind, under.rows, under.waiting, limit)
    },
  }
}

const fieldOf = ({selector, text}: Meant): string =>
  selector != null ? 'query.selector' : text != null ? 'query.text' : 'path.name'
