import {Counter, Gauge, type Registry} from 'prom-client'
import type {SourceId} from '../model/index.ts'
import type {ResyncReason, SourceState} from './source.ts'

const REASONS: readonly ResyncReason[] = ['start', 'compacted', 'cluster', 'revision', 'limits', 'asked']

export type SourceMetrics = ReturnType<typeof createSourceMetrics>

/** Metrics of every datastore, own and remote; labels are sources, a handful. `observe` is called at scrape time. */
export function createSourceMetrics(register: Registry) {
  const gauge = (name: string, help: string) =>
    new Gauge({name: `isthmus_datastore_${name}`, help, labelNames: ['source'], registers: [register]})
  const connected = gauge('connected', 'Whether the watch on the datastore stands (1) or is being tried again (0).')
  const synced = gauge('synced', 'Whether a complete list has been read since the daemon started.')
  const revision = gauge('revision', 'The newest etcd revision that was handed on.')
  const age = gauge('age_seconds', 'Seconds since the datastore last answered.')
  const keys = gauge('keys', 'Keys known of the datastore.')
  const decodeErrors = gauge('decode_errors', 'Records of the datastore that count as absent because they are broken.')
  const resyncs = new Counter({
    name: 'isthmus_datastore_resyncs_total',
    help: 'Complete lists, by what made them necessary: start, compacted, cluster, revision, limits, asked.',
    labelNames: ['source', 'reason'],
    registers: [register],
  })
  const events = new Counter({
    name: 'isthmus_datastore_events_total',
    help: 'Changed and deleted keys that the watch delivered.',
    labelNames: ['source'],
    registers: [register],
  })
  return {
    observe(
      source: SourceId,
      state: SourceState,
      now: {readonly nowMs: number; readonly keys: number; readonly decodeErrors: number},
    ): void {
      connected.set({source}, state.connected ? 1 : 0)
      synced.set({source}, state.synced ? 1 : 0)
      revision.set({source}, state.revision)
      if (state.lastHeardMs !== null) age.set({source}, (now.nowMs - state.lastHeardMs) / 1000)
      keys.set({source}, now.keys)
      decodeErrors.set({source}, now.decodeErrors)
      // The state holds totals; a counter only grows, so it is set back and brought to the total.
      // Each reason is there before its first time, or a rate would not see it.
      for (const reason of REASONS) {
        resyncs.remove({source, reason})
        resyncs.inc({source, reason}, state.resyncs[reason] ?? 0)
      }
      events.remove({source})
      events.inc({source}, state.events)
    },
  }
}
