import type {RawRecord, SourceBatch, SourceId} from '../model/index.ts'
import type {EtcdConnection, EtcdOptions} from './client.ts'
import {brokenHistory, type Mark, newestMark, type ReadHistory} from './continuity.ts'
import {errorText, isLate, isTokenOver} from './errors.ts'
import {listenForLife, STREAM_SILENT} from './heartbeat.ts'
import {excess, OverLimits, type SourceLimits, type Usage, usageAfter, usageOf} from './limits.ts'
import {LARGEST_PAGE, type Listed, readPrefix} from './pages.ts'
import {type Opened, openConnection, renewedConnection} from './renewal.ts'
import type {Turns} from './turns.ts'
import {runWatchStream, type StreamEnd} from './watch-stream.ts'

export type ResyncReason = 'start' | 'compacted' | 'cluster' | 'revision' | 'limits' | 'asked'

/** How one source stands; what is old is told by its age, never by a flag alone. */
export interface SourceState {
  readonly connected: boolean
  /** A whole list has been handed on since start. */
  readonly synced: boolean
  readonly revision: number
  readonly clusterId: string | null
  readonly endpoint: string | null
  /** When the datastore last said anything (list, event, an answer to the question whether there is), on the caller's clock. */
  readonly lastHeardMs: number | null
  readonly lastError: string | null
  readonly resyncs: Readonly<Partial<Record<ResyncReason, number>>>
  readonly events: number
  /** What there is too much of to be taken; null: nothing. */
  readonly excess: string | null
}

export interface WatchClock {
  /** Monotonic. */
  nowMs(): number
  /** Resolves after `ms`, or at once when the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
  /** 0 ≤ n < 1. */
  random(): number
}

export interface WatchOptions {
  readonly source: SourceId
  readonly etcd: EtcdOptions
  /** Each ends in `/`, or would take in its neighbours' keys too. */
  readonly prefixes: readonly string[]
  /** Whole lists are read in turns: all at once they take each other's time, and all their memory together. */
  readonly listing?: Turns
  /** null: whatever it holds is taken. */
  readonly limits?: SourceLimits | null
  readonly onBatch: (batch: SourceBatch) => void
  readonly onState: (state: SourceState) => void
  readonly clock: WatchClock
  readonly signal: AbortSignal
}

export interface SourceWatch {
  state(): SourceState
  /** Lists again from the start: what a doubt about anything known asks for. */
  relist(): void
  /** Settles after the signal is aborted. */
  readonly done: Promise<void>
}

const OPEN_TIMEOUT_MS = 3000
const BACKOFF_MS = {first: 100, last: 1500}
/** What holds too much is counted again this often: before the site that it is of counts as suspect. */
const EXCESS_MS = 25_000
/**
 * All that happened while it was away comes in one message, of many megabytes perhaps, and on a slow line the next watch begins
 * with the same one: then it comes in pages of a list.
 */
const MOST_SILENT = 2
/** Lists of one processor's time are over by then; one on a slow line goes on, but the next may begin beside it. */
const MOST_TURN_MS = 10_000
/** On the slowest line. */
const LEAST_PAGE = 50

/** `renewed`: certificate files have changed, and there is a connection that was made with the new ones. */
type WatchEnd = StreamEnd | {readonly reason: 'renewed'; readonly opened: Opened}

const aborted = (signal: AbortSignal): Promise<null> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(null)
    else signal.addEventListener('abort', () => resolve(null), {once: true})
  })

/** Rejects when nobody wants it any more; what is under way may take minutes to end, and then tells nobody. */
const whileWanted = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const end = (): void => reject(new Error('not wanted any more'))
    if (signal.aborted) end()
    signal.addEventListener('abort', end, {once: true})
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', end))
  })

