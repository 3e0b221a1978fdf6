import {type ObjectStore, type WriteGuard, writeObjects} from '../apply/index.ts'
import {diffWriteBack, type ObjectState, type Settled} from '../diff/index.ts'
import type {Finding, SiteName} from '../model/index.ts'
import {CLUSTER_INFORMATION, type HeldObjects, type ObjectChange, type ObjectIdentity} from '../writeback/index.ts'

export interface ObjectWriterDeps {
  /** For findings: `datastore NAME`, and whose it is. */
  readonly source: string
  readonly site: SiteName
  /** By key; null: not known yet, so nothing may be written or removed. */
  readonly wanted: () => ReadonlyMap<string, string> | null
  /** Whether what makes this object is known in full. */
  readonly mayPrune: (key: string) => boolean
  readonly held: HeldObjects
  /** Whether the datastore answers and what is held is what it said itself. */
  readonly reachable: () => boolean
  /** What each transaction must compare besides; null: another gateway writes. */
  readonly mayWrite: () => readonly WriteGuard[] | null
  readonly dryRun: boolean
  readonly store: ObjectStore
  readonly identity: () => ObjectIdentity
}

/** What one look found and did. */
export interface ObjectReport {
  readonly states: ReadonlyMap<string, ObjectState>
  readonly findings: readonly Finding[]
  /** What is left to be written. */
  readonly changes: readonly ObjectChange[]
  readonly written: number
  /** Keys that somebody else changed in the same moment; the next look sees what became of them. */
  readonly refused: readonly string[]
  readonly failure: string | null
}

const NOTHING: ObjectReport = {
  ...{states: new Map(), findings: [], changes: [], written: 0, refused: [], failure: null},
}

export interface ObjectWriter {
  /** Brings the datastore to what is wanted. Safe at any time; what fails is tried again by the next call. */
  write(signal: AbortSignal): Promise<ObjectReport>
}

/**
 * Level-triggered like a pass: what is wanted against what is held, whoever changed either. A pair that was found equal is
 * not looked into again as long as both texts are the same, so that a change costs the objects that it touches.
 */
export function createObjectWriter(deps: ObjectWriterDeps): ObjectWriter {
  const {held, store, source} = deps
  let settled: ReadonlyMap<string, Settled> = new Map()

  return {
    async write(signal) {
      const wanted = deps.wanted()
      if (wanted === null || !deps.reachable()) return NOTHING
      const {mayPrune, identity} = deps
      const difference = diffWriteBack({
        wanted,
        held: held.objects,
        mayPrune,
        settled,
        identity,
        source,
        site: deps.site,
      })
      settled = difference.settled
      const {changes, states} = difference
      const findings =
        held.isLocked && changes.length > 0 ? [...difference.findings, locked(source)] : difference.findings
      const guards = changes.length === 0 || held.isLocked || deps.dryRun ? null : deps.mayWrite()
      if (guards === null) return {...NOTHING, states, findings, changes}
      const left = new Map(changes.map((change) => [change.key, change]))
      const now = new Map(states)
      const report = await writeObjects(
        store,
        changes,
        {guards, quiet: [CLUSTER_INFORMATION], since: held.revision},
        (done, revision) => {
          held.wrote(done, revision)
          for (const {key, text} of done) {
            left.delete(key)
            if (text !== null) now.set(key, 'held')
            else if (now.get(key) !== 'conflict') now.delete(key)
          }
        },
        signal,
      )
      return {states: now, findings, changes: [...left.values()], written: changes.length - left.size, ...report}
    },
  }
}

const locked = (source: string): Finding => ({
  code: 'write-back-locked',
  severity: 'info',
  where: {source, key: CLUSTER_INFORMATION},
  detail: 'datastoreReady is false: nothing is written while Calico migrates or restores its datastore',
})
