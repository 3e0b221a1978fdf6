import {createEtcdDriver, createPace, EXPORT_PREFIX, type WriteGuard} from '../apply/index.ts'
import {openKeyValues, openLeases, type WatchClock, watchSource} from '../etcd/index.ts'
import type {
  DatastoreConfig,
  DatastoreName,
  Finding,
  GatewayConfig,
  GatewayName,
  SiteName,
  SourceBatch,
  SourceId,
  World,
} from '../model/index.ts'
import {type Naming, namingOf} from './claims.ts'
import {realClock} from './clock.ts'
import {type Leadership, startElection} from './election.ts'
import {publishFindings} from './leaver-findings.ts'
import {Leavers, type Staying} from './leavers.ts'
import {type LoopOptions, startLoop} from './loop.ts'
import {createPublisher, type KeptRecords, type PublishReport} from './publish.ts'

/** Rest between looks at the export: what a burst costs is a transaction for each hundred records. */
const REST_MS = 20
/** What somebody else did to the export is mended after this time: two that disagree must not be a busy loop. */
const MEND_MS = 500
/** 20,000 records a second at most: the datastore is Calico's, too. */
const PACE = {perSecond: 200, burst: 50}
/** The export, and beside it who leads and who lives: one watch, so that they are told in the order in which they came. */
const WATCHED = '/isthmus/v1/'

export interface PublishingOptions {
  readonly site: SiteName
  readonly gateway: GatewayName
  readonly naming: Naming
  readonly datastore: Pick<DatastoreConfig, 'name' | 'endpoints' | 'tls' | 'user'>
  readonly removeAfterMs: {readonly datastores: number; readonly gateways: number}
  readonly wanted: () => ReadonlyMap<string, string> | null
  readonly kept: readonly KeptRecords[]
  readonly clock: WatchClock
  readonly signal: AbortSignal
  readonly backoffMs: LoopOptions['backoffMs']
  readonly idleMs: number
  /** For tests: how long a lease lasts. */
  readonly ttlSeconds?: number
  readonly onReport: (report: PublishReport) => void
  /** Who leads is another one, or what this gateway may write. */
  readonly onLeadership?: (state: Leadership) => void
}

/** What of the configuration it needs. */
export function publishingOf(
  config: GatewayConfig,
): Pick<PublishingOptions, 'site' | 'gateway' | 'naming' | 'datastore' | 'removeAfterMs'> {
  const datastore = config.datastores.find((one) => one.export)!
  const {datastores, gateways} = datastore.export!.removeAfterSeconds
  return {
    site: config.site,
    gateway: config.gateway,
    naming: namingOf(config),
    datastore,
    removeAfterMs: {datastores: datastores * 1000, gateways: gateways * 1000},
  }
}

export interface Publishing {
  /** What is wanted may have changed. */
  trigger(): void
  /** Compare everything the next time. */
  distrust(): void
  leadership(): Leadership
  /** Gateways of the site that have told etcd so within a lease's time. */
  living(): ReadonlySet<string>
  /** Transactions that were done. */
  transactions(): number
  /**
   * What a transaction in a datastore of the site must compare, so that only the leader's is done; null: it does not lead.
   * Its key is in the datastore that holds the export; in others there is nothing to compare, and only its word for it.
   */
  guards(datastore: DatastoreName): readonly WriteGuard[] | null
  findings(): readonly Finding[]
  /** Settles after the signal is aborted. */
  readonly done: Promise<void>
}

/** Watches the export of the own site in its datastore, and keeps it as it should be as far as it is this gateway's. */
export function startPublishing(options: PublishingOptions): Publishing {
  const {datastore, clock, signal, site, gateway, naming} = options
  const store = openKeyValues(datastore)
  const {held, apply, transactions} = createEtcdDriver(store, {pace: createPace(PACE, clock)})
  let connected = false

  const election = startElection({
    gateway,
    naming,
    leases: openLeases(datastore),
    clock,
    signal,
    ...(options.ttlSeconds === undefined ? {} : {ttlSeconds: options.ttlSeconds}),
    onChange: () => {
      options.onLeadership?.(election.state())
      trigger()
    },
  })
  const {datastores, gateways} = options.removeAfterMs
  const leavers = new Leavers({naming, datastoresMs: datastores, gatewaysMs: gateways})
  let staying: readonly Staying[] = []
  const publisher = createPublisher({
    ...options,
    held,
    apply,
    reachable: () => connected,
    rights: () => {
      staying = leavers.look(held.owners(), election.claims.living(), clock.nowMs())
      return {own: election.own(), leader: election.leader(), staying: staying.map(({owner}) => owner)}
    },
  })

  const loop = startLoop({
    clock: realClock,
    pass: async (abort) => {
      try {
        const report = await publisher.publish(abort)
        options.onReport(report)
        for (const {code, step} of report.failures) {
          if (code === 'denied') election.lost(report.steps.find(({key}) => key === step)?.holds ?? [])
        }
        return report.failures.length > 0
      } catch (error) {
        if (abort.aborted) return false
        throw error
      }
    },
    signal,
    restMs: REST_MS,
    backoffMs: options.backoffMs,
    idleMs: options.idleMs,
  })
  function trigger(): void {
    loop.trigger()
  }

  let mending: (() => void) | null = null
  const mendSoon = (): void => {
    mending ??= realClock.after(MEND_MS, () => {
      mending = null
      trigger()
    })
  }
  const watch = watchSource({
    source: `export/${site}`,
    etcd: datastore,
    prefixes: [WATCHED],
    clock,
    signal,
    onBatch: (batch) => {
      // The election hears of it last: that it leads is true only of an export that is known up to then.
      if (held.take(onlyExport(batch))) mendSoon()
      election.observe(batch)
    },
    onState: (state) => {
      if (state.connected && !connected) trigger()
      connected = state.connected
    },
  })
  return {
    trigger,
    distrust: () => publisher.distrust(),
    leadership: () => election.state(),
    living: () => new Set(election.claims.living().keys()),
    transactions,
    guards: (name) => {
      const hold = election.leader()
      // Its one write was the one that made it.
      return hold && (name === datastore.name ? [{key: hold.key, createRevision: hold.modRevision}] : [])
    },
    findings: () => publishFindings(site, gateway, election.state(), staying),
    done: Promise.all([loop.done, watch.done]).then(async () => {
      mending?.()
      await election.end()
      store.close()
    }),
  }
}

const onlyExport = (batch: SourceBatch): SourceBatch => ({
  ...batch,
  upserts: batch.upserts.filter(({key}) => key.startsWith(EXPORT_PREFIX)),
  deletes: batch.deletes.filter((key) => key.startsWith(EXPORT_PREFIX)),
})

/** The own datastores have been read whole, so that nothing is taken out of the export for want of having been read. */
export const ownSynced = (sources: readonly SourceId[], world: World): boolean =>
  sources.every((source) => !source.startsWith('datastore/') || world.sources.get(source)?.synced)
