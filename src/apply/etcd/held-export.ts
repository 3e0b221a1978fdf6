import {JournalMap, type SourceBatch} from '../../model/index.ts'
import {EXPORT_PREFIX} from './transactions.ts'

/** A datastore or a gateway of the site, by whose name some of the keys go. */
export type ExportOwner = `datastore/${string}` | `gateway/${string}`

/** Whose record it is; null: the site's. */
export function ownerOf(key: string): ExportOwner | null {
  const [kind, name = ''] = key.slice(EXPORT_PREFIX.length).split('/', 2)
  if (kind === 'endpoints' || kind === 'local') return `datastore/${name}`
  return kind === 'gateways' ? `gateway/${name}` : null
}

/**
 * What the datastore holds of the export: what the watch of it has told, and of our own transactions what the watch is
 * still to tell. So nothing is read again after a write, and what somebody else does to the export is seen at once.
 *
 * The watch comes in the order of revisions. What it tells of a key that a later transaction of ours has written is old.
 */
export class HeldExport {
  readonly #records = new JournalMap()
  /** Own writes that the watch has not come to, by key with their revision, in the order of their answers. */
  readonly #ahead = new Map<string, number>()
  /** How many records each datastore and gateway has. */
  readonly #owners = new Map<ExportOwner, number>()
  #revision = 0
  #isWhole = false

  get records(): Pick<JournalMap, 'texts' | 'revision' | 'changedSince'> {
    return this.#records
  }

  /** Whose records there are. */
  owners(): readonly ExportOwner[] {
    return [...this.#owners].flatMap(([owner, count]) => (count > 0 ? [owner] : []))
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
      if (batch.type === 'list' || revision <= batch.revision) this.#ahead.delete(key)
    }
    const listed = new Set<string>()
    for (const {key, value} of batch.upserts) {
      listed.add(key)
      if (!this.#ahead.has(key)) this.#change(key, Buffer.from(value).toString('utf8'))
    }
    const gone =
      batch.type === 'list' ? [...this.#records.texts.keys()].filter((key) => !listed.has(key)) : batch.deletes
    for (const key of gone) if (!this.#ahead.has(key)) this.#change(key, null)
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
    // Answers to transactions that were under way together come in any order.
    if ((this.#ahead.get(key) ?? 0) > revision) return
    this.#ahead.set(key, revision)
    this.#change(key, text)
  }

  #change(key: string, text: string | null): void {
    const step = text === null ? -1 : 1
    if (this.#records.texts.has(key) === (text === null)) {
      const owner = ownerOf(key)
      if (owner !== null) this.#owners.set(owner, (this.#owners.get(owner) ?? 0) + step)
    }
    if (text === null) this.#records.delete(key)
    else this.#records.set(key, text)
  }
}
