import type {SourceId} from '../model/index.ts'
import type {Dependency} from './holding.ts'

interface Wanted {
  readonly source: SourceId
  readonly dependency: Dependency
  readonly users: Set<string>
}

/** Which records of a source name which others, so that a profile that changes touches its endpoints and no more. */
export class Dependencies {
  readonly #wanted = new Map<string, Wanted>()

  /** Keys of the records that name it. */
  usersOf(source: SourceId, dependency: Dependency): Iterable<string> {
    return this.#wanted.get(`${source} ${dependency}`)?.users ?? []
  }

  change(source: SourceId, key: string, before: readonly Dependency[], after: readonly Dependency[]): void {
    for (const dependency of before) {
      if (after.includes(dependency)) continue
      const wanted = this.#wanted.get(`${source} ${dependency}`)
      wanted?.users.delete(key)
      if (wanted?.users.size === 0) this.#wanted.delete(`${source} ${dependency}`)
    }
    for (const dependency of after) {
      const id = `${source} ${dependency}`
      const wanted = this.#wanted.get(id)
      if (wanted) wanted.users.add(key)
      else this.#wanted.set(id, {source, dependency, users: new Set([key])})
    }
  }

  /** What is named and, by `isThere`, does not exist. `first` is the least key that names it. */
  *missing(
    isThere: (source: SourceId, dependency: Dependency) => boolean,
  ): Generator<{source: SourceId; dependency: Dependency; users: number; first: string}> {
    for (const {source, dependency, users} of this.#wanted.values()) {
      if (isThere(source, dependency)) continue
      let first: string | undefined
      for (const key of users) if (first === undefined || key < first) first = key
      yield {source, dependency, users: users.size, first: first!}
    }
  }
}
