import {JournalMap, type SourceBatch} from '../../model/index.ts'

/**
 * What the datastore holds of the export: what the watch of it has told, and of our own transactions what the watch is
 * still to tell. So nothing is read again after a write, and what somebody else does to the export is seen at once.
 *
 * The watch comes in the order of revisions. What it tells of a key that a later transaction of ours has written is old.
 */
export class HeldExport {
  readonly #records = new JournalMap()
  /** Own writes that the watch has not come to, by key with their revision, oldest first. */
  readonly #ahead = new Map<string, number>()
  #revision = 0
  #isWhole = false

  get records(): Pick<JournalMap, 'texts' | 'revision' | 'changedSince'> {
    return this.#records
  }

  /** Whether a list has been seen: before it nothing is known, and nothing may be written. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  /** Takes what the watch tells; true when it is not what was written here. */
  take(batch: Pick<SourceBatch, 'type' | 'revision' | 'upserts' | 'deletes'>): boolean {
    const before = this.#records.revision
    this.#revision = batch.revision
    for (const [key, revision] of this.#ahead) {
      // A list is the truth, even of a datastore that was restored and is behind what was written.
      if (batch.type !== 'list' && revision > batch.revision) break
      this.#ahead.delete(key)
    }
    const listed = new Set<string>()
    for (const {key, value} of batch.upserts) {
      listed.add(key)
      if (!this.#ahead.has(key)) this.#records.set(key, Buffer.from(value).toString('utf8'))
    }
    const gone =
      batch.type === 'list' ? [...this.#records.texts.keys()].filter((key) => !listed.has(key)) : batch.deletes
    for (const key of gone) if (!this.#ahead.has(key)) this.#records.delete(key)
    if (batch.type === 'list') this.#isWhole = true
    return this.#records.revision !== before
  }

  /** Notes a transaction of our own, done at this revision. */
  wrote(put: readonly (readonly [key: string, text: string])[], deleted: readonly string[], revision: number): void {
    if (revision <= this.#revision) return
    for (const [key, text] of put) this.#note(key, text, revision)
    for (const key of deleted) this.#note(key, null, revision)
  }

  #note(key: string, text: string | null, revision: number): void {
    this.#ahead.delete(key)
    this.#ahead.set(key, revision)
    if (text === null) this.#records.delete(key)
    else this.#records.set(key, text)
  }
}