/** Lists and watches one datastore for as long as the signal lets it. Never throws: a failure is a state. */
export function watchSource(options: WatchOptions): SourceWatch {
  const {clock, signal, source} = options
  let state: SourceState = {
    connected: false,
    synced: false,
    revision: 0,
    clusterId: null,
    endpoint: null,
    lastHeardMs: null,
    lastError: null,
    resyncs: {},
    events: 0,
    excess: null,
  }
  const set = (change: Partial<SourceState>): void => {
    state = {...state, ...change}
    options.onState(state)
  }
  let renewalProblem: string | null = null
  const heard = (): Partial<SourceState> => ({connected: true, lastHeardMs: clock.nowMs(), lastError: renewalProblem})

  const {limits = null} = options
  let usage: Usage | null = null
  let mark: Mark | null = null
  let pageKeys = LARGEST_PAGE
  /** Watches in a row that stood, brought nothing, and did not answer. */
  let silentWatches = 0
  let restart = new AbortController()
  let asked = false

  /** One list of all prefixes at one revision, as one batch. */
  async function list(connection: EtcdConnection, index: number, reason: ResyncReason): Promise<Map<string, number>> {
    // Who is silent must not keep the others from their turn.
    await connection.client(index).kv.range({key: Buffer.from(options.prefixes[0]!), limit: 1, keys_only: true})
    const leave = await options.listing?.enter()
    const ended = new AbortController()
    if (leave) void clock.sleep(MOST_TURN_MS, ended.signal).then(leave)
    try {
      const next = await listAll(connection, index, reason)
      pageKeys = Math.min(LARGEST_PAGE, pageKeys * 2)
      silentWatches = 0
      return next
    } catch (error) {
      // It has answered a moment ago: a page takes longer on this line than a call may.
      if (isLate(error)) pageKeys = Math.max(LEAST_PAGE, Math.floor(pageKeys / 4))
      throw error
    } finally {
      ended.abort()
      leave?.()
    }
  }

  async function listAll(
    connection: EtcdConnection,
    index: number,
    reason: ResyncReason,
  ): Promise<Map<string, number>> {
    const parts: Listed[] = []
    for (const prefix of options.prefixes) {
      signal.throwIfAborted()
      parts.push(await readPrefix(connection.client(index), prefix, parts[0]?.revision, limits, pageKeys))
    }
    signal.throwIfAborted()
    const {revision, clusterId} = parts[0]!
    const upserts: RawRecord[] = parts.flatMap((part) => part.records)
    usage = limits && usageOf(upserts, limits)
    const over = limits && usage && excess(usage, limits)
    if (over) throw new OverLimits(over)
    mark = newestMark(null, upserts)
    const other = reason === 'cluster' || reason === 'revision' ? {isOtherHistory: true} : {}
    options.onBatch({source, type: 'list', revision, clusterId, ...other, upserts, deletes: []})
    const resyncs = {...state.resyncs, [reason]: (state.resyncs[reason] ?? 0) + 1}
    set({
      ...{...heard(), synced: true, revision, clusterId, endpoint: connection.endpoints[index]!, resyncs},
      excess: null,
    })
    return new Map(options.prefixes.map((prefix) => [prefix, revision + 1]))
  }

  async function watch(
    opened: Opened,
    index: number,
    next: Map<string, number>,
    onOpen: () => void,
  ): Promise<WatchEnd> {
    const {connection} = opened
    const client = connection.client(index)
    const ended = new AbortController()
    const stop = AbortSignal.any([signal, restart.signal, ended.signal])
    const probing = Promise.withResolvers<() => Promise<void>>()
    const dead = Promise.race([probing.promise, aborted(stop)]).then((probe) =>
      probe === null
        ? null
        : listenForLife({
            ...{
              client,
              prefix: options.prefixes[0]!,
              probe,
              heardMs: () => state.lastHeardMs ?? 0,
              clock,
              signal: stop,
            },
            onHeard: () => {
              silentWatches = 0
              set(heard())
            },
          }),
    )
    const stream = runWatchStream({
      client,
      clusterId: state.clusterId!,
      next,
      signal: stop,
      openTimeoutMs: OPEN_TIMEOUT_MS,
      onOpen: () => {
        onOpen()
        set({...heard(), endpoint: connection.endpoints[index]!})
      },
      onProbe: probing.resolve,
      onEvents: ({revision: told, upserts, deletes, made, deleted}) => {
        usage = limits && usage && usageAfter(usage, {made, deleted, upserts}, limits)
        if (limits && usage && excess(usage, limits) !== null) return false
        // While it catches up, a prefix may be told of later than another was that is ahead: news all the same.
        const revision = Math.max(state.revision, told)
        silentWatches = 0
        mark = newestMark(mark, upserts)
        options.onBatch({source, type: 'changes', revision, clusterId: state.clusterId!, upserts, deletes})
        set({...heard(), revision, events: state.events + upserts.length + deletes.length})
        return true
      },
    })
    const renewed = renewedConnection({
      ...{
        etcd: options.etcd,
        index,
        prefix: options.prefixes[0]!,
        fingerprint: opened.fingerprint,
        clock,
        signal: stop,
      },
      onProblem: (problem) => {
        renewalProblem = problem
      },
    })
    const end = await Promise.race<WatchEnd>([
      stream,
      renewed.then(async (fresh): Promise<WatchEnd> => (fresh ? {reason: 'renewed', opened: fresh} : stream)),
      dead.then((cause): StreamEnd | Promise<StreamEnd> => (cause === null ? stream : {reason: 'failed', cause})),
    ])
    ended.abort()
    await stream
    // It may be in the middle of a trial, which nobody waits for.
    if (end.reason !== 'renewed') void renewed.then((late) => late?.connection.close())
    return end
  }

  async function run(): Promise<void> {
    let opened: Opened | null = null
    let next: Map<string, number> | null = null
    let reason: ResyncReason = 'start'
    let index = 0
    let failures = 0
    let isTokenNew = false
    while (!signal.aborted) {
      try {
        // Opened anew after each failure: certificates may have been renewed, addresses moved.
        if (!opened) {
          opened = openConnection(options.etcd)
          renewalProblem = null
        }
        const {connection} = opened
        index %= connection.endpoints.length
        const history: ReadHistory = {clusterId: state.clusterId, mark, next: next ?? new Map<string, number>()}
        const broken: ResyncReason | null = next
          ? await whileWanted(brokenHistory(connection.client(index), history), signal)
          : null
        if (broken) {
          next = null
          reason = broken
        }
        next ??= await whileWanted(list(connection, index, reason), signal)
        failures = 0
        const end = await watch(opened, index, next, () => {
          isTokenNew = false
        })
        if (end.reason === 'renewed') {
          opened = end.opened
          connection.close()
        }
        if (end.reason === 'failed') {
          if (end.cause === STREAM_SILENT && ++silentWatches >= MOST_SILENT) {
            next = null
            reason = 'limits'
          }
          throw new Error(end.cause)
        }
        if (end.reason === 'stale') {
          next = null
          reason = end.cause
        }
      } catch (error) {
        if (signal.aborted) break
        opened?.connection.close()
        opened = null
        // A stream is refused in a message, so it is here that a new token is asked for: once, and at once.
        if (!isTokenNew && isTokenOver(error)) isTokenNew = true
        else {
          const isOver = error instanceof OverLimits
          // It answered, and what it says is known to be too much: a site that speaks does not age as a silent one.
          const spoke = isOver ? {excess: error.message, lastHeardMs: clock.nowMs()} : {}
          set({connected: false, lastError: errorText(error), ...spoke})
          index++
          const full = isOver ? EXCESS_MS : Math.min(BACKOFF_MS.last, BACKOFF_MS.first * 2 ** Math.min(failures++, 10))
          await clock.sleep(full * (1 - clock.random() / 2), signal)
        }
      }
      if (asked) {
        asked = false
        restart = new AbortController()
        next = null
        reason = 'asked'
      }
    }
    opened?.connection.close()
    set({connected: false})
  }

  return {
    state: () => state,
    relist: () => {
      asked = true
      restart.abort()
    },
    done: run(),
  }
}
