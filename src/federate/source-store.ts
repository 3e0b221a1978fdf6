import type {Decoded, DecodedBatch, Finding, SourceState} from '../model/index.ts'

/** What one record was and is. */
export interface RecordChange {
  readonly key: string
  readonly before: Decoded | undefined
  readonly after: Decoded | undefined
}

/** All records of one source as last read, and how it stands with it. */
export class SourceStore {
  readonly #records = new Map<string, Decoded>()
  readonly #withFindings = new Map<string, readonly Finding[]>()
  #findings: readonly Finding[] | null = []
  #bad = 0
  #state: SourceState = {synced: false, restored: false, revision: 0, clusterId: null, keys: 0, decodeErrors: 0}

  get state(): SourceState {
    return this.#state
  }

  record(key: string): Decoded | undefined {
    return this.#records.get(key)
  }

  records(): Iterable<Decoded> {
    return this.#records.values()
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
  take(batch: DecodedBatch, restored: boolean): RecordChange[] {
    const sameCluster = this.#state.clusterId === batch.clusterId
    const stale = batch.type === 'changes' && sameCluster && batch.revision < this.#state.revision
    const changes = stale ? [] : batch.type === 'list' ? this.#list(batch, sameCluster) : this.#changes(batch)
    if (stale) return []
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

  #list(batch: DecodedBatch, sameCluster: boolean): RecordChange[] {
    const gone = new Set(this.#records.keys())
    const changes: RecordChange[] = []
    for (const record of batch.upserts) {
      gone.delete(record.key)
      const known = sameCluster ? this.#records.get(record.key) : undefined
      // A document of a file may have no revision: then only its content could tell.
      if (known && known.modRevision > 0 && known.modRevision === record.modRevision) continue
      changes.push(this.#set(record.key, record))
    }
    for (const key of gone) changes.push(this.#set(key, undefined))
    return changes
  }

  #changes(batch: DecodedBatch): RecordChange[] {
    const changes: RecordChange[] = []
    for (const record of batch.upserts) {
      const known = this.#records.get(record.key)
      if (known && known.modRevision >= record.modRevision) continue
      changes.push(this.#set(record.key, record))
    }
    for (const key of batch.deletes) if (this.#records.has(key)) changes.push(this.#set(key, undefined))
    return changes
  }

  #set(key: string, after: Decoded | undefined): RecordChange {
    const before = this.#records.get(key)
    if (after) this.#records.set(key, after)
    else this.#records.delete(key)
    if (before?.type === 'bad') this.#bad--
    if (after?.type === 'bad') this.#bad++
    if ((before?.findings.length ?? 0) > 0 || (after?.findings.length ?? 0) > 0) {
      this.#findings = null
      if (after && after.findings.length > 0) this.#withFindings.set(key, after.findings)
      else this.#withFindings.delete(key)
    }
    return {key, before, after}
  }
}
