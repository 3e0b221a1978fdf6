import {
  createTurns,
  type EtcdOptions,
  type SourceLimits,
  type Turns,
  type WatchClock,
  type WatchState,
  watchSource,
} from '../etcd/index.ts'
import type {Federation} from '../federate/index.ts'
import type {DecodedBatch, Finding, GatewayConfig, Snapshot, SourceBatch, SourceId} from '../model/index.ts'
import {appendKnown, forgetKnown, loadLastKnown, saveLastKnown} from '../store/index.ts'
import {EmptyGuard, REFILL_MS, type Tree} from './emptied.ts'
import {watchFile} from './file-source.ts'
import {createIntake, type IntakeOptions, takeInSlices} from './intake.ts'
import {RawMemory} from './raw-memory.ts'
import type {Turnstile} from './slices.ts'

/** What is read of a cluster's datastore: Calico's own tree, and what `isthmus apply` stored beside it. */
const CALICO_PREFIXES = ['/calico/resources/v3/projectcalico.org/', '/calico/ipam/v2/', '/isthmus/v1/resources/']
const ISTHMUS_PREFIXES = ['/isthmus/v1/resources/']
/** Of the own export only who else is a gateway of the site: all the rest is made of what the datastores say. */
const TWIN_PREFIXES = ['/isthmus/v1/export/gateways/']
const EXPORT_PREFIXES = ['/isthmus/v1/export/']
const RESOURCES: Tree = {prefix: '/isthmus/v1/resources/', sign: '/isthmus/v1/resources/'}
const CALICO: Tree = {prefix: '/calico/', sign: '/calico/'}
/** `meta` is written last of all. */
const EXPORT: Tree = {prefix: '/isthmus/v1/export/', sign: '/isthmus/v1/export/meta'}
const ATTRIBUTES = {what: 'attribute sets', prefix: '/isthmus/v1/export/attributes/'}

/** A source's last state goes to disk at most this often. */
const SAVE_EVERY_MS = 2000
/** A disk that was full a moment ago mostly still is. */
const SAVE_AGAIN_MS = 30_000
/** The disk waits for what is more urgent, but not for ever. */
const SAVE_AFTER_MS = 120_000
/** One is decoded while the other comes. */
const LISTS_AT_ONCE = 2
/** So many changes are added to it before all is written anew, and as many again as there are records. */
const FEW = 1000

export interface SourcesOptions {
  readonly config: GatewayConfig
  readonly federation: Federation
  readonly clock: WatchClock
  readonly signal: AbortSignal
  /** Entered by whoever looks at the World. */
  readonly gate: Turnstile
  /** What a source said, before `onChange`; from disk too. `decoded` are its upserts, in their order. */
  readonly onBatch?: (batch: SourceBatch, decoded: DecodedBatch['upserts']) => void
  /** Something is known that was not known before. */
  readonly onChange: () => void
  /** A start is under way: what is on disk stays what it was. */
  readonly isStarting?: () => boolean
  readonly onSaveFailed: (source: SourceId, error: unknown) => void
}

export interface Sources {
  readonly ids: readonly SourceId[]
  states(): ReadonlyMap<SourceId, WatchState>
  readonly findings: readonly Finding[]
  /** Forgets all that a source said, here and on disk, and listens to it anew from nothing. */
  forget(source: SourceId): Promise<void>
  /** After the signal is aborted: watches ended, last state saved. */
  readonly done: Promise<void>
}

interface Source {
  readonly id: SourceId
  readonly etcd: EtcdOptions
  /** null: an etcd. */
  readonly file: string | null
  readonly prefixes: readonly string[]
  /** What is not believed to be empty because another etcd is in its place. */
  readonly trees: readonly Tree[]
  readonly limits: SourceLimits | null
  readonly header: Pick<Snapshot, 'site' | 'source' | 'datastore'>
}

