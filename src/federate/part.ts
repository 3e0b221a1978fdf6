/** A derived part of the World, kept until something that it is made of changes. */
export class Part<T> {
  readonly #make: () => T
  #value: T | undefined
  #text = ''
  /** Set by whoever changed something that the part is made of. */
  stale = true

  constructor(make: () => T) {
    this.#make = make
  }

  /** The part; the same object as before when a new one would say the same. */
  get(): T {
    if (!this.stale && this.#value !== undefined) return this.#value
    this.stale = false
    const value = this.#make()
    const text = textOf(value)
    if (this.#value === undefined || text !== this.#text) this.#value = value
    this.#text = text
    return this.#value
  }
}

const textOf = (value: unknown): string =>
  JSON.stringify(value, (_key, item: unknown) => (item instanceof Map ? [...item] : item))
