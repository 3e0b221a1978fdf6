import {randomBytes} from 'node:crypto'
import type {ServerResponse} from 'node:http'
import type {Caller} from './caller.ts'
import {createEventStream, type EventStream} from './event-stream.ts'
import type {GatewayView} from './gateway-view.ts'
import type {LogAnswer, LogEntry, Watched} from './live-view.ts'
import {logEntries} from './log-entries.ts'

/** How many entries of the log are kept. */
const MOST_ENTRIES = 2000
export const MOST_STREAMS = 200
const LOOK_MS = 1000
const HEARTBEAT_MS = 15_000
/** Making the status for those who watch takes no more of the daemon's time than one part in so many. */
const SHARE = 100

/**
 * What changed, told as it happens: one look a second, one text for everybody who watches.
 *
 *     GatewayView.watched() ─► difference to the last look ─► ring of entries ─┬─► every stream
 *     GatewayView.status()  ─► JSON, while somebody watches ───────────────────┘
 *
 * Ids are `RUN-NUMBER`: the run is another after each start of the daemon, and numbers only grow in one.
 */
export interface EventHub {
  look(): void
  /** Whether there is room for one more. */
  hasRoom(): boolean
  /** Tells what came after the event of that id, then what comes. */
  attach(response: ServerResponse, caller: Caller, after: string | null): void
  /** The newest first; `before` is an id. */
  log(limit: number, before: string | null): LogAnswer
  streams(): number
  /** A sign of life to everybody, in case all is silent. */
  beat(): void
  close(): void
}

export interface EventHubOptions {
  readonly view: Pick<GatewayView, 'watched' | 'status'>
  readonly nowMs: () => number
  readonly wallIso: () => string
  readonly onError: (error: unknown) => void
}

export function createEventHub({view, nowMs, wallIso, onError}: EventHubOptions): EventHub {
  const run = randomBytes(6).toString('hex')
  let number = 0
  let ring: {readonly entry: LogEntry; readonly number: number}[] = []
  /** The last number that is no longer in the ring. */
  let dropped = 0
  let seen: Watched | null = null
  const streams = new Set<EventStream>()
  let status: {readonly text: string; readonly event: Buffer} | null = null
  let nextStatusMs = 0

  const idOf = (of: number): string => `${run}-${of}`
  const eventOf = (id: string, event: string, json: string): Buffer =>
    Buffer.from(`id: ${id}\nevent: ${event}\ndata: ${json}\n\n`)
  const entryEvent = (entry: LogEntry): Buffer => eventOf(entry.id, 'log', JSON.stringify(entry))

  const add = (said: Omit<LogEntry, 'at' | 'id'>): LogEntry => {
    number++
    const entry = {id: idOf(number), at: wallIso(), ...said}
    ring.push({entry, number})
    // A quarter at a time, so that the ring is not moved for each entry.
    if (ring.length > MOST_ENTRIES * 1.25) {
      dropped = ring[ring.length - MOST_ENTRIES - 1]!.number
      ring = ring.slice(-MOST_ENTRIES)
    }
    return entry
  }

  /** null: as it was. */
  const takeStatus = (): Buffer | null => {
    const began = nowMs()
    const text = JSON.stringify(view.status())
    nextStatusMs = began + Math.max(LOOK_MS * 0.9, (nowMs() - began) * SHARE)
    if (text === status?.text) return null
    number++
    status = {text, event: eventOf(idOf(number), 'status', text)}
    return status.event
  }

  const lookOnce = (): void => {
    const now = view.watched()
    const said = seen === null ? STARTED : logEntries(seen, now)
    seen = now
    for (const entry of said.map(add)) {
      const event = entryEvent(entry)
      for (const stream of streams) stream.send(event)
    }
    if (streams.size === 0 || nowMs() < nextStatusMs) return
    const event = takeStatus()
    if (event) for (const stream of streams) stream.sendLatest(event)
  }

  /** What a stream has missed; null: that is not known any more. */
  const missed = (after: string): readonly LogEntry[] | null => {
    const [, ofRun, text] = /^([0-9a-f]{12})-(\d{1,15})$/.exec(after) ?? []
    const from = Number(text)
    if (ofRun !== run || from < dropped || from > number) return null
    return ring.filter((one) => one.number > from).map(({entry}) => entry)
  }

  const beat = Buffer.from(': still here\n\n')
  const heartbeat = setInterval(() => hub.beat(), HEARTBEAT_MS)
  const looking = setInterval(() => hub.look(), LOOK_MS)
  for (const timer of [heartbeat, looking]) timer.unref()

  const hub: EventHub = {
    look() {
      try {
        lookOnce()
      } catch (error) {
        onError(error)
      }
    },
    hasRoom: () => streams.size < MOST_STREAMS,
    attach(response, caller, after) {
      const stream = createEventStream({response, caller, nowMs, onEnd: () => streams.delete(stream)})
      // Before anything is sent: one that is cut by the first piece must not stay in the count.
      streams.add(stream)
      stream.send(Buffer.from('retry: 2000\n\n'))
      const entries = after === null ? [] : missed(after)
      if (entries === null) {
        number++
        stream.send(eventOf(idOf(number), 'resync', JSON.stringify({run})))
      } else for (const entry of entries) stream.send(entryEvent(entry))
      // Of a moment ago will do: a thousand that come at once cost one status.
      if (status === null || nowMs() >= nextStatusMs) takeStatus()
      if (status) stream.sendLatest(status.event)
    },
    log(limit, before) {
      const [ofRun, below] = before?.split('-') ?? [run, Number.POSITIVE_INFINITY]
      const older = ofRun === run ? ring.filter((one) => one.number < Number(below)) : []
      const entries = older.slice(-limit).map(({entry}) => entry)
      return {run, entries: entries.reverse(), more: older.length > limit}
    },
    streams: () => streams.size,
    beat() {
      for (const stream of streams) stream.beat(beat)
    },
    close() {
      clearInterval(heartbeat)
      clearInterval(looking)
      for (const stream of streams) stream.end()
    },
  }
  return hub
}

const STARTED = [{code: 'started', severity: 'info', what: 'the daemon has started', object: 'gateway'}] as const
