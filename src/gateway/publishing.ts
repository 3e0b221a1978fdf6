import {createEtcdDriver, EXPORT_PREFIX} from '../apply/index.ts'
import {openKeyValues, type WatchClock, watchSource} from '../etcd/index.ts'
import type {DatastoreConfig, SiteName} from '../model/index.ts'
import {realClock} from './clock.ts'
import {type LoopOptions, startLoop} from './loop.ts'
import {createPublisher, type KeptRecords, type PublishReport} from './publish.ts'

/** Rest between looks at the export: what a burst costs is a transaction for each hundred records. */
const REST_MS = 20
/** What somebody else did to the export is mended after this time: two that disagree must not be a busy loop. */
const MEND_MS = 500

export interface PublishingOptions {
  readonly site: SiteName
  readonly datastore: Pick<DatastoreConfig, 'endpoints' | 'tls'>
  readonly wanted: () => ReadonlyMap<string, string> | null
  readonly kept: readonly KeptRecords[]
  readonly clock: WatchClock
  readonly signal: AbortSignal
  readonly backoffMs: LoopOptions['backoffMs']
  readonly idleMs: number
  readonly onReport: (report: PublishReport) => void
}

export interface Publishing {
  /** What is wanted may have changed. */
  trigger(): void
  /** Compare everything the next time. */
  distrust(): void
  /** Settles after the signal is aborted. */
  readonly done: Promise<void>
}

/** Watches the export of the own site in its datastore and keeps it as it should be. */
export function startPublishing(options: PublishingOptions): Publishing {
  const {datastore, clock, signal} = options
  const store = openKeyValues(datastore)
  const {held, apply} = createEtcdDriver(store)
  let connected = false
  const publisher = createPublisher({...options, held, apply, reachable: () => connected})
  const loop = startLoop({
    clock: realClock,
    pass: async (abort) => {
      const report = await publisher.publish(abort)
      options.onReport(report)
      return report.failures.length > 0
    },
    signal,
    restMs: REST_MS,
    backoffMs: options.backoffMs,
    idleMs: options.idleMs,
  })
  const trigger = (): void => loop.trigger()

  let mending: (() => void) | null = null
  const mendSoon = (): void => {
    mending ??= realClock.after(MEND_MS, () => {
      mending = null
      trigger()
    })
  }
  const watch = watchSource({
    source: `export/${options.site}`,
    etcd: datastore,
    prefixes: [EXPORT_PREFIX],
    clock,
    signal,
    onBatch: (batch) => {
      if (held.take(batch)) mendSoon()
    },
    onState: (state) => {
      if (state.connected && !connected) trigger()
      connected = state.connected
    },
  })
  return {
    trigger,
    distrust: () => publisher.distrust(),
    done: Promise.all([loop.done, watch.done]).then(() => {
      mending?.()
      store.close()
    }),
  }
}
