import {type Address, addressNumber, type Family, familyOf} from './address.ts'
import {type Prefix, prefixFamily, prefixLength, prefixRange} from './prefix.ts'

/**
 * Longest-prefix match: one hash map for each prefix length in use, tried from the longest.
 *
 * The number of lengths in use is small (a site owns a handful of prefixes), so a look-up is a few hash probes and
 * insertion and removal are one each; a trie would win only with all 129 lengths present.
 */
export class PrefixTable<V> {
  readonly #byLength: Record<Family, Map<number, Map<bigint, V>>> = {4: new Map(), 6: new Map()}
  /** Those of IPv4 again, by numbers that are fast; longest first, as above. */
  #fours: {readonly shift: number; readonly entries: Map<number, V>}[] = []
  #size = 0

  constructor(entries: Iterable<readonly [Prefix, V]> = []) {
    for (const [prefix, value] of entries) this.set(prefix, value)
  }

  get size(): number {
    return this.#size
  }

  set(prefix: Prefix, value: V): void {
    const lengths = this.#byLength[prefixFamily(prefix)]
    const length = prefixLength(prefix)
    let entries = lengths.get(length)
    if (!entries) {
      entries = new Map()
      lengths.set(length, entries)
      // Kept in descending order of length, so that iteration is longest first.
      const sorted = [...lengths].sort(([a], [b]) => b - a)
      lengths.clear()
      for (const [key, map] of sorted) lengths.set(key, map)
    }
    const first = prefixRange(prefix).first
    if (!entries.has(first)) this.#size++
    entries.set(first, value)
    if (prefixFamily(prefix) === 4) this.#setFour(32 - length, Number(first), value)
  }

  #setFour(shift: number, first: number, value: V): void {
    let own = this.#fours.find((one) => one.shift === shift)
    if (!own) {
      own = {shift, entries: new Map()}
      this.#fours = [...this.#fours, own].sort((a, b) => a.shift - b.shift)
    }
    own.entries.set(Math.floor(first / 2 ** shift), value)
  }

  /** `lookup` of an IPv4 address as a number. */
  lookupFour(four: number): V | undefined {
    for (const {shift, entries} of this.#fours) {
      const found = entries.get(Math.floor(four / 2 ** shift))
      if (found !== undefined) return found
    }
    return undefined
  }

  /** The value of the longest prefix that holds the address. */
  lookup(address: Address): V | undefined {
    const family = familyOf(address)
    const number = addressNumber(address)
    const width = family === 4 ? 32 : 128
    for (const [length, entries] of this.#byLength[family]) {
      const host = BigInt(width - length)
      const found = entries.get((number >> host) << host)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** The value of the longest prefix that holds all of `prefix`. */
  covering(prefix: Prefix): V | undefined {
    const {family, first} = prefixRange(prefix)
    const width = family === 4 ? 32 : 128
    const own = prefixLength(prefix)
    for (const [length, entries] of this.#byLength[family]) {
      if (length > own) continue
      const host = BigInt(width - length)
      const found = entries.get((first >> host) << host)
      if (found !== undefined) return found
    }
    return undefined
  }
}
