import type {ServerResponse} from 'node:http'
import type {Caller} from './caller.ts'

/** What may wait for one client before the next; more than this, or for so long, and it is cut: it comes back and resumes. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024
const MOST_WAITING_MS = 30_000

/** One client that watches. */
export interface EventStream {
  send(event: Buffer): void
  /** Of these only the last one counts: who is slow is spared those in between. */
  sendLatest(event: Buffer): void
  /** A word in silence; also the moment at which what holds no longer is ended. */
  beat(comment: Buffer): void
  end(): void
}

export interface EventStreamOptions {
  readonly response: ServerResponse
  readonly caller: Caller
  readonly nowMs: () => number
  readonly onEnd: () => void
}

export function createEventStream({response, caller, nowMs, onEnd}: EventStreamOptions): EventStream {
  let latest: Buffer | null = null
  let waitsSinceMs: number | null = null
  let ended = false

  const finish = (): void => {
    if (ended) return
    ended = true
    latest = null
    onEnd()
  }
  const cut = (): void => {
    finish()
    response.destroy()
  }
  const end = (): void => {
    finish()
    response.end()
  }
  const write = (bytes: Buffer): void => {
    if (ended) return
    const tooLong = waitsSinceMs !== null && nowMs() - waitsSinceMs > MOST_WAITING_MS
    if (tooLong || response.writableLength > MOST_WAITING_BYTES) cut()
    else if (!response.write(bytes)) waitsSinceMs ??= nowMs()
  }
  response.on('close', finish)
  response.on('error', cut)
  response.on('drain', () => {
    waitsSinceMs = null
    const event = latest
    latest = null
    if (event) write(event)
  })

  return {
    send: write,
    sendLatest(event) {
      if (waitsSinceMs === null) write(event)
      else latest = event
    },
    beat(comment) {
      if (caller.isStill()) write(comment)
      else end()
    },
    end,
  }
}