function sourcesOf(config: GatewayConfig): Source[] {
  const own = config.datastores.map(
    ({name, kind, endpoints, tls, user, path, export: exported}): Source => ({
      id: `datastore/${name}`,
      etcd: {endpoints, tls, user},
      file: path ?? null,
      prefixes: [...(kind === 'calico' ? CALICO_PREFIXES : ISTHMUS_PREFIXES), ...(exported ? TWIN_PREFIXES : [])],
      trees: path ? [] : kind === 'calico' ? [CALICO, RESOURCES] : [RESOURCES],
      limits: null,
      header: {site: config.site, source: 'datastore', datastore: name},
    }),
  )
  const remote = [...config.sites.values()].map(
    ({name, endpoints, tls, user, limits: {keys, bytes, attributeSets}}): Source => ({
      id: `export/${name}`,
      etcd: {endpoints, tls, user},
      file: null,
      prefixes: EXPORT_PREFIXES,
      trees: [EXPORT],
      limits: {keys, bytes, below: [{...ATTRIBUTES, keys: attributeSets}]},
      header: {site: name, source: 'export', datastore: null},
    }),
  )
  return [...own, ...remote]
}

/**
 * Begins with what each source said last, from disk, then follows all of them. What a source says goes through decode
 * into the federation at once; `onChange` follows.
 */
export async function startSources(options: SourcesOptions): Promise<Sources> {
  const {config, federation, signal} = options
  const states = new Map<SourceId, WatchState>()
  const findings: Finding[] = []
  const ofFiles = new Map<SourceId, readonly Finding[]>()
  const followed = new Map<SourceId, Followed>()
  const listing = createTurns(LISTS_AT_ONCE)
  for (const source of sourcesOf(config)) {
    const memory = new RawMemory()
    const all = await loadLastKnown(config.paths.state, source.id)
    const good = await loadLastKnown(config.paths.state, source.id, 'good')
    findings.push(...all.findings, ...good.findings)
    // The good versions first, as they came: what is then refused finds them.
    for (const snapshot of all.snapshot ? [good.snapshot, all.snapshot] : []) {
      if (!snapshot) continue
      const {records, revision, clusterId} = snapshot
      const batch: SourceBatch = {
        source: source.id,
        type: 'list',
        revision,
        clusterId,
        upserts: records,
        deletes: [],
      }
      const onTaken: IntakeOptions['onTaken'] = (...taken) => options.onBatch?.(...taken)
      await takeInSlices({source: source.id, federation, memory, gate: options.gate, onTaken}, batch, true)
    }
    followed.set(source.id, follow(source, memory, all.snapshot, states, ofFiles, listing, options))
  }
  if (!signal.aborted) options.onChange()
  return {
    ids: sourcesOf(config).map(({id}) => id),
    states: () => states,
    get findings() {
      const over = [...states].flatMap(([source, {excess}]) => (excess ? [overLimits(source, excess)] : []))
      const emptied = [...followed.values()].flatMap((one) => one.findings())
      return [...findings, ...[...ofFiles.values()].flat(), ...over, ...emptied]
    },
    forget: async (source) => followed.get(source)?.forget(),
    done: Promise.all([...followed.values()].map(({done}) => done)).then(() => undefined),
  }
}

interface Followed {
  readonly findings: () => readonly Finding[]
  readonly forget: () => Promise<void>
  readonly done: Promise<void>
}

