import type {Etcd3} from 'etcd3'
import type {RawRecord} from '../model/index.ts'
import {errorText, isTooLarge} from './errors.ts'
import {rangeEnd, toRecord} from './pages.ts'

/** What one watched prefix said. `next` is the revision from which a later watch must go on. */
export interface WatchEvents {
  readonly prefix: string
  readonly revision: number
  readonly upserts: readonly RawRecord[]
  readonly deletes: readonly string[]
  /** Of all that happened, also to keys that came and went in one batch. */
  readonly made: readonly string[]
  readonly deleted: readonly string[]
}

/** Why a stream ended. `stale`: the revision is gone or never was, so only a new list helps. */
export type StreamEnd =
  | {readonly reason: 'failed'; readonly cause: string}
  | {readonly reason: 'stale'; readonly cause: 'compacted' | 'cluster' | 'revision' | 'limits'}
  | {readonly reason: 'stopped'}

export interface StreamOptions {
  readonly client: Etcd3
  readonly clusterId: string
  /** Prefix → revision of the first event wanted. Advanced here, in place, as events are handed on. */
  readonly next: Map<string, number>
  /** False: they are too much, and are not handed on. */
  readonly onEvents: (events: WatchEvents) => boolean
  /** All watches stand. */
  readonly onOpen: () => void
  readonly signal: AbortSignal
  /** Given up when the server has not confirmed every watch in this time. */
  readonly openTimeoutMs: number
  /** Given once all watches stand: resolves when the stream itself has answered, which a stuck one never does. */
  readonly onProbe?: (probe: () => Promise<void>) => void
}

/**
 * One raw watch stream with one watch a prefix, until it ends. Never rejects.
 *
 * `next` moves only with events that were handed on, and with progress notifications, which etcd sends for a watcher
 * that has caught up and is idle; response headers are ahead of the events during a catch-up and are never believed.
 */
export async function runWatchStream(options: StreamOptions): Promise<StreamEnd> {
  const {next, signal} = options
  const prefixes = [...next.keys()]
  if (signal.aborted) return {reason: 'stopped'}
  let stream: Awaited<ReturnType<Etcd3['watchClient']['watch']>>
  try {
    stream = await options.client.watchClient.watch()
  } catch (error) {
    return {reason: 'failed', cause: errorText(error)}
  }
  if (signal.aborted) {
    stream.cancel()
    return {reason: 'stopped'}
  }

  return new Promise((resolve) => {
    let ended = false
    const finish = (end: StreamEnd): void => {
      if (ended) return
      ended = true
      clearTimeout(opening)
      signal.removeEventListener('abort', stop)
      stream.cancel()
      resolve(end)
    }
    const stop = (): void => finish({reason: 'stopped'})
    const opening = setTimeout(
      () => finish({reason: 'failed', cause: `no answer within ${options.openTimeoutMs} ms`}),
      options.openTimeoutMs,
    )
    signal.addEventListener('abort', stop)
    // What does not fit in a message comes in pages.
    stream.on('error', (error) =>
      finish(isTooLarge(error) ? {reason: 'stale', cause: 'limits'} : {reason: 'failed', cause: errorText(error)}),
    )
    stream.on('end', () => finish({reason: 'failed', cause: 'the server closed the stream'}))

    // By the ids that the server gives, in the order of the requests: etcd 3.3 takes no ids from its clients.
    const watched = new Map<string, string>()
    // A watch on a key that is none, given up as soon as it stands. Every etcd answers it, through the same queue as events;
    // progress on request is known to 3.4 and later only, and sent unasked every ten minutes.
    const probes: (() => void)[] = []
    const probeIds = new Set<string>()
    const probe = (): Promise<void> => {
      const {promise, resolve: answered} = Promise.withResolvers<void>()
      probes.push(answered)
      stream.write({create_request: {key: Buffer.from(prefixes[0]!), start_revision: 0}})
      return promise
    }
    const isProbe = ({
      created,
      canceled,
      watch_id,
    }: {
      created: boolean
      canceled: boolean
      watch_id: string
    }): boolean => {
      if (created && watched.size === prefixes.length) {
        probes.shift()?.()
        // Refused, with a user whose rights or token are gone, is an answer too; what it means is said by other calls.
        if (canceled) return true
        probeIds.add(watch_id)
        stream.write({cancel_request: {watch_id}})
        return true
      }
      return canceled && probeIds.delete(watch_id)
    }
    stream.on('data', (response) => {
      if (ended) return
      const prefix = watched.get(response.watch_id)
      const headerRevision = Number(response.header.revision)
      if (isProbe(response)) return
      if (response.canceled) {
        const compacted = Number(response.compact_revision) > 0
        if (compacted) finish({reason: 'stale', cause: 'compacted'})
        else finish({reason: 'failed', cause: response.cancel_reason || 'the server cancelled the watch'})
        return
      }
      if (response.header.cluster_id !== options.clusterId) return finish({reason: 'stale', cause: 'cluster'})
      if (response.created) {
        const created = prefixes[watched.size]!
        if (headerRevision < next.get(created)! - 1) return finish({reason: 'stale', cause: 'revision'})
        watched.set(response.watch_id, created)
        if (watched.size === prefixes.length) {
          clearTimeout(opening)
          options.onOpen()
          options.onProbe?.(probe)
        }
        return
      }
      if (prefix === undefined) return
      if (response.events.length === 0) {
        next.set(prefix, Math.max(next.get(prefix)!, headerRevision + 1))
        return
      }
      const events = collect(prefix, response.events)
      if (!options.onEvents(events)) return finish({reason: 'stale', cause: 'limits'})
      next.set(prefix, events.revision + 1)
    })

    for (const prefix of prefixes) {
      stream.write({
        create_request: {
          key: Buffer.from(prefix),
          range_end: rangeEnd(prefix),
          start_revision: next.get(prefix)!,
          progress_notify: true,
        },
      })
    }
  })
}

type RawEvent = {
  readonly type: string | number
  readonly kv: {
    readonly key: Buffer
    readonly value: Buffer
    readonly mod_revision: string
    /** 1: the key was not there before. */
    readonly version: string
  }
}

/** Events in the order of the server; of several on one key the last one counts. */
function collect(prefix: string, events: readonly RawEvent[]): WatchEvents {
  const latest = new Map<string, RawRecord | null>()
  const made: string[] = []
  const deleted: string[] = []
  let revision = 0
  for (const event of events) {
    const record = toRecord(event.kv)
    const isDeletion = event.type === 'Delete' || event.type === 'DELETE'
    if (isDeletion) deleted.push(record.key)
    else if (Number(event.kv.version) === 1) made.push(record.key)
    revision = Math.max(revision, record.modRevision)
    // Put again at the end, so that the order of a batch is that of the last events.
    latest.delete(record.key)
    latest.set(record.key, isDeletion ? null : record)
  }
  const upserts = [...latest.values()].filter((record) => record !== null)
  const deletes = [...latest].flatMap(([key, record]) => (record === null ? [key] : []))
  return {prefix, revision, upserts, deletes, made, deleted}
}
