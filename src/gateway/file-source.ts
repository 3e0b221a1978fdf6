import {readFile, stat} from 'node:fs/promises'
import {parseFile} from '../documents/index.ts'
import type {WatchClock, WatchState} from '../etcd/index.ts'
import type {Finding, RawRecord, SourceBatch, SourceId} from '../model/index.ts'

/** A look at the file's times; watching would miss a mounted ConfigMap's links and what lies on a network. */
const LOOK_EVERY_MS = 1000
/** There is no cluster behind a file. */
const CLUSTER_ID = 'file'

export interface FileSourceOptions {
  readonly source: SourceId
  readonly file: string
  readonly clock: WatchClock
  readonly signal: AbortSignal
  readonly onBatch: (batch: SourceBatch) => void
  readonly onState: (state: WatchState) => void
  /** What is wrong with the file now; none: it has been taken. */
  readonly onFindings: (findings: readonly Finding[]) => void
}

/**
 * Follows a file as if it were a datastore: each good state of it is a list. While it cannot be read or is wrong, what it
 * said last counts. Never throws.
 */
export function watchFile(options: FileSourceOptions): {readonly done: Promise<void>} {
  const {source, file, clock, signal} = options
  let state: WatchState = {
    ...{connected: false, synced: false, revision: 0, clusterId: null, endpoint: file},
    ...{lastHeardMs: null, lastError: null, resyncs: {}, events: 0, excess: null},
  }
  const set = (change: Partial<WatchState>): void => {
    state = {...state, ...change}
    options.onState(state)
  }
  /** The version that was read, and what became of it; one that is still being written is not read yet. */
  let read: {readonly version: string; readonly findings: readonly Finding[]} | null = null
  let resting: string | null = null
  let held = new Map<string, RawRecord>()

  const refuse = (findings: readonly Finding[]): void => {
    options.onFindings(findings)
    set({connected: false, lastError: findings[0]?.detail ?? null})
  }

  async function look(): Promise<void> {
    const version = await versionOf(file)
    if (version === read?.version) {
      if (!hasError(read.findings)) set({connected: true, lastHeardMs: clock.nowMs(), lastError: null})
      return
    }
    const isAtRest = read === null || version === resting
    resting = version
    if (!isAtRest) return
    const {values, findings} = parseFile(await readFile(file, 'utf8'), file)
    if ((await versionOf(file)) !== version) return
    read = {version, findings}
    if (hasError(findings)) return refuse(findings)
    const revision = Math.max(state.revision + 1, Math.floor(Number(version.split(' ')[0])))
    held = new Map(
      values.map((value) => [value.key, sameOrNew(held.get(value.key), {...value, modRevision: revision})]),
    )
    const upserts = [...held.values()]
    options.onBatch({source, type: 'list', revision, clusterId: CLUSTER_ID, upserts, deletes: []})
    options.onFindings(findings)
    set({
      ...{connected: true, lastHeardMs: clock.nowMs(), lastError: null},
      ...{synced: true, revision, clusterId: CLUSTER_ID, events: state.events + 1},
    })
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        await look()
      } catch (error) {
        read = null
        const detail = error instanceof Error ? error.message : String(error)
        refuse([{code: 'document-unreadable', severity: 'error', where: {source: `file ${file}`}, detail}])
      }
      await clock.sleep(LOOK_EVERY_MS, signal)
    }
  }
  return {done: run()}
}

/** By milliseconds of its last change first. */
async function versionOf(file: string): Promise<string> {
  const {mtimeMs, size, ino} = await stat(file)
  return `${mtimeMs} ${size} ${ino}`
}

const hasError = (findings: readonly Finding[]): boolean => findings.some(({severity}) => severity === 'error')

/** What says the same stays as it was, so that it is no change to anybody. */
const sameOrNew = (before: RawRecord | undefined, now: RawRecord): RawRecord =>
  before && Buffer.compare(before.value, now.value) === 0 ? before : now
