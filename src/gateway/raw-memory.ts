import type {DecodedBatch, RawRecord, SourceBatch} from '../model/index.ts'
import {RecordHeap} from './record-heap.ts'

/**
 * What one source holds, as bytes for the disk: all of it, and of records that are refused now the last good version.
 *
 * The federation keeps the same two things decoded; it cannot give them back as bytes, and what is on disk must be what
 * was read, since the next version may read it otherwise.
 */
export class RawMemory {
  #records = new RecordHeap()
  readonly #refused = new Set<string>()
  readonly #good = new Map<string, RawRecord>()
  #goodChanged = false
  /** Keys that changed since changes were last taken; null: all of it may have. */
  #changed: Set<string> | null = null

  /** As they are now, whatever is taken while they are read. */
  get records(): Iterable<RawRecord> {
    return this.#records.records()
  }

  get size(): number {
    return this.#records.size
  }

  /** What changed since this was last called; null: take all that there is. */
  takeChanges(): {readonly upserts: readonly RawRecord[]; readonly deletes: readonly string[]} | null {
    const changed = this.#changed
    this.#changed = new Set()
    if (!changed) return null
    const keys = [...changed]
    return {
      upserts: keys.flatMap((key) => this.#records.get(key) ?? []),
      deletes: keys.filter((key) => !this.#records.has(key)),
    }
  }

  /** What was taken last has not been kept. */
  forgetTaken(): void {
    this.#changed = null
    this.#goodChanged = true
  }

  /** The last good versions, if they are others than when this was last asked. */
  takeGood(): readonly RawRecord[] | null {
    if (!this.#goodChanged) return null
    this.#goodChanged = false
    return [...this.#good.values()]
  }

  /** `decoded` is the same batch after decode: it says which records are refused. */
  take(batch: SourceBatch, decoded: DecodedBatch): void {
    for (const steps = this.taking(batch, decoded); !steps.next().done; );
  }

  /** The same in small steps; what is kept on disk meanwhile is what was known before a list, or a part of changes. */
  *taking(batch: SourceBatch, decoded: DecodedBatch): Generator<void> {
    const before = this.#records
    const listed = new RecordHeap()
    for (const record of batch.type === 'list' ? batch.upserts : []) {
      listed.set(record)
      yield
    }
    for (const {key, type} of decoded.upserts) {
      if (type === 'bad') this.#refuse(key, before.get(key))
      else this.#forget(key)
      yield
    }
    if (batch.type === 'list') {
      for (const key of before.keys()) {
        if (!listed.has(key)) this.#forget(key)
        yield
      }
      this.#records = listed
      this.#changed = null
      return
    }
    for (const record of batch.upserts) {
      this.#records.set(record)
      this.#changed?.add(record.key)
    }
    for (const key of batch.deletes) {
      this.#changed?.add(key)
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
