import {randomUUID} from 'node:crypto'
import type {Logger} from 'pino'
import type {WriteBackRow} from '../api/index.ts'
import type {WriteGuard} from '../apply/index.ts'
import {openKeyValues} from '../etcd/index.ts'
import type {DatastoreConfig, DatastoreName, Finding, GatewayConfig, SourceBatch, World} from '../model/index.ts'
import type {Prefix} from '../net/index.ts'
import {
  HeldObjects,
  type MembersBecame,
  mayPruneSet,
  objectPath,
  siteObjects,
  WriteBackSets,
} from '../writeback/index.ts'
import {realClock} from './clock.ts'
import {type LoopOptions, startLoop} from './loop.ts'
import {createObjectWriter, type ObjectReport} from './object-writer.ts'

/** Rest between looks: a burst of pods that come and go rewrites a set once in this time. */
const REST_MS = 100
/** So many changes among the members are taken without a pause. */
const SLICE = 2000
/** What somebody else did to an object of ours is mended after this time: two that disagree must not be a busy loop. */
const MEND_MS = 500

export interface WriteBackOptions {
  readonly config: GatewayConfig
  /** Whether this datastore answers, and what was last taken of it came from itself. */
  readonly reachable: (datastore: DatastoreName) => boolean
  /** What each transaction must compare so that only one gateway writes; null: this one may not. */
  readonly mayWrite: (datastore: DatastoreName) => readonly WriteGuard[] | null
  readonly signal: AbortSignal
  readonly backoffMs: LoopOptions['backoffMs']
  readonly idleMs: number
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
}

export interface WriteBack {
  /** What a source said; others than own Calico datastores are none of its business. */
  takeBatch(batch: SourceBatch): void
  /** What changed among the members since the last call; `world` is the one after it. */
  takeMembers(changes: ReadonlyMap<Prefix, MembersBecame>, world: World): void
  /** Every object that is wanted, held or in the way, of each datastore. */
  rows(): Iterable<WriteBackRow>
  findings(): readonly Finding[]
  /** Settles after the signal is aborted. */
  readonly done: Promise<void>
}

/**
 * Keeps what Calico datastores of the site are told of the other sites. Each of them has a loop of its own: one that does not
 * answer holds up nothing. One that is not configured for it has its loop too, and is to hold nothing of ours.
 */
export function startWriteBack(options: WriteBackOptions): WriteBack {
  const parts = options.config.datastores
    .filter(({kind}) => kind === 'calico')
    .map((datastore) => startPart(datastore, options))
  return {
    takeBatch: (batch) => parts.find(({source}) => source === batch.source)?.takeBatch(batch),
    takeMembers(changes, world) {
      for (const part of parts) part.takeMembers(changes, world)
    },
    *rows() {
      for (const part of parts) yield* part.rows()
    },
    findings: () => parts.flatMap((part) => part.findings()),
    done: Promise.all(parts.map(({done}) => done)).then(() => undefined),
  }
}

type Part = WriteBack & {readonly source: string}

