import type {Finding, SiteName} from '../model/index.ts'
import {type Prefix, prefixesOverlap} from '../net/index.ts'
import {
  coverOf,
  type HeldObject,
  isIpamKey,
  mergeObject,
  type ObjectChange,
  type ObjectIdentity,
  objectPath,
} from '../writeback/index.ts'

/** `conflict`: somebody else's object stands in the way, and is left alone. `kept`: not wanted, but not known to be gone. */
export type ObjectState = 'held' | 'create' | 'update' | 'delete' | 'conflict' | 'kept'

/** Texts that were found to say the same: what is wanted, and what is held. */
export interface Settled {
  readonly want: string
  readonly held: string
}

export interface WriteBackInput {
  /** By key, as the writeback station makes them. */
  readonly wanted: ReadonlyMap<string, string>
  /** Others' objects included. */
  readonly held: ReadonlyMap<string, HeldObject>
  /** Whether what made this object is known in full, so that its absence means something. */
  readonly mayPrune: (key: string) => boolean
  /** Of the last difference: pairs that need no second look. */
  readonly settled: ReadonlyMap<string, Settled>
  readonly identity: () => ObjectIdentity
  /** For findings: `datastore NAME`, and whose it is. */
  readonly source: string
  readonly site: SiteName
}

export interface WriteBackDifference {
  /** What comes before what goes: an address that moves from set to set is in both for a moment and never in none. */
  readonly changes: readonly ObjectChange[]
  readonly states: ReadonlyMap<string, ObjectState>
  readonly findings: readonly Finding[]
  readonly settled: ReadonlyMap<string, Settled>
}

/**
 * What has to be written so that the datastore holds what is wanted and nothing else of ours. What is not ours is only ever
 * compared with: an object under a name of ours, or a pool over a remote prefix, is a finding, and the rest goes on.
 */
export function diffWriteBack({
  wanted,
  held,
  mayPrune,
  settled,
  identity,
  source,
  site,
}: WriteBackInput): WriteBackDifference {
  const changes: ObjectChange[] = []
  const gone: ObjectChange[] = []
  const states = new Map<string, ObjectState>()
  const findings: Finding[] = []
  const still = new Map<string, Settled>()
  const covers = [...held].flatMap(([key, one]): [string, Prefix][] => (one.covers === null ? [] : [[key, one.covers]]))
  for (const [key, want] of wanted) {
    const have = held.get(key)
    const rival = have?.text === null ? key : rivalOf(key, want, covers)
    if (rival !== null) {
      states.set(key, 'conflict')
      findings.push(conflict(source, site, key, rival))
      continue
    }
    const text = have?.text ?? null
    const known = settled.get(key)
    const merged = known?.want === want && known.held === text ? null : mergeObject(want, text, identity)
    if (merged === null && text !== null) still.set(key, {want, held: text})
    if (merged !== null) changes.push({key, text: merged, modRevision: have?.modRevision ?? 0})
    states.set(key, merged === null ? 'held' : text === null ? 'create' : 'update')
  }
  for (const [key, {text, modRevision}] of held) {
    if (text === null || (wanted.has(key) && states.get(key) !== 'conflict')) continue
    const goes = wanted.has(key) || mayPrune(key)
    if (!wanted.has(key)) states.set(key, goes ? 'delete' : 'kept')
    if (goes) gone.push({key, text: null, modRevision})
  }
  // A claim on a block whose Node is not there is released by Calico: the Node comes first and goes last.
  const isLater = ({key}: ObjectChange): number => Number(isIpamKey(key))
  changes.sort((a, b) => isLater(a) - isLater(b))
  gone.sort((a, b) => isLater(b) - isLater(a))
  return {changes: [...changes, ...gone], states, findings, settled: still}
}

/** Somebody else's pool or block over the same addresses; of two equal pools Calico sees one, and blocks must not overlap. */
function rivalOf(key: string, want: string, others: readonly (readonly [string, Prefix])[]): string | null {
  const own = others.length === 0 || !/\/(?:ippools|block)\//.test(key) ? null : coverOf(key, JSON.parse(want))
  const isAlike = (other: string): boolean => isIpamKey(other) === isIpamKey(key)
  return others.find(([other, covers]) => own !== null && isAlike(other) && prefixesOverlap(own, covers))?.[0] ?? null
}

function conflict(source: string, site: SiteName, key: string, rival: string): Finding {
  const [path, other] = [key, rival].map(objectPath)
  const [detail, remedy] =
    key === rival
      ? [`${other} is not this site's: it is left alone, and ours is not written`, 'delete it or give it another name']
      : [`${other} covers addresses of it: it is left alone, and ours is not written`, 'delete it, or leave it at that']
  const sides = [
    {site, says: `${other} (${source}), of somebody else`},
    {site, says: `write-back of ${path}`},
  ]
  const where = {source, key}
  const contested = {over: path!, sides, firstCounts: true}
  return {code: 'write-back-conflict', severity: 'warning', where, detail, remedy, conflict: contested}
}
