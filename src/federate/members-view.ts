import type {EachLone, Member, Members} from '../model/index.ts'
import type {Prefix} from '../net/index.ts'

export interface MembersSource {
  readonly size: () => number
  /** Each that has members, once. */
  readonly prefixes: () => Iterable<Prefix>
  readonly at: (prefix: Prefix) => readonly Member[] | undefined
  readonly walk: Required<Members>['walk']
}

/** The member table as a map that keeps nothing: a million members as objects would be most of the daemon's memory. */
export class MembersView implements Members {
  readonly #source: MembersSource

  constructor(source: MembersSource) {
    this.#source = source
  }

  get size(): number {
    return this.#source.size()
  }

  get(prefix: Prefix): readonly Member[] | undefined {
    return this.#source.at(prefix)
  }

  has(prefix: Prefix): boolean {
    return this.#source.at(prefix) !== undefined
  }

  walk(eachLone: EachLone, eachOther: (prefix: Prefix, members: readonly Member[]) => void): Iterable<void> {
    return this.#source.walk(eachLone, eachOther)
  }

  *entries(): Generator<[Prefix, readonly Member[]], undefined> {
    for (const prefix of this.#source.prefixes()) {
      const members = this.#source.at(prefix)
      if (members) yield [prefix, members]
    }
  }

  *keys(): Generator<Prefix, undefined> {
    for (const [prefix] of this.entries()) yield prefix
  }

  *values(): Generator<readonly Member[], undefined> {
    for (const [, members] of this.entries()) yield members
  }

  forEach(
    callback: (value: readonly Member[], key: Prefix, map: ReadonlyMap<Prefix, readonly Member[]>) => void,
  ): void {
    for (const [prefix, members] of this.entries()) callback(members, prefix, this)
  }

  [Symbol.iterator](): Generator<[Prefix, readonly Member[]], undefined> {
    return this.entries()
  }
}
