import type {AttributeSet, AttributeSetId, EachLone, Member, Members, SiteName, SourceId} from '../model/index.ts'
import {AddressNumbers, fourNumber, fourText, hostPrefix, type Prefix} from '../net/index.ts'
import type {EndpointRows} from './endpoint-rows.ts'
import type {Labelled} from './holding.ts'
import {type MemberChange, MemberChanges} from './member-changes.ts'
import {MembersView} from './members-view.ts'

/** One object's hold on one prefix, admitted by ownership. */
export interface Hold {
  readonly prefix: Prefix
  readonly site: SiteName
  readonly source: SourceId
  readonly id: AttributeSetId
  readonly set: AttributeSet
  readonly names: readonly string[]
  readonly modRevision: number
  /** Unique name of the object: breaks ties, so that the path to a state never shows. */
  readonly holder: string
  /** From the configuration's grants: gives way to a static prefix of the same length. */
  readonly derived: boolean
}

/**
 * The member table: address → attribute sets, over all sources. The one structure that takes changes.
 *
 *     holder (one object) ─► holds ─┬─► at (prefix ─► every hold) ─► visible members ─► changes since the last take
 *                                   └─► attribute sets in use, counted
 *
 * `replace` takes all that one object holds now, so a repeated or late change does no harm, and costs what the object
 * touches. What is visible at a prefix is a function of the holds there and of nothing else.
 */
export class MemberTable {
  readonly #holdsOf = new Map<string, readonly Hold[]>()
  readonly #at = new Map<Prefix, readonly Hold[]>()
  /** The IPv4 addresses among these. */
  readonly #foursAt = new Set<number>()
  readonly #rows: EndpointRows
  readonly #view: MembersView
  #visible = 0
  readonly #inUse = new Map<AttributeSetId, {readonly set: AttributeSet; count: number}>()
  readonly #duplicates = new Map<Prefix, readonly Hold[]>()
  #before = new Map<Prefix, readonly Member[] | undefined>()
  /** Where there was nothing before and a row came: noted as numbers, since at first these are all. */
  #come = new AddressNumbers()
  #attributes: ReadonlyMap<AttributeSetId, AttributeSet> | null = null
  #revision = 0
  #duplicateRevision = 0

