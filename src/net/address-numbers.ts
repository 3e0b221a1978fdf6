import type {Address} from './address.ts'

const FIRST_SLOTS = 16
const SLOTS_A_STEP = 4096
const DOT = 46
const DIGIT_0 = 48

const OCTETS: readonly string[] = Array.from({length: 256}, (_, octet) => String(octet))

/**
 * The IPv4 address that a part of a text is in its one canonical form, as an unsigned number; -1: it is none. For whoever
 * reads a million of them and needs no text of its own for each.
 */
export function canonicalFour(text: string, from: number, to: number): number {
  let [value, octet, digits, dots] = [0, 0, 0, 0]
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at)
    if (code === DOT) {
      if (digits === 0) return -1
      dots++
      value = value * 256 + octet
      octet = 0
      digits = 0
    } else {
      if (code < DIGIT_0 || code > DIGIT_0 + 9 || (digits > 0 && octet === 0)) return -1
      octet = octet * 10 + code - DIGIT_0
      digits++
      if (octet > 255) return -1
    }
  }
  return dots === 3 && digits > 0 ? value * 256 + octet : -1
}

/** An IPv4 address as an unsigned number of 32 bits, as fast as that goes; -1 for IPv6. */
export function fourNumber(address: string): number {
  let [value, octet] = [0, 0]
  for (let at = 0; at < address.length; at++) {
    const code = address.charCodeAt(at)
    if (code === DOT) [value, octet] = [value * 256 + octet, 0]
    else if (code >= DIGIT_0 && code <= DIGIT_0 + 9) octet = octet * 10 + code - DIGIT_0
    else return -1
  }
  return value * 256 + octet
}

export const fourText = (number: number): Address =>
  `${OCTETS[number >>> 24]}.${OCTETS[(number >>> 16) & 255]}.${OCTETS[(number >>> 8) & 255]}.${OCTETS[number & 255]}` as Address

/**
 * Address → number below 2^32, for a million addresses: IPv4 takes some 20 bytes each in three typed arrays, where a `Map`
 * with its strings takes 100 and is walked by each collection of garbage. IPv6 is in a `Map`.
 *
 * Open addressing with linear probing; a deletion moves what stands behind it up, so that no marks are left. Each map has
 * an order of its own: filled in the order of another one, it would be filled from one end, lap over lap, in runs of
 * thousands.
 */
export class AddressNumbers implements ReadonlyMap<Address, number> {
  static #made = 0
  readonly #salt: number
  #mask = FIRST_SLOTS - 1
  #keys = new Uint32Array(FIRST_SLOTS)
  #values = new Uint32Array(FIRST_SLOTS)
  #used = new Uint8Array(FIRST_SLOTS)
  #four = 0
  readonly #others = new Map<Address, number>()

  /** Empty, for so many IPv4 addresses: to grow to a million holds up whoever waits. */
  static withRoom(addresses: number): AddressNumbers {
    const made = new AddressNumbers()
    let slots = FIRST_SLOTS
    while (addresses * 4 > slots * 3) slots *= 2
    made.#resize(slots)
    return made
  }

  /** With the IPv4 addresses of another one, if that is given. */
  constructor(fours: AddressNumbers | null = null) {
    this.#salt = fours ? fours.#salt : Math.imul(++AddressNumbers.#made, 0x9e3779b9)
    if (fours === null) return
    this.#mask = fours.#mask
    this.#keys = fours.#keys.slice()
    this.#values = fours.#values.slice()
    this.#used = fours.#used.slice()
    this.#four = fours.#four
  }

  get size(): number {
    return this.#four + this.#others.size
  }

  get(address: Address): number | undefined {
    const key = fourNumber(address)
    return key < 0 ? this.#others.get(address) : this.getFour(key)
  }

  /** The same for an IPv4 address as a number. */
  getFour(key: number): number | undefined {
    const slot = this.#slotOf(key)
    return this.#used[slot] === 1 ? this.#values[slot] : undefined
  }

  has(address: Address): boolean {
    return this.get(address) !== undefined
  }

  set(address: Address, value: number): this {
    const key = fourNumber(address)
    if (key < 0) this.#others.set(address, value)
    else this.setFour(key, value)
    return this
  }

