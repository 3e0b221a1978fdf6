import {createHash} from 'node:crypto'
import {comparePrefixes, type Prefix} from '../net/index.ts'

/** Bits of an address' hash that may part it from others. */
const MOST_BITS = 32

/**
 * Any number of addresses in parts of at most `most`, by the bits of their hash: a part is parted when it grows too
 * large, two are one again as soon as they fit. So the parts are a function of the addresses and of nothing else, and one
 * address more or less changes one part, or three where one is cut in two.
 */
export class SplitSet {
  readonly #most: number
  readonly #parts = new Map<string, Set<Prefix>>([['', new Set()]])

  constructor(most: number) {
    this.#most = most
  }

  /** The parts by the bits that their addresses begin with, in no order. */
  get parts(): ReadonlyMap<string, ReadonlySet<Prefix>> {
    return this.#parts
  }

  get isEmpty(): boolean {
    return this.#parts.size === 1 && this.#parts.get('')?.size === 0
  }

  /** Answers the parts that are others now, there or not. */
  add(prefix: Prefix): readonly string[] {
    const bits = hashBits(prefix)
    const path = this.#pathOf(bits)
    const part = this.#parts.get(path)!
    if (part.has(prefix)) return []
    part.add(prefix)
    return part.size > this.#most && path.length < MOST_BITS ? this.#cut(path, part) : [path]
  }

  delete(prefix: Prefix): readonly string[] {
    const path = this.#pathOf(hashBits(prefix))
    return this.#parts.get(path)!.delete(prefix) ? this.#join(path) : []
  }

  #pathOf(bits: string): string {
    for (let length = 0; ; length++) {
      const path = bits.slice(0, length)
      if (this.#parts.has(path)) return path
    }
  }

  #cut(path: string, part: ReadonlySet<Prefix>): string[] {
    this.#parts.delete(path)
    const halves = ['0', '1'].map((bit) => ({path: path + bit, nets: new Set<Prefix>()}))
    for (const prefix of part) halves[Number(hashBits(prefix)[path.length])]!.nets.add(prefix)
    return [
      path,
      ...halves.flatMap((half) => {
        this.#parts.set(half.path, half.nets)
        return half.nets.size > this.#most && half.path.length < MOST_BITS
          ? this.#cut(half.path, half.nets)
          : [half.path]
      }),
    ]
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
      this.#parts.set(parent, new Set([...part, ...sibling]))
      changed.push(other, parent)
    }
    return changed
  }
}

export const sortedNets = (nets: ReadonlySet<Prefix>): Prefix[] => [...nets].sort(comparePrefixes)

function hashBits(prefix: Prefix): string {
  const number = createHash('sha256').update(prefix).digest().readUInt32BE(0)
  return number.toString(2).padStart(MOST_BITS, '0')
}
