/** So many changes are remembered, and as many again as half of what the map holds. */
const REMEMBERED = 10_000

/**
 * A map of texts that remembers which keys changed, so that whoever compares it with another again and again looks at
 * these and need not walk it. Any number of readers, each with the revision that it has seen.
 */
export class JournalMap {
  readonly #texts = new Map<string, string>()
  #changed: string[] = []
  /** Revision before the first change that is remembered. */
  #from = 0

  /** Live view. */
  get texts(): ReadonlyMap<string, string> {
    return this.#texts
  }

  /** Grows with each change: equal number, equal map. */
  get revision(): number {
    return this.#from + this.#changed.length
  }

  set(key: string, text: string): void {
    if (this.#texts.get(key) === text) return
    this.#texts.set(key, text)
    this.#note(key)
  }

  delete(key: string): void {
    if (this.#texts.delete(key)) this.#note(key)
  }

  /** Keys that changed after a revision, some of them maybe back again; null when that was too long ago to tell. */
  changedSince(revision: number): ReadonlySet<string> | null {
    return revision < this.#from ? null : new Set(this.#changed.slice(revision - this.#from))
  }

  #note(key: string): void {
    this.#changed.push(key)
    const most = REMEMBERED + this.#texts.size / 2
    if (this.#changed.length <= 2 * most) return
    const forgotten = this.#changed.length - Math.floor(most)
    this.#changed = this.#changed.slice(forgotten)
    this.#from += forgotten
  }
}
