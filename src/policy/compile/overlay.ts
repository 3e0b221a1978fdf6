/** What a large map holds at another moment: a few of its entries replaced; undefined: not there. */
export function overlay<V>(
  under: ReadonlyMap<string, V>,
  patch: ReadonlyMap<string, V | undefined>,
): ReadonlyMap<string, V> {
  return patch.size === 0 ? under : new Overlay(under, patch)
}

class Overlay<V> implements ReadonlyMap<string, V> {
  readonly #under: ReadonlyMap<string, V>
  readonly #patch: ReadonlyMap<string, V | undefined>

  constructor(under: ReadonlyMap<string, V>, patch: ReadonlyMap<string, V | undefined>) {
    this.#under = under
    this.#patch = patch
  }

  get size(): number {
    let size = this.#under.size
    for (const [key, value] of this.#patch) size += Number(value !== undefined) - Number(this.#under.has(key))
    return size
  }

  get(key: string): V | undefined {
    const value = this.#patch.get(key)
    return value !== undefined || this.#patch.has(key) ? value : this.#under.get(key)
  }

  has(key: string): boolean {
    return this.get(key) !== undefined
  }

  *entries(): Generator<[string, V], undefined> {
    for (const entry of this.#under) if (!this.#patch.has(entry[0])) yield entry
    for (const [key, value] of this.#patch) if (value !== undefined) yield [key, value]
  }

  *keys(): Generator<string, undefined> {
    for (const [key] of this.entries()) yield key
  }

  *values(): Generator<V, undefined> {
    for (const [, value] of this.entries()) yield value
  }

  forEach(callback: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this.entries()) callback(value, key, this)
  }

  [Symbol.iterator](): Generator<[string, V], undefined> {
    return this.entries()
  }
}
