import type {Member} from '../model/index.ts'
import {type AddressNumbers, hostPrefix, isHostPrefix, type Prefix, prefixAddress} from '../net/index.ts'

/** What changed in the table between two moments; `before` and `after` undefined mean absent. */
export interface MemberChange {
  readonly before: readonly Member[] | undefined
  readonly after: readonly Member[] | undefined
}

/**
 * What changed at each prefix. Rows of remote sites that came where nothing was are numbers until somebody looks, since at
 * a start they are a million: so look before anything changes again.
 */
export class MemberChanges implements ReadonlyMap<Prefix, MemberChange> {
  /** All but such rows: what is said of the own site among them. */
  readonly others: ReadonlyMap<Prefix, MemberChange>
  readonly #come: AddressNumbers
  readonly #membersAt: (prefix: Prefix) => readonly Member[] | undefined

  constructor(
    others: ReadonlyMap<Prefix, MemberChange>,
    come: AddressNumbers,
    membersAt: (prefix: Prefix) => readonly Member[] | undefined,
  ) {
    this.others = others
    this.#come = come
    this.#membersAt = membersAt
  }

  get size(): number {
    return this.others.size + this.#come.size
  }

  get(prefix: Prefix): MemberChange | undefined {
    const hasCome = isHostPrefix(prefix) && this.#come.has(prefixAddress(prefix))
    return hasCome ? {before: undefined, after: this.#membersAt(prefix)} : this.others.get(prefix)
  }

  has(prefix: Prefix): boolean {
    return this.get(prefix) !== undefined
  }

  *entries(): Generator<[Prefix, MemberChange], undefined> {
    yield* this.others
    for (const address of this.#come.keys()) yield [hostPrefix(address), this.get(hostPrefix(address))!]
  }

  *keys(): Generator<Prefix, undefined> {
    yield* this.others.keys()
    for (const address of this.#come.keys()) yield hostPrefix(address)
  }

  *values(): Generator<MemberChange, undefined> {
    for (const [, change] of this.entries()) yield change
  }

  forEach(callback: (value: MemberChange, key: Prefix, map: ReadonlyMap<Prefix, MemberChange>) => void): void {
    for (const [prefix, change] of this.entries()) callback(change, prefix, this)
  }

  [Symbol.iterator](): Generator<[Prefix, MemberChange], undefined> {
    return this.entries()
  }
}
