import type {SiteName, SourceBatch} from '../model/index.ts'
import type {Prefix} from '../net/index.ts'
import {isFields, parseExact} from './exact-json.ts'
import {CLUSTER_INFORMATION, isOurObject, isWriteBackKey, poolOf} from './objects.ts'

export interface HeldObject {
  /** null: it is somebody else's, and no more of it is kept than follows. */
  readonly text: string | null
  readonly modRevision: number
  /** Of somebody else's IPPool, what it covers. */
  readonly pool: Prefix | null
}

/** An object as it shall be; `text` null: it goes. Written only if the key still has this revision (0: is not there). */
export interface ObjectChange {
  readonly key: string
  readonly text: string | null
  readonly modRevision: number
}

/**
 * What one datastore holds where Isthmus writes objects: what the watch has told, and of our own transactions what the watch
 * is still to tell. The watch comes in the order of revisions; what it tells of a key that a later transaction of ours has
 * written is old.
 */
export class HeldObjects {
  readonly #owner: SiteName
  #objects = new Map<string, HeldObject>()
  /** Own writes that the watch has not come to, by key with their revision, oldest first. */
  readonly #ahead = new Map<string, number>()
  #revision = 0
  #isLocked = false

  constructor(owner: SiteName) {
    this.#owner = owner
  }

  /** A live view, others' objects included. */
  get objects(): ReadonlyMap<string, HeldObject> {
    return this.#objects
  }

  /** What the watch has come to. */
  get revision(): number {
    return this.#revision
  }

  /** The datastore says that it is being migrated or restored, and nobody may write (calico-model 1.4). */
  get isLocked(): boolean {
    return this.#isLocked
  }

  /** Takes what the watch tells; true when something here is other than it was known. */
  take({type, revision, upserts, deletes}: Pick<SourceBatch, 'type' | 'revision' | 'upserts' | 'deletes'>): boolean {
    this.#revision = revision
    for (const [key, written] of this.#ahead) {
      // A list is the truth, even of a datastore that was restored and is behind what was written.
      if (type !== 'list' && written > revision) break
      this.#ahead.delete(key)
    }
    const before = type === 'list' ? this.#objects : null
    if (before) {
      this.#objects = new Map()
      this.#isLocked = false
    }
    let isNews = false
    for (const {key, value, modRevision} of upserts) {
      if (key === CLUSTER_INFORMATION) {
        const was = this.#isLocked
        this.#isLocked = isNotReady(parseExact(Buffer.from(value).toString('utf8')))
        isNews ||= was !== this.#isLocked
      }
      if (!isWriteBackKey(key) || this.#ahead.has(key)) continue
      isNews ||= (before ?? this.#objects).get(key)?.modRevision !== modRevision
      this.#objects.set(key, this.#read(key, value, modRevision))
    }
    for (const key of deletes) {
      if (key === CLUSTER_INFORMATION) this.#isLocked = false
      if (!this.#ahead.has(key) && this.#objects.delete(key)) isNews = true
    }
    return isNews || (before !== null && before.size !== this.#objects.size)
  }

  /** Notes a transaction of our own, done at this revision. */
  wrote(changes: readonly ObjectChange[], revision: number): void {
    if (revision <= this.#revision) return
    for (const {key, text} of changes) {
      this.#ahead.delete(key)
      this.#ahead.set(key, revision)
      if (text === null) this.#objects.delete(key)
      else this.#objects.set(key, {text, modRevision: revision, pool: null})
    }
  }

  #read(key: string, bytes: Uint8Array, modRevision: number): HeldObject {
    const text = Buffer.from(bytes).toString('utf8')
    const value = parseExact(text)
    return isOurObject(key, value, this.#owner)
      ? {text, modRevision, pool: null}
      : {text: null, modRevision, pool: poolOf(key, value)}
  }
}

function isNotReady(value: unknown): boolean {
  const spec = isFields(value) ? value.spec : null
  return isFields(spec) && spec.datastoreReady === false
}
