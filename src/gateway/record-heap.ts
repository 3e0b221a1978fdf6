import type {RawRecord} from '../model/index.ts'

/** Length of the key, of the value, and the revision. */
const HEADER = 16
const CHUNK = 1 << 20
/** More than any value that etcd takes. */
const CHUNK_SPAN = 2 ** 28
const FIRST_SLOTS = 16
/** Less than this that nobody needs any more is no reason to copy. */
const MOST_WASTE = 1 << 22

/**
 * Records by key, as bytes one after the other: some 150 bytes for one of an endpoint, outside of the heap that is walked by
 * each collection of garbage, where an object with its key, its value and what holds them takes four times as much.
 *
 * What is written stays as it is until all of it is copied, so whoever reads has what there was when it began.
 */
export class RecordHeap {
  #chunks: Buffer[] = []
  /** Of the last chunk. */
  #used = 0
  #live = 0
  #dead = 0
  #mask = FIRST_SLOTS - 1
  /** Place of a record plus one; 0: free. */
  #slots = new Float64Array(FIRST_SLOTS)
  #hashes = new Uint32Array(FIRST_SLOTS)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Those that are kept for records that have gone included. */
  get bytes(): number {
    return this.#live + this.#dead
  }

  has(key: string): boolean {
    return this.#slots[this.#slotOf(Buffer.from(key))]! > 0
  }

  get(key: string): RawRecord | undefined {
    const place = this.#slots[this.#slotOf(Buffer.from(key))]!
    return place > 0 ? recordAt(this.#chunks, place - 1) : undefined
  }

  set(record: RawRecord): void {
    if ((this.#size + 1) * 3 > (this.#mask + 1) * 2) this.#growSlots()
    const key = Buffer.from(record.key)
    const hashed = hash(key)
    const slot = this.#slotOf(key, hashed)
    if (this.#slots[slot]! > 0) this.#bury(this.#slots[slot]! - 1)
    else this.#size++
    this.#slots[slot] = this.#write(key, record) + 1
    this.#hashes[slot] = hashed
    if (this.#dead > this.#live + MOST_WASTE) this.#copyLiving()
  }

  delete(key: string): boolean {
    return this.#takeOut(Buffer.from(key))
  }

  /** As they are now, whatever happens while they are read. */
  records(): Iterable<RawRecord> {
    const [chunks, places] = [[...this.#chunks], this.#slots.filter((place) => place > 0)]
    return {
      *[Symbol.iterator]() {
        for (const place of places) yield recordAt(chunks, place - 1)
      },
    }
  }

  *keys(): Generator<string, undefined> {
    for (const {key} of this.records()) yield key
  }

  #write(key: Buffer, {value, modRevision}: RawRecord): number {
    const length = HEADER + key.length + value.length
    if (this.#chunks.length === 0 || this.#used + length > this.#chunks.at(-1)!.length) {
      this.#chunks.push(Buffer.allocUnsafeSlow(Math.max(CHUNK, length)))
      this.#used = 0
    }
    const chunk = this.#chunks.at(-1)!
    const at = this.#used
    chunk.writeUInt32LE(key.length, at)
    chunk.writeUInt32LE(value.length, at + 4)
    chunk.writeDoubleLE(modRevision, at + 8)
    key.copy(chunk, at + HEADER)
    chunk.set(value, at + HEADER + key.length)
    this.#used += length
    this.#live += length
    return (this.#chunks.length - 1) * CHUNK_SPAN + at
  }

  #takeOut(key: Buffer): boolean {
    let hole = this.#slotOf(key)
    const place = this.#slots[hole]!
    if (place === 0) return false
    this.#bury(place - 1)
    for (let next = (hole + 1) & this.#mask; this.#slots[next]! > 0; next = (next + 1) & this.#mask) {
      const home = this.#hashes[next]! & this.#mask
      // Whoever would be found no more across the hole moves into it.
      if (((next - home) & this.#mask) < ((next - hole) & this.#mask)) continue
      this.#slots[hole] = this.#slots[next]!
      this.#hashes[hole] = this.#hashes[next]!
      hole = next
    }
    this.#slots[hole] = 0
    this.#size--
    return true
  }

  /** Nobody asks any more for what is at a place. */
  #bury(place: number): void {
    const length = lengthAt(this.#chunks, place)
    this.#live -= length
    this.#dead += length
  }

  /** Where a key is, or would come. */
  #slotOf(key: Buffer, wanted = hash(key)): number {
    let slot = wanted & this.#mask
    for (; this.#slots[slot]! > 0; slot = (slot + 1) & this.#mask) {
      if (this.#hashes[slot] === wanted && isKeyAt(this.#chunks, this.#slots[slot]! - 1, key)) break
    }
    return slot
  }

  #growSlots(): void {
    const [slots, hashes] = [this.#slots, this.#hashes]
    this.#mask = 2 * slots.length - 1
    this.#slots = new Float64Array(2 * slots.length)
    this.#hashes = new Uint32Array(2 * slots.length)
    for (let old = 0; old < slots.length; old++) {
      if (slots[old] === 0) continue
      let slot = hashes[old]! & this.#mask
      while (this.#slots[slot]! > 0) slot = (slot + 1) & this.#mask
      this.#slots[slot] = slots[old]!
      this.#hashes[slot] = hashes[old]!
    }
  }

  #copyLiving(): void {
    const all = this.records()
    this.#chunks = []
    this.#used = 0
    this.#live = 0
    this.#dead = 0
    this.#slots.fill(0)
    this.#size = 0
    for (const record of all) this.set(record)
  }
}

const chunkOf = (chunks: readonly Buffer[], place: number): Buffer => chunks[Math.floor(place / CHUNK_SPAN)]!

function lengthAt(chunks: readonly Buffer[], place: number): number {
  const [chunk, at] = [chunkOf(chunks, place), place % CHUNK_SPAN]
  return HEADER + chunk.readUInt32LE(at) + chunk.readUInt32LE(at + 4)
}

function isKeyAt(chunks: readonly Buffer[], place: number, key: Buffer): boolean {
  const [chunk, at] = [chunkOf(chunks, place), place % CHUNK_SPAN]
  const length = chunk.readUInt32LE(at)
  return length === key.length && chunk.compare(key, 0, length, at + HEADER, at + HEADER + length) === 0
}

function recordAt(chunks: readonly Buffer[], place: number): RawRecord {
  const [chunk, at] = [chunkOf(chunks, place), place % CHUNK_SPAN]
  const keyEnd = at + HEADER + chunk.readUInt32LE(at)
  const key = chunk.toString('utf8', at + HEADER, keyEnd)
  return {
    key,
    value: chunk.subarray(keyEnd, keyEnd + chunk.readUInt32LE(at + 4)),
    modRevision: chunk.readDoubleLE(at + 8),
  }
}

function hash(key: Buffer): number {
  let mixed = 0x811c9dc5
  for (let at = 0; at < key.length; at++) mixed = Math.imul(mixed ^ key[at]!, 0x01000193)
  return (mixed ^ (mixed >>> 15)) >>> 0
}