  setFour(key: number, value: number): void {
    let slot = this.#slotOf(key)
    if (this.#used[slot] === 0) {
      if ((this.#four + 1) * 4 > (this.#mask + 1) * 3) {
        this.#grow()
        slot = this.#slotOf(key)
      }
      this.#used[slot] = 1
      this.#keys[slot] = key
      this.#four++
    }
    this.#values[slot] = value
  }

  delete(address: Address): boolean {
    const key = fourNumber(address)
    return key < 0 ? this.#others.delete(address) : this.deleteFour(key)
  }

  deleteFour(key: number): boolean {
    let hole = this.#slotOf(key)
    if (this.#used[hole] === 0) return false
    for (let next = (hole + 1) & this.#mask; this.#used[next] === 1; next = (next + 1) & this.#mask) {
      const home = hash(this.#keys[next]! ^ this.#salt) & this.#mask
      // Whoever would be found no more across the hole moves into it.
      if (((next - home) & this.#mask) < ((next - hole) & this.#mask)) continue
      this.#keys[hole] = this.#keys[next]!
      this.#values[hole] = this.#values[next]!
      hole = next
    }
    this.#used[hole] = 0
    this.#four--
    return true
  }

  /** Each IPv4 address as a number, without a text for it. */
  eachFour(visit: (key: number, value: number) => void): void {
    for (let slot = 0; slot <= this.#mask; slot++) {
      if (this.#used[slot] === 1) visit(this.#keys[slot]!, this.#values[slot]!)
    }
  }

  /** The same in steps of some thousand. */
  *walkFours(visit: (key: number, value: number) => void): Generator<void, void, undefined> {
    for (let slot = 0; slot <= this.#mask; slot++) {
      if (this.#used[slot] === 1) visit(this.#keys[slot]!, this.#values[slot]!)
      if (slot % SLOTS_A_STEP === 0) yield
    }
  }

  /** Those that are no IPv4 addresses. */
  others(): ReadonlyMap<Address, number> {
    return this.#others
  }

  copied(): AddressNumbers {
    const made = new AddressNumbers(this)
    for (const [address, value] of this.#others) made.#others.set(address, value)
    return made
  }

  /** A map of the IPv4 addresses with other numbers: no look-up for any of them. */
  foursWith(toValue: (value: number) => number): AddressNumbers {
    const made = new AddressNumbers(this)
    for (let slot = 0; slot <= this.#mask; slot++) {
      if (this.#used[slot] === 1) made.#values[slot] = toValue(this.#values[slot]!)
    }
    return made
  }

  *entries(): Generator<[Address, number], undefined> {
    for (let slot = 0; slot <= this.#mask; slot++) {
      if (this.#used[slot] === 1) yield [fourText(this.#keys[slot]!), this.#values[slot]!]
    }
    yield* this.#others
  }

  *keys(): Generator<Address, undefined> {
    for (const [address] of this.entries()) yield address
  }

  *values(): Generator<number, undefined> {
    for (let slot = 0; slot <= this.#mask; slot++) if (this.#used[slot] === 1) yield this.#values[slot]!
    yield* this.#others.values()
  }

  forEach(callback: (value: number, key: Address, map: ReadonlyMap<Address, number>) => void): void {
    for (const [address, value] of this.entries()) callback(value, address, this)
  }

  [Symbol.iterator](): Generator<[Address, number], undefined> {
    return this.entries()
  }

  /** Where the key is, or would come. */
  #slotOf(key: number): number {
    let slot = hash(key ^ this.#salt) & this.#mask
    while (this.#used[slot] === 1 && this.#keys[slot] !== key) slot = (slot + 1) & this.#mask
    return slot
  }

  #grow(): void {
    this.#resize(2 * (this.#mask + 1))
  }

  #resize(slots: number): void {
    const [keys, values, used] = [this.#keys, this.#values, this.#used]
    this.#mask = slots - 1
    this.#keys = new Uint32Array(slots)
    this.#values = new Uint32Array(slots)
    this.#used = new Uint8Array(slots)
    for (let old = 0; old < used.length; old++) {
      if (used[old] === 0) continue
      const slot = this.#slotOf(keys[old]!)
      this.#used[slot] = 1
      this.#keys[slot] = keys[old]!
      this.#values[slot] = values[old]!
    }
  }
}

/** Neighbours must not be neighbours. */
function hash(key: number): number {
  const once = Math.imul(key ^ (key >>> 16), 0x45d9f3b)
  const twice = Math.imul(once ^ (once >>> 15), 0x45d9f3b)
  return twice ^ (twice >>> 16)
}
