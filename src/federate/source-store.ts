import type {Decoded, DecodedBad, DecodedBatch, Finding, SiteName, SourceId, SourceState} from '../model/index.ts'
import type {EndpointRows} from './endpoint-rows.ts'
import {recordFindings} from './problems.ts'
import {consequenceOf, keepsLastGood, type SourceRole} from './refused.ts'
import {isSameRecord} from './same-record.ts'

/** What counted under one key, and counts now. */
export interface RecordChange {
  readonly key: string
  readonly before: Decoded | undefined
  readonly after: Decoded | undefined
}

/** What a batch really changed. */
export interface BatchChanges {
  readonly records: readonly RecordChange[]
  /** Rows under keys that nothing was known of. */
  readonly rows: readonly number[]
}

const NO_ROW = -1
const NOTHING: BatchChanges = {records: [], rows: []}

export interface SourceStoreOptions {
  readonly role: SourceRole
  readonly source: SourceId
  /** The remote site whose endpoints may be rows; null: none. */
  readonly site: SiteName | null
  readonly rows: EndpointRows
  /** Takes a row out of the member table, before it changes or goes. */
  readonly withdraw: (row: number) => void
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

  readonly #rows: EndpointRows
  readonly #source: SourceId
  /** Of whom rows may be; null: nobody. */
  readonly #site: SiteName | null
  readonly #withdraw: (row: number) => void

  constructor({role, source, site, rows, withdraw}: SourceStoreOptions) {
    this.#role = role
    this.#source = source
    this.#site = site
    this.#rows = rows
    this.#withdraw = withdraw
  }

  get state(): SourceState {
    return this.#state
  }

  /** The record that counts under a key. */
  record(key: string): Decoded | undefined {
    return this.#counting(this.#readAt(this.#rows.find(this.#source, key), key))
  }

  #counting(read: Decoded | undefined): Decoded | undefined {
    return read?.type === 'bad' ? (this.#inForce(read) ?? read) : read
  }

  *records(): Generator<Decoded> {
    for (const read of this.#records.values()) yield read.type === 'bad' ? (this.#inForce(read) ?? read) : read
    for (const row of this.#rows.of(this.#source)) yield this.#rows.record(row)
  }

  #readAt(row: number, key: string): Decoded | undefined {
    return row < 0 ? this.#records.get(key) : this.#rows.record(row)
  }

  #revisionAt(row: number, key: string): number | undefined {
    return row < 0 ? this.#records.get(key)?.modRevision : this.#rows.revisionOf(row)
  }

  *keys(): Generator<string> {
    yield* this.#records.keys()
    for (const row of this.#rows.of(this.#source)) yield this.#rows.keyOf(row)
  }

  #inForce(refused: DecodedBad): Decoded | null {
    return this.#lastGood.get(refused.key) ?? refused.standIn
  }

  /** Decode's findings, in the order of the keys, the first of each sort; the same array while none changed. */
  findings(): readonly Finding[] {
    this.#findings ??= recordFindings(this.#role.name, this.#withFindings)
    return this.#findings
  }

  /**
   * Takes a batch and answers what really changed.
   *
   * A list is the truth, whatever was known; a record in it that is known as it is is skipped, so that listing again after a
   * compaction costs a look at each record and no more. Changes that are older than what is known are repeats, and do nothing.
   */
  *take(batch: DecodedBatch, restored: boolean): Generator<void, BatchChanges> {
    const sameCluster = this.#state.clusterId === batch.clusterId
    const stale = batch.type === 'changes' && sameCluster && batch.revision < this.#state.revision
    if (stale) return NOTHING
    const changes = batch.type === 'list' ? yield* this.#list(batch) : yield* this.#changes(batch)
    this.#state = {
      synced: !restored && (this.#state.synced || batch.type === 'list'),
      restored: restored || (this.#state.restored && batch.type !== 'list'),
      revision: batch.revision,
      clusterId: batch.clusterId,
      keys: this.#records.size + this.#rows.countOf(this.#source),
      decodeErrors: this.#bad,
    }
    return changes
  }

  *#list(batch: DecodedBatch): Generator<void, BatchChanges> {
    const gone = new Set(this.#records.keys())
    const records: RecordChange[] = []
    const rows: number[] = []
    const list = this.#rows.beginList()
    let marked = 0
    for (const record of batch.upserts) {
      yield
      if (gone.size > 0) gone.delete(record.key)
      let row = this.#rows.find(this.#source, record.key)
      const added = row < 0 ? this.#addRow(record) : NO_ROW
      if (added >= 0) {
        rows.push(added)
        row = added
      } else if (!this.#isKnown(row, record)) {
        if (row >= 0 && this.#rows.isMarked(row, list)) marked--
        const set = this.#set(record.key, record, row)
        records.push(set.change)
        row = set.row
      }
      if (row >= 0 && this.#rows.mark(row, list)) marked++
    }
    // A look at all rows of all sources, so not where none of them can be gone.
    for (const row of marked < this.#rows.countOf(this.#source) ? this.#rows.of(this.#source) : []) {
      yield
      if (!this.#rows.isMarked(row, list)) records.push(this.#set(this.#rows.keyOf(row), undefined, row).change)
    }
    for (const key of gone) {
      yield
      records.push(this.#set(key, undefined, NO_ROW).change)
    }
    return {records, rows}
  }

  /** Whether the record under its key is this one. */
  #isKnown(row: number, record: Decoded): boolean {
    if (row >= 0) return record.type === 'export' && this.#rows.says(row, record)
    const known = this.#records.get(record.key)
    return known !== undefined && isSameRecord(known, record)
  }

  *#changes(batch: DecodedBatch): Generator<void, BatchChanges> {
    const records: RecordChange[] = []
    const rows: number[] = []
    for (const record of batch.upserts) {
      yield
      const row = this.#rows.find(this.#source, record.key)
      const known = this.#revisionAt(row, record.key)
      if (known !== undefined && known >= record.modRevision) continue
      const added = known === undefined ? this.#addRow(record) : NO_ROW
      if (added >= 0) rows.push(added)
      else records.push(this.#set(record.key, record, row).change)
    }
    for (const key of batch.deletes) {
      const row = this.#rows.find(this.#source, key)
      if (this.#revisionAt(row, key) !== undefined) records.push(this.#set(key, undefined, row).change)
    }
    return {records, rows}
  }

  /** The short way of a record that is all there is to its key; -1: it is not. */
  #addRow(record: Decoded): number {
    if (record.type !== 'export' || this.#site === null || this.#records.has(record.key)) return NO_ROW
    return this.#rows.add(this.#source, this.#site, record)
  }

  /** `row` is where the key is, and what comes back where it is then. */
  #set(key: string, after: Decoded | undefined, row: number): {readonly change: RecordChange; readonly row: number} {
    const known = this.#readAt(row, key)
    const before = this.#counting(known)
    if (row >= 0) {
      this.#withdraw(row)
      this.#rows.remove(row)
    }
    const fits = after?.type === 'export' && this.#site !== null
    const now = fits ? this.#rows.add(this.#source, this.#site!, after) : NO_ROW
    if (after && now < 0) this.#records.set(key, after)
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
    return {change: {key, before, after: this.#counting(after)}, row: now}
  }

  #findingsOf(record: Decoded): readonly Finding[] {
    const consequence = record.type === 'bad' ? consequenceOf(record, this.#role, this.#inForce(record)) : null
    return consequence ? [...record.findings, consequence] : record.findings
  }
}
