import type {Address} from './address.ts'
import {AddressNumbers} from './address-numbers.ts'

/** More texts than this that nobody has any more, beyond as many as there are addresses, are forgotten. */
const MOST_IDLE = 10_000

/** A map of texts that is changed in place; `Map` is one. */
export interface TextMap extends ReadonlyMap<string, string> {
  set(key: string, text: string): unknown
  delete(key: string): boolean
  clear(): void
}

/** Address → text, where a million addresses share some thousand texts: each text once, and numbers for them. */
export class AddressTexts implements TextMap {
  /** Those of the IPv4 addresses of a map of numbers. */
  static ofFours(fours: AddressNumbers, textOf: (value: number) => string): AddressTexts {
    const made = new AddressTexts()
    const known = new Map<number, number>()
    made.#numbers = fours.foursWith((value) => {
      let number = known.get(value)
      if (number === undefined) {
        number = made.#numberFor(textOf(value))
        known.set(value, number)
      }
      return number
    })
    return made
  }

  #numbers = new AddressNumbers()
  #texts: string[] = []
  #numberOf = new Map<string, number>()

  get size(): number {
    return this.#numbers.size
  }

  get(key: string): string | undefined {
    const number = this.#numbers.get(key as Address)
    return number === undefined ? undefined : this.#texts[number]
  }

  has(key: string): boolean {
    return this.#numbers.has(key as Address)
  }

  set(key: string, text: string): this {
    if (!this.#numberOf.has(text) && this.#texts.length > 2 * this.#numbers.size + MOST_IDLE) this.#forgetIdle()
    this.#numbers.set(key as Address, this.#numberFor(text))
    return this
  }

  /** Takes all of another one, whose addresses are none of these, into one that has none. */
  take(all: AddressTexts): void {
    if (this.size > 0) throw new Error('not empty')
    this.#numbers = all.#numbers.copied()
    this.#texts = [...all.#texts]
    this.#numberOf = new Map(all.#numberOf)
  }

  /** Each IPv4 address as a number, in steps of some thousand; `toValue` is asked once for each text. */
  *walkFours<T>(
    toValue: (text: string) => T,
    visit: (address: number, value: T) => void,
  ): Generator<void, void, undefined> {
    const values = this.#texts.map(toValue)
    yield* this.#numbers.walkFours((address, number) => visit(address, values[number]!))
  }

  #numberFor(text: string): number {
    let number = this.#numberOf.get(text)
    if (number === undefined) {
      number = this.#texts.push(text) - 1
      this.#numberOf.set(text, number)
    }
    return number
  }

  delete(key: string): boolean {
    return this.#numbers.delete(key as Address)
  }

  clear(): void {
    this.#numbers = new AddressNumbers()
    this.#texts = []
    this.#numberOf = new Map()
  }

  *entries(): Generator<[string, string], undefined> {
    for (const [address, number] of this.#numbers) yield [address, this.#texts[number]!]
  }

  keys(): Generator<string, undefined> {
    return this.#numbers.keys()
  }

  *values(): Generator<string, undefined> {
    for (const number of this.#numbers.values()) yield this.#texts[number]!
  }

  forEach(callback: (value: string, key: string, map: ReadonlyMap<string, string>) => void): void {
    for (const [key, value] of this.entries()) callback(value, key, this)
  }

  [Symbol.iterator](): Generator<[string, string], undefined> {
    return this.entries()
  }

  #forgetIdle(): void {
    const all = [...this.entries()]
    this.clear()
    for (const [key, text] of all) this.set(key, text)
  }
}
