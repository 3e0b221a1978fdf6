import type {SiteName, SourceBatch} from '../model/index.ts'
import type {Prefix} from '../net/index.ts'
import {isFields, parseExact} from './exact-json.ts'
import {isIpamKey} from './ipam.ts'
import {CLUSTER_INFORMATION, coverOf, isOurObject, isWriteBackKey} from './objects.ts'

export interface HeldObject {
  /** null: it is somebody else's, and no more of it is kept than follows. */
  readonly text: string | null
  readonly modRevision: number
  /** Of somebody else's IPPool or IPAM block, what it covers. */
  readonly covers: Prefix | null
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
      const object = this.#read(key, value, modRevision)
      isNews ||= isOther((before ?? this.#objects).get(key), object)
      this.#objects.set(key, object)
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
      else this.#objects.set(key, {text, modRevision: revision, covers: null})
    }
  }

  #read(key: string, bytes: Uint8Array, modRevision: number): HeldObject {
    const text = Buffer.from(bytes).toString('utf8')
    // Every pod that comes or goes changes a block; one without our word in it is nobody's that need be read.
    const value = isIpamKey(key) && !text.includes('isthmus-') ? null : parseExact(text)
    return isOurObject(key, value, this.#owner)
      ? {text, modRevision, covers: null}
      : {text: null, modRevision, covers: coverOf(key, value)}
  }
}

/** Of what is somebody else's only that it is there and what it covers is news. */
const isOther = (before: HeldObject | undefined, now: HeldObject): boolean =>
  before === undefined ||
  before.covers !== now.covers ||
  (before.text === null) !== (now.text === null) ||
  (now.text !== null && before.modRevision !== now.modRevision)

function isNotReady(value: unknown): boolean {
  const spec = isFields(value) ? value.spec : null
  return isFields(spec) && spec.datastoreReady === false
}
