import type {DecodedBatch, RawRecord, SourceBatch} from '../model/index.ts'

/**
 * What one source holds, as bytes for the disk: all of it, and of records that are refused now the last good version.
 *
 * The federation keeps the same two things decoded; it cannot give them back as bytes, and what is on disk must be what
 * was read, since the next version may read it otherwise.
 */
export class RawMemory {
  #records = new Map<string, RawRecord>()
  readonly #refused = new Set<string>()
  readonly #good = new Map<string, RawRecord>()
  #goodChanged = false

  get records(): readonly RawRecord[] {
    return [...this.#records.values()]
  }

  /** The last good versions, if they are others than when this was last asked. */
  takeGood(): readonly RawRecord[] | null {
    if (!this.#goodChanged) return null
    this.#goodChanged = false
    return [...this.#good.values()]
  }

  /** `decoded` is the same batch after decode: it says which records are refused. */
  take(batch: SourceBatch, decoded: DecodedBatch): void {
    const before = this.#records
    if (batch.type === 'list') {
      this.#records = new Map(batch.upserts.map((record) => [record.key, record]))
      for (const key of before.keys()) if (!this.#records.has(key)) this.#forget(key)
    }
    for (const {key, type} of decoded.upserts) {
      if (type === 'bad') this.#refuse(key, before.get(key))
      else this.#forget(key)
    }
    if (batch.type === 'list') return
    for (const record of batch.upserts) this.#records.set(record.key, record)
    for (const key of batch.deletes) {
      this.#records.delete(key)
      this.#forget(key)
    }
  }

  #refuse(key: string, before: RawRecord | undefined): void {
    if (before && !this.#refused.has(key)) {
      this.#good.set(key, before)
      this.#goodChanged = true
    }
    this.#refused.add(key)
  }

  #forget(key: string): void {
    this.#refused.delete(key)
    if (this.#good.delete(key)) this.#goodChanged = true
  }
}