function follow(
  source: Source,
  memory: RawMemory,
  known: At | null,
  states: Map<SourceId, WatchState>,
  ofFiles: Map<SourceId, readonly Finding[]>,
  listing: Turns,
  {federation, config, clock, signal, gate, onBatch, onChange, isStarting, onSaveFailed}: SourcesOptions,
): Followed {
  let unsaved: At | null = null
  let againMs = Number.NEGATIVE_INFINITY
  let kept: {readonly at: At; readonly changes: number} | null = null
  /** One thing at a time is done to the disk. */
  let working: Promise<void> = Promise.resolve()
  const alone = (work: () => Promise<void>): Promise<void> => {
    working = working.then(work)
    return working
  }
  const save = async (): Promise<void> => {
    const at = unsaved
    unsaved = null
    if (!at) return
    try {
      // The good versions first: a crash in between must not leave the refused ones without them.
      const good = memory.takeGood()
      if (good) await saveLastKnown(config.paths.state, source.id, {...source.header, ...at, records: good}, 'good')
      kept = await saveChanges(config.paths.state, source, memory, kept, at)
    } catch (error) {
      memory.forgetTaken()
      kept = null
      // Nothing else may ever change here.
      unsaved ??= at
      againMs = clock.nowMs() + SAVE_AGAIN_MS
      onSaveFailed(source.id, error)
    }
  }
  const urgentUntilMs = clock.nowMs() + SAVE_AFTER_MS
  const saving = (async () => {
    while (!signal.aborted) {
      await clock.sleep(SAVE_EVERY_MS, signal)
      const nowMs = clock.nowMs()
      if (nowMs >= againMs && (!isStarting?.() || nowMs >= urgentUntilMs)) await alone(save)
    }
  })()
  let isListingSoon = false
  const guard = new EmptyGuard({
    ...{trees: source.trees, known, records: () => memory.records},
    refilled: () => {
      if (isListingSoon) return
      isListingSoon = true
      void clock.sleep(REFILL_MS, signal).then(() => {
        isListingSoon = false
        watching.relist?.()
      })
    },
  })
  let said: WatchState | null = null
  let heardMs: number | null = null
  /** What is kept although its datastore says otherwise is as old as what is kept of one that says nothing. */
  const tellState = (): void => {
    if (said === null) return
    if (!guard.isKeeping) heardMs = said.lastHeardMs
    const silent = {connected: false, lastHeardMs: heardMs, lastError: said.lastError ?? 'it has lost what it held'}
    states.set(source.id, guard.isKeeping ? {...said, ...silent} : said)
  }
  const intake = createIntake({
    ...{source: source.id, federation, memory, gate, admitting: (batch) => guard.admitting(batch)},
    onTaken: (batch, decoded) => {
      onBatch?.(batch, decoded)
      unsaved = {clusterId: guard.clusterIdOf(batch), revision: batch.revision}
      tellState()
      onChange()
    },
  })
  const {file, prefixes, limits, etcd} = source
  const watch = (until: AbortSignal): Watching => {
    const following = {
      ...{source: source.id, clock, signal: until},
      onBatch: (batch: SourceBatch) => {
        guard.arrives(batch)
        intake.take(batch)
      },
      onState: (state: WatchState) => {
        said = state
        tellState()
      },
    }
    return file === null
      ? watchSource({...following, etcd, prefixes, limits, listing})
      : watchFile({...following, file, onFindings: (found) => ofFiles.set(source.id, found)})
  }
  let ending = new AbortController()
  let watching = watch(AbortSignal.any([signal, ending.signal]))
  const forget = async (): Promise<void> => {
    ending.abort()
    await watching.done
    guard.forget()
    intake.take({...{source: source.id, type: 'list', revision: 0, clusterId: ''}, upserts: [], deletes: []})
    await intake.settled()
    await alone(async () => {
      unsaved = kept = null
      await forgetKnown(config.paths.state, source.id).catch((error) => onSaveFailed(source.id, error))
    })
    // A watch of its own would go on behind what it told; a new one begins with a list.
    ending = new AbortController()
    watching = watch(AbortSignal.any([signal, ending.signal]))
  }
  let forgetting: Promise<void> = Promise.resolve()
  const end = async (): Promise<void> => {
    await saving
    await forgetting
    await watching.done
    await intake.settled()
    await alone(save)
  }
  return {
    findings: () => guard.findings(source.id),
    forget: () => {
      forgetting = forgetting.then(forget)
      return forgetting
    },
    done: end(),
  }
}

interface Watching {
  readonly done: Promise<void>
  readonly relist?: () => void
}

type At = Pick<Snapshot, 'clusterId' | 'revision'>

/** Adds what changed to what is on disk, or writes all of it: at first, after a list, and when as much again has changed. */
async function saveChanges(
  stateDir: string,
  {id, header}: Source,
  memory: RawMemory,
  kept: {readonly at: At; readonly changes: number} | null,
  at: At,
): Promise<{readonly at: At; readonly changes: number}> {
  const changes = memory.takeChanges()
  const total = (kept?.changes ?? 0) + (changes ? changes.upserts.length + changes.deletes.length : 0)
  if (!kept || !changes || kept.at.clusterId !== at.clusterId || total > memory.size + FEW) {
    await saveLastKnown(stateDir, id, {...header, ...at, records: memory.records})
    return {at, changes: 0}
  }
  await appendKnown(stateDir, id, kept.at, {...changes, revision: at.revision})
  return {at: kept.at, changes: total}
}
function overLimits(source: SourceId, excess: string): Finding {
  const site = source.slice('export/'.length)
  return {
    code: 'source-over-limits',
    severity: 'error',
    where: {source: source.replace('/', ' ')},
    detail: `holds ${excess}: nothing of it is read, what it said before stays`,
    remedy: `have it put in order there, or raise sites.${site}.limits`,
  }
}
