import type {Decoded, DecodedBad, DecodedBatch, Finding, SourceState} from '../model/index.ts'
import {consequenceOf, keepsLastGood, type SourceRole} from './refused.ts'

/** What counted under one key, and counts now. */
export interface RecordChange {
  readonly key: string
  readonly before: Decoded | undefined
  readonly after: Decoded | undefined
}

/**
 * All records of one source as last read, and how it stands with it.
 *
 * What decode refused is remembered beside what counts instead of it: the last good version that this store has seen
 * under the key, however long ago, until a good one comes or the key goes; else what decode says stands in for it.
 */
export class SourceStore {
  readonly #role: SourceRole
  readonly #records = new Map<string, Decoded>()
  /** Of keys whose record is refused now. */
  readonly #lastGood = new Map<string, Decoded>()
  readonly #withFindings = new Map<string, readonly Finding[]>()
  #findings: readonly Finding[] | null = []
  #bad = 0
  #state: SourceState = {synced: false, restored: false, revision: 0, clusterId: null, keys: 0, decodeErrors: 0}

  constructor(role: SourceRole) {
    this.#role = role
  }

  get state(): SourceState {
    return this.#state
  }

  /** The record that counts under a key. */
  record(key: string): Decoded | undefined {
    const read = this.#records.get(key)
    return read?.type === 'bad' ? (this.#inForce(read) ?? read) : read
  }

  *records(): Generator<Decoded> {
    for (const read of this.#records.values()) yield read.type === 'bad' ? (this.#inForce(read) ?? read) : read
  }

  keys(): Iterable<string> {
    return this.#records.keys()
  }

  #inForce(refused: DecodedBad): Decoded | null {
    return this.#lastGood.get(refused.key) ?? refused.standIn
  }

  /** Decode's findings, in the order of the keys; the same array while none changed. */
  findings(): readonly Finding[] {
    this.#findings ??= [...this.#withFindings].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, findings]) => findings)
    return this.#findings
  }

  /**
   * Takes a batch and answers what really changed.
   *
   * A list is the truth, whatever was known; a record in it with the revision that is known is skipped, so that
   * listing again after a compaction costs a look at each key and no more. Changes that are older than what is known
   * are repeats, and do nothing.
   */
  *take(batch: DecodedBatch, restored: boolean): Generator<void, readonly RecordChange[]> {
    const sameCluster = this.#state.clusterId === batch.clusterId
    const stale = batch.type === 'changes' && sameCluster && batch.revision < this.#state.revision
    if (stale) return []
    const changes = batch.type === 'list' ? yield* this.#list(batch, sameCluster) : yield* this.#changes(batch)
    this.#state = {
      synced: !restored && (this.#state.synced || batch.type === 'list'),
      restored: restored || (this.#state.restored && batch.type !== 'list'),
      revision: batch.revision,
      clusterId: batch.clusterId,
      keys: this.#records.size,
      decodeErrors: this.#bad,
    }
    return changes
  }

  *#list(batch: DecodedBatch, sameCluster: boolean): Generator<void, RecordChange[]> {
    const gone = new Set(this.#records.keys())
    const changes: RecordChange[] = []
    for (const record of batch.upserts) {
      yield
      gone.delete(record.key)
      const known = sameCluster ? this.#records.get(record.key) : undefined
      // A document of a file may have no revision: then only its content could tell.
      if (known && known.modRevision > 0 && known.modRevision === record.modRevision) continue
      changes.push(this.#set(record.key, record))
    }
    for (const key of gone) {
      yield
      changes.push(this.#set(key, undefined))
    }
    return changes
  }

  *#changes(batch: DecodedBatch): Generator<void, RecordChange[]> {
    const changes: RecordChange[] = []
    for (const record of batch.upserts) {
      yield
      const known = this.#records.get(record.key)
      if (known && known.modRevision >= record.modRevision) continue
      changes.push(this.#set(record.key, record))
    }
    for (const key of batch.deletes) if (this.#records.has(key)) changes.push(this.#set(key, undefined))
    return changes
  }

  #set(key: string, after: Decoded | undefined): RecordChange {
    const known = this.#records.get(key)
    const before = this.record(key)
    if (after) this.#records.set(key, after)
    else this.#records.delete(key)
    if (known?.type === 'bad') this.#bad--
    if (after?.type !== 'bad') this.#lastGood.delete(key)
    else {
      this.#bad++
      if (keepsLastGood(known, after)) this.#lastGood.set(key, known)
    }
    const findings = after ? this.#findingsOf(after) : []
    if (findings.length > 0 || this.#withFindings.has(key)) {
      this.#findings = null
      if (findings.length > 0) this.#withFindings.set(key, findings)
      else this.#withFindings.delete(key)
    }
    return {key, before, after: this.record(key)}
  }

  #findingsOf(record: Decoded): readonly Finding[] {
    const consequence = record.type === 'bad' ? consequenceOf(record, this.#role, this.#inForce(record)) : null
    return consequence ? [...record.findings, consequence] : record.findings
  }
}
