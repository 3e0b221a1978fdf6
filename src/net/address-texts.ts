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
    let number = this.#numberOf.get(text)
    if (number === undefined) {
      if (this.#texts.length > 2 * this.#numbers.size + MOST_IDLE) this.#forgetIdle()
      number = this.#texts.push(text) - 1
      this.#numberOf.set(text, number)
    }
    this.#numbers.set(key as Address, number)
    return this
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