function startPart(datastore: DatastoreConfig, options: WriteBackOptions): Part {
  const {config, log} = options
  const {name, writeBack = null} = datastore
  const title = `datastore ${name}`
  const store = openKeyValues(datastore)
  const held = new HeldObjects(config.site)
  const sets = writeBack?.sets ? new WriteBackSets(config.site, writeBack) : null
  /** As of the last look; its members are in the sets. */
  let world: World | null = null
  let latest: World | null = null
  const pending = new Map<Prefix, MembersBecame>()
  let last: ObjectReport | null = null

  /** In slices, since the first list of a large site must not hold up everything else here. */
  const takePending = async (): Promise<void> => {
    while (sets && latest && pending.size > 0) {
      const some = [...pending.entries().take(SLICE)]
      for (const [prefix] of some) pending.delete(prefix)
      sets.take(new Map(some), latest.attributes)
      if (pending.size > 0) await new Promise((resolve) => setImmediate(resolve))
    }
    world = latest
  }

  /** What follows from the configuration, but for sites that are forgotten; blocks are large, so not made for each look. */
  let made: {readonly sites: World['sites']; readonly objects: ReadonlyMap<string, string>} | null = null
  const fixed = ({sites}: World): ReadonlyMap<string, string> => {
    if (made?.sites !== sites) {
      const known = [...config.sites].filter(([site]) => sites.get(site)?.presence !== 'forgotten')
      const objects = writeBack ? siteObjects({...config, sites: new Map(known)}, writeBack) : new Map<string, string>()
      made = {sites, objects}
    }
    return made.objects
  }

  const writer = createObjectWriter({
    source: title,
    site: config.site,
    wanted: () => (world === null ? null : new Map([...fixed(world), ...(sets?.objects() ?? [])])),
    mayPrune: (key) => sets === null || (world !== null && mayPruneSet(key, config.sites.keys(), world)),
    held,
    reachable: () => options.reachable(name),
    mayWrite: () => options.mayWrite(name),
    dryRun: writeBack?.dryRun ?? false,
    store,
    identity: () => ({uid: randomUUID(), creationTimestamp: `${new Date().toISOString().slice(0, 19)}Z`}),
  })
  const loop = startLoop({
    ...{clock: realClock, signal: options.signal, restMs: REST_MS},
    ...{backoffMs: options.backoffMs, idleMs: options.idleMs},
    pass: async (abort) => {
      try {
        await takePending()
        const report = await writer.write(abort)
        if (abort.aborted) return false
        tell(log, name, report, last)
        last = report
        return report.failure !== null || report.refused.length > 0
      } catch (error) {
        // Never an end for what somebody stored: what is there stays, and the loop comes back.
        log.error({datastore: name, err: error}, 'not written back')
        return true
      }
    },
  })
  let mending: (() => void) | null = null
  const mendSoon = (): void => {
    mending ??= realClock.after(MEND_MS, () => {
      mending = null
      loop.trigger()
    })
  }
  return {
    source: `datastore/${name}`,
    takeBatch(batch) {
      if (held.take(batch)) mendSoon()
    },
    takeMembers(changes, now) {
      const before = latest
      latest = now
      if (sets) {
        for (const [prefix, change] of changes) {
          const first = pending.get(prefix) ?? change
          pending.set(prefix, {before: first.before, after: change.after})
        }
      }
      const isNews = before?.sites !== now.sites || (sets && (changes.size > 0 || before?.sources !== now.sources))
      if (isNews) loop.trigger()
    },
    rows: () => rowsOf(name, last),
    findings: () => [...(last ? findingsOf(title, last) : []), ...(sets?.findings(title) ?? [])],
    done: loop.done.then(() => {
      mending?.()
      store.close()
    }),
  }
}

const rowsOf = (datastore: DatastoreName, report: ObjectReport | null): WriteBackRow[] =>
  [...(report?.states ?? [])]
    .map(([key, state]) => ({name: objectPath(key), datastore, state}))
    .sort((a, b) => (a.name < b.name ? -1 : 1))

function findingsOf(source: string, {findings, failure}: ObjectReport): readonly Finding[] {
  if (failure === null) return findings
  const detail = `not written back: ${failure}`
  const remedy =
    "the datastore's user must be able to write Calico's network sets, IP pools, BGP peers, and with `gateways` nodes and IPAM"
  return [...findings, {code: 'etcd-refused', severity: 'warning', where: {source}, detail, remedy}]
}

/** One line a look that wrote something; a failure when it is another than before. */
function tell(
  log: WriteBackOptions['log'],
  datastore: string,
  report: ObjectReport,
  before: ObjectReport | null,
): void {
  const {written, failure, refused} = report
  if (written > 0) log.info({datastore, objects: written}, 'written back')
  if (refused.length > 0) log.info({datastore, objects: refused}, 'not written back: changed in the same moment')
  if (failure !== null && failure !== before?.failure) log.error({datastore, cause: failure}, 'not written back')
}
