import {type AttributeSet, type AttributeSetId, JournalMap, type Member, type SiteName} from '../model/index.ts'
import type {Prefix} from '../net/index.ts'
import {attributesKey, attributesText, endpointKey, endpointText, isPublished} from './records.ts'

/** What became of the members of one prefix; absent where there are none. */
export interface MembersBecame {
  readonly before: readonly Member[] | undefined
  readonly after: readonly Member[] | undefined
}

/**
 * The records of the own site's members and of their attribute sets, kept up by what changes among them: the same that
 * `exportRecords` makes from nothing, which is its referee (`test/export/member-records.test.ts`). In between two calls of
 * `take` it is whole: no membership without its set.
 */
export class MemberRecords {
  readonly #local: SiteName
  readonly #records = new JournalMap()
  /** How many records name an attribute set. */
  readonly #users = new Map<AttributeSetId, number>()

  constructor(local: SiteName) {
    this.#local = local
  }

  get records(): Pick<JournalMap, 'texts' | 'revision' | 'changedSince'> {
    return this.#records
  }

  /** Takes every change since the last call; `attributes` are those of the World after it. */
  take(changes: ReadonlyMap<Prefix, MembersBecame>, attributes: ReadonlyMap<AttributeSetId, AttributeSet>): void {
    for (const [prefix, {before, after}] of changes) {
      const stay = new Set<string>()
      for (const member of after ?? []) {
        const set = attributes.get(member.attributes)
        if (!set || !isPublished(this.#local, member, set)) continue
        const key = endpointKey(prefix, member)
        stay.add(key)
        if (!this.#records.texts.has(key)) this.#use(member.attributes, set)
        this.#records.set(key, endpointText(member))
      }
      for (const member of before ?? []) {
        const key = endpointKey(prefix, member)
        if (stay.has(key) || member.site !== this.#local || !this.#records.texts.has(key)) continue
        this.#records.delete(key)
        this.#leave(member.attributes)
      }
    }
  }

  #use(id: AttributeSetId, set: AttributeSet): void {
    const users = this.#users.get(id) ?? 0
    this.#users.set(id, users + 1)
    if (users === 0) this.#records.set(attributesKey(id), attributesText(set))
  }

  #leave(id: AttributeSetId): void {
    const users = this.#users.get(id)! - 1
    this.#users.set(id, users)
    if (users > 0) return
    this.#users.delete(id)
    this.#records.delete(attributesKey(id))
  }
}