  constructor(rows: EndpointRows) {
    this.#rows = rows
    this.#view = new MembersView({
      size: () => this.#visible,
      prefixes: () => this.#prefixes(),
      at: (prefix) => this.#membersAt(prefix),
      walk: (eachLone, eachOther) => this.#walk(eachLone, eachOther),
    })
  }

  /** Live view; what it gives is made when it is asked for. */
  get members(): Members {
    return this.#view
  }

  get revision(): number {
    return this.#revision
  }

  /** Addresses with more than one endpoint; the one that counts is first. */
  get duplicates(): ReadonlyMap<Prefix, readonly Hold[]> {
    return this.#duplicates
  }

  get duplicateRevision(): number {
    return this.#duplicateRevision
  }

  /** The attribute sets that some member has: the same map as long as none comes or goes. */
  attributes(): ReadonlyMap<AttributeSetId, AttributeSet> {
    this.#attributes ??= new Map([...this.#inUse].map(([id, {set}]) => [id, set]))
    return this.#attributes
  }

  /** Changes since the last call, without those that came to nothing. */
  takeChanges(): MemberChanges {
    const changes = new Map<Prefix, MemberChange>()
    for (const [prefix, before] of this.#before) {
      const after = this.#membersAt(prefix)
      if (!sameMembers(before, after)) changes.set(prefix, {before, after})
    }
    this.#before = new Map()
    const come = this.#come
    this.#come = new AddressNumbers()
    const others: number[] = []
    come.eachFour((four) => {
      if (this.#rows.loneAdmitted(four) < 0 || this.#foursAt.has(four)) others.push(four)
    })
    for (const four of others) {
      come.deleteFour(four)
      const prefix = hostPrefix(fourText(four))
      const after = this.#membersAt(prefix)
      if (after) changes.set(prefix, {before: undefined, after})
    }
    return new MemberChanges(changes, come, (prefix) => this.#membersAt(prefix))
  }

  /** Sets what an object holds; an empty list removes it. */
  replace(holder: string, holds: readonly Hold[]): void {
    const had = this.#holdsOf.get(holder) ?? []
    const before = new Map([...had, ...holds].map(({prefix}) => [prefix, this.#membersAt(prefix)]))
    for (const hold of had) {
      const left = this.#at.get(hold.prefix)!.filter((other) => other.holder !== holder)
      if (left.length > 0) this.#at.set(hold.prefix, left)
      else {
        this.#at.delete(hold.prefix)
        this.#foursAt.delete(fourOf(hold.prefix))
      }
    }
    for (const hold of holds) {
      this.#at.set(hold.prefix, [...(this.#at.get(hold.prefix) ?? []), hold])
      const four = fourOf(hold.prefix)
      if (four >= 0) this.#foursAt.add(four)
    }
    if (holds.length > 0) this.#holdsOf.set(holder, holds)
    else this.#holdsOf.delete(holder)
    for (const [prefix, members] of before) this.#refresh(prefix, members)
  }

  /** Has a row hold its address, under what its group is labelled with. */
  admit(row: number, labelled: Labelled): void {
    const group = this.#rows.groupOf(row)
    if (group.labelled !== labelled) {
      // What was admitted is seen under the old labels until it is taken out; it is admitted again one by one.
      if (group.admitted > 0)
        for (const one of this.#rows.all()) if (this.#rows.groupOf(one) === group) this.withdraw(one)
      group.labelled = labelled
      group.lone = null
    }
    if (this.#rows.isAdmitted(row)) return
    if (this.#isLone(row)) this.#admitLone(row, labelled)
    else this.#setAdmitted(row, true)
  }

  /** Nothing else is known of its address. */
  #isLone(row: number): boolean {
    return this.#rows.isAlone(row) && !this.#foursAt.has(this.#rows.fourOf(row))
  }

  /** What `#setAdmitted` comes to where nothing else is there: nearly always. */
  #admitLone(row: number, {id, set}: Labelled): void {
    const prefix = this.#rows.prefixOf(row)
    this.#rows.setAdmitted(row, true)
    if (!this.#before.has(prefix)) this.#come.setFour(this.#rows.fourOf(row), 1)
    this.#revision++
    this.#use({id, set})
    this.#count(id, 1)
    this.#visible++
  }

  withdraw(row: number): void {
    this.#setAdmitted(row, false)
    const group = this.#rows.groupOf(row)
    if (group.admitted > 0) return
    group.labelled = null
    group.lone = null
  }

  #setAdmitted(row: number, isAdmitted: boolean): void {
    if (this.#rows.isAdmitted(row) === isAdmitted) return
    const prefix = this.#rows.prefixOf(row)
    const before = this.#membersAt(prefix)
    this.#rows.setAdmitted(row, isAdmitted)
    this.#refresh(prefix, before)
  }

  #holdsAt(prefix: Prefix): readonly Hold[] {
    const objects = this.#at.get(prefix) ?? []
    const rows: Hold[] = []
    for (const row of this.#rows.at(prefix)) if (this.#rows.isAdmitted(row)) rows.push(this.#holdOf(row))
    return rows.length === 0 ? objects : objects.length === 0 ? rows : [...objects, ...rows]
  }

  #memberOf(row: number): Member {
    const {source, site, labelled} = this.#rows.groupOf(row)
    const names = namesOnce(this.#rows.namesOf(row))
    return {site, attributes: labelled!.id, source, names, modRevision: this.#rows.revisionOf(row)}
  }

  #holdOf(row: number): Hold {
    const {source, site, labelled} = this.#rows.groupOf(row)
    return {
      prefix: this.#rows.prefixOf(row),
      ...{site, source, id: labelled!.id, set: labelled!.set},
      names: namesOnce(this.#rows.namesOf(row)),
      modRevision: this.#rows.revisionOf(row),
      holder: `${source} ${this.#rows.keyOf(row)}`,
      derived: false,
    }
  }

  #membersAt(prefix: Prefix): readonly Member[] | undefined {
    // Nearly every address has one row and nothing else.
    const only = this.#at.has(prefix) ? -1 : this.#rows.onlyAdmitted(prefix)
    if (only >= 0) return [this.#memberOf(only)]
    const members = merge(select(this.#holdsAt(prefix)).kept)
    return members.length > 0 ? members : undefined
  }

  *#walk(eachLone: EachLone, eachOther: (prefix: Prefix, members: readonly Member[]) => void): Generator<void> {
    const other = (prefix: Prefix): void => {
      const members = this.#membersAt(prefix)
      if (members) eachOther(prefix, members)
    }
    for (const prefix of this.#at.keys()) {
      other(prefix)
      yield
    }
    yield* this.#rows.eachAdmitted((row) => {
      if (this.#isLone(row)) {
        const group = this.#rows.groupOf(row)
        const {source, site} = group
        group.lone ??= {source, site, attributes: group.labelled!.id}
        eachLone(this.#rows.fourOf(row), group.lone)
      } else if (!this.#foursAt.has(this.#rows.fourOf(row)) && this.#isFirst(row)) other(this.#rows.prefixOf(row))
    })
  }

  /** Of several at one address the first stands for all. */
  #isFirst(row: number): boolean {
    for (const one of this.#rows.at(this.#rows.prefixOf(row))) if (this.#rows.isAdmitted(one)) return one === row
    return false
  }

  *#prefixes(): Generator<Prefix, undefined> {
    yield* this.#at.keys()
    for (const row of this.#rows.all()) {
      if (!this.#rows.isAdmitted(row)) continue
      const prefix = this.#rows.prefixOf(row)
      if (!this.#at.has(prefix) && this.#isFirst(row)) yield prefix
    }
  }

  #refresh(prefix: Prefix, before: readonly Member[] | undefined): void {
    const {kept, endpoints} = select(this.#holdsAt(prefix))
    if (endpoints.length > 1 || this.#duplicates.has(prefix)) this.#duplicateRevision++
    if (endpoints.length > 1) this.#duplicates.set(prefix, endpoints)
    else this.#duplicates.delete(prefix)
    const after = merge(kept)
    if (sameMembers(before, after.length > 0 ? after : undefined)) return
    const isNoted = this.#before.has(prefix) || this.#come.getFour(fourOf(prefix)) !== undefined
    if (!isNoted) this.#before.set(prefix, before)
    this.#revision++
    // Counted up before down, so that a set that stays is never seen to go.
    for (const hold of kept) this.#use(hold)
    for (const member of after) this.#count(member.attributes, 1)
    for (const member of before ?? []) this.#count(member.attributes, -1)
    this.#visible += (after.length > 0 ? 1 : 0) - (before ? 1 : 0)
  }

  #use({id, set}: Pick<Hold, 'id' | 'set'>): void {
    if (this.#inUse.has(id)) return
    this.#inUse.set(id, {set, count: 0})
    this.#attributes = null
  }

  #count(id: AttributeSetId, by: 1 | -1): void {
    const entry = this.#inUse.get(id)!
    entry.count += by
    if (entry.count > 0) return
    this.#inUse.delete(id)
    this.#attributes = null
  }
}

/** The IPv4 address that a prefix is, as a number; -1: it is none. */
const fourOf = (prefix: Prefix): number => (prefix.endsWith('/32') ? fourNumber(prefix.slice(0, -3)) : -1)

/** As `holdingOfEntry` has them. */
const namesOnce = (names: readonly string[]): readonly string[] =>
  names.length < 2 ? names : [...new Set(names)].sort()

/**
 * The holds that count at one prefix: the latest endpoint (a pod that went without a word and the one that got its
 * address, calico-model 7.5), else the site's own prefix, a static one before a granted one; and every set.
 */
function select(holds: readonly Hold[]): {kept: readonly Hold[]; endpoints: readonly Hold[]} {
  if (holds.length === 1) return {kept: holds, endpoints: []}
  const of = (...kinds: string[]): Hold[] => holds.filter((hold) => kinds.includes(hold.set.kind)).sort(latestFirst)
  const endpoints = of('pod', 'host')
  const prefixes = of('prefix')
  const one = endpoints[0] ?? prefixes.find((hold) => !hold.derived) ?? prefixes[0]
  return {kept: [...(one ? [one] : []), ...of('set')], endpoints}
}

function latestFirst(a: Hold, b: Hold): number {
  return b.modRevision - a.modRevision || (a.holder < b.holder ? -1 : 1)
}

/** One member for each attribute set and source: the key of a membership (formats.md); names only say who. */
function merge(holds: readonly Hold[]): Member[] {
  const merged = new Map<string, Member>()
  for (const {site, id, source, names, modRevision} of holds) {
    const key = `${source} ${id}`
    const other = merged.get(key)
    merged.set(key, {
      site,
      attributes: id,
      source,
      names: other ? [...new Set([...other.names, ...names])].sort() : names,
      modRevision: Math.max(modRevision, other?.modRevision ?? 0),
    })
  }
  if (merged.size < 2) return [...merged.values()]
  return [...merged].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, member]) => member)
}

function sameMembers(a: readonly Member[] | undefined, b: readonly Member[] | undefined): boolean {
  if (a === b) return true
  if (a === undefined || b === undefined || a.length !== b.length) return false
  return a.every((member, i) => {
    const other = b[i]!
    return (
      member.attributes === other.attributes &&
      member.source === other.source &&
      member.modRevision === other.modRevision &&
      member.names.length === other.names.length &&
      member.names.every((name, j) => name === other.names[j])
    )
  })
}
