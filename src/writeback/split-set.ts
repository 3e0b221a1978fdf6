import {createHash} from 'node:crypto'
import type {Prefix} from '../net/index.ts'

/** Bits of an address' hash that may part it from others: so many that nobody finds addresses that stay together. */
const MOST_BITS = 128
/** Those that are kept with the address, as one small integer. */
const KEPT_BITS = 30

/** Addresses with the first bits of their hashes. */
type Nets = Map<Prefix, number>

/**
 * Any number of addresses in parts of at most `most`, by the bits of their hash: a part is parted when it grows too
 * large, two are one again as soon as they fit. So the parts are a function of the addresses and of nothing else, and one
 * address more or less changes one part, or three where one is cut in two.
 */
export class SplitSet {
  readonly #most: number
  readonly #parts = new Map<string, Nets>([['', new Map()]])

  constructor(most: number) {
    this.#most = most
  }

  get isEmpty(): boolean {
    return this.#parts.size === 1 && this.#parts.get('')?.size === 0
  }

  /** The addresses of the part whose hashes begin with these bits, by their text; empty where there is none. */
  nets(path: string): readonly Prefix[] {
    return [...(this.#parts.get(path)?.keys() ?? [])].sort()
  }

  /** Answers the parts that are others now, there or not. */
  add(prefix: Prefix): readonly string[] {
    const kept = keptBits(prefix)
    const path = this.#pathOf(prefix, kept)
    const part = this.#parts.get(path)!
    if (part.has(prefix)) return []
    part.set(prefix, kept)
    return this.#mustCut(path, part) ? this.#cut(path, part) : [path]
  }

  delete(prefix: Prefix): readonly string[] {
    const path = this.#pathOf(prefix, keptBits(prefix))
    return this.#parts.get(path)!.delete(prefix) ? this.#join(path) : []
  }

  #pathOf(prefix: Prefix, kept: number): string {
    let path = ''
    while (!this.#parts.has(path)) path += bitOf(prefix, kept, path.length)
    return path
  }

  #mustCut(path: string, part: Nets): boolean {
    return part.size > this.#most && path.length < MOST_BITS
  }

  #cut(path: string, part: Nets): string[] {
    this.#parts.delete(path)
    const halves: Record<'0' | '1', Nets> = {0: new Map(), 1: new Map()}
    for (const [prefix, kept] of part) halves[bitOf(prefix, kept, path.length)].set(prefix, kept)
    const changed = [path]
    for (const [bit, half] of Object.entries(halves)) {
      this.#parts.set(path + bit, half)
      changed.push(...(this.#mustCut(path + bit, half) ? this.#cut(path + bit, half) : [path + bit]))
    }
    return changed
  }

  #join(path: string): string[] {
    const changed = [path]
    for (let at = path; at !== ''; at = at.slice(0, -1)) {
      const parent = at.slice(0, -1)
      const other = parent + (at.endsWith('0') ? '1' : '0')
      const [part, sibling] = [this.#parts.get(at), this.#parts.get(other)]
      if (!part || !sibling || part.size + sibling.size > this.#most) break
      this.#parts.delete(at)
      this.#parts.delete(other)
      this.#parts.set(parent, new Map([...part, ...sibling]))
      changed.push(other, parent)
    }
    return changed
  }
}

const digestOf = (prefix: Prefix): Buffer => createHash('sha256').update(prefix).digest()

const keptBits = (prefix: Prefix): number => digestOf(prefix).readUInt32BE(0) >>> (32 - KEPT_BITS)

function bitOf(prefix: Prefix, kept: number, index: number): '0' | '1' {
  const isSet =
    index < KEPT_BITS
      ? (kept >>> (KEPT_BITS - 1 - index)) & 1
      : (digestOf(prefix)[index >> 3]! >> (7 - (index & 7))) & 1
  return isSet === 0 ? '0' : '1'
}
