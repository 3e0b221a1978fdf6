import type {AttributeSetId, DatastoreName, DecodedExport, LoneMember, SiteName, SourceId} from '../model/index.ts'
import {AddressNumbers, canonicalFour, fourNumber, fourText, type Prefix, prefixAddress} from '../net/index.ts'
import type {Labelled} from './holding.ts'

const ENDPOINTS = '/isthmus/v1/export/endpoints/'
const FIRST_ROWS = 64
const NONE = -1
const ROWS_A_STEP = 512

/** What many rows have in common. */
export interface RowGroup {
  readonly source: SourceId
  readonly site: SiteName
  readonly datastore: DatastoreName
  /** As the remote names it. */
  readonly attributes: AttributeSetId
  /** What its admitted rows have; changes only while there are none. */
  labelled: Labelled | null
  /** What those are as members; null: not asked for under these labels. */
  lone: LoneMember | null
  /** What its attributes were when they were last looked up, for whoever asks once a row. */
  looked: {readonly revision: number; readonly labelled: Labelled | undefined} | null
  rows: number
  admitted: number
}

type Names = string | readonly string[]

/** Of one source: how many rows, and datastore → attribute set → group. */
interface SourceRows {
  rows: number
  readonly groups: Map<string, Map<string, number>>
}

/** What a key says that may be a row's. */
interface KeyParts {
  readonly key: string
  readonly four: number
  readonly address: string
  readonly datastore: string
  readonly attributes: string
  /** As far as it has been looked for. */
  group: {readonly source: SourceId; readonly number: number} | null
}

/**
 * The endpoints of remote sites as rows of typed arrays: some hundred bytes each, and nothing that a collection of garbage
 * has to walk, where records, holds and members as objects take a kilobyte and a half.
 *
 * A row is a record of `endpoints/` that says no more than that: an IPv4 address under its canonical key, without findings.
 * Whatever else a site says stays an object. `admitted` rows hold their address (`MemberTable`).
 */
export class EndpointRows {
  readonly #firstAt = new AddressNumbers()
  readonly #groups: RowGroup[] = []
  readonly #freeGroups: number[] = []
  readonly #sources = new Map<SourceId, SourceRows>()
  /** A key is asked for, then its record put in. */
  #lastParts: KeyParts | null = null
  #four = new Uint32Array(FIRST_ROWS)
  #group = new Int32Array(FIRST_ROWS)
  #next = new Int32Array(FIRST_ROWS)
  #revision = new Float64Array(FIRST_ROWS)
  /** 0: free. 1: there. 2: admitted. */
  #state = new Uint8Array(FIRST_ROWS)
  /** The list in which it was seen last. */
  #mark = new Uint32Array(FIRST_ROWS)
  #lists = 0
  readonly #names: (Names | null)[] = []
  #end = 0
  #free = NONE

  countOf(source: SourceId): number {
    return this.#sources.get(source)?.rows ?? 0
  }

  /** The row of a key; -1: none. */
  find(source: SourceId, key: string): number {
    const parts = this.#parts(key)
    if (!parts) return NONE
    const group = this.#sources.get(source)?.groups.get(parts.datastore)?.get(parts.attributes)
    if (group === undefined) return NONE
    parts.group = {source, number: group}
    for (let row = this.#firstOf(parts.four); row !== NONE; row = this.#next[row]!) {
      if (this.#group[row] === group) return row
    }
    return NONE
  }

  /** Puts a record where none of its key is; -1: it is none that a row can hold. */
  add(source: SourceId, site: SiteName, record: DecodedExport): number {
    const {entry, findings, modRevision, key} = record
    if (entry.kind !== 'endpoint' || findings.length > 0) return NONE
    const {datastore, attributes, names, prefix} = entry
    const parts = this.#parts(key)
    if (!parts || parts.datastore !== datastore || parts.attributes !== attributes) return NONE
    // The key's address is canonical, so the same text is the same address.
    if (prefix !== `${parts.address}/32`) return NONE
    const known = parts.group?.source === source ? parts.group.number : null
    const group = known ?? this.#groupFor(source, site, datastore, attributes)
    const row = this.#take()
    this.#four[row] = parts.four
    this.#group[row] = group
    this.#revision[row] = modRevision
    this.#state[row] = 1
    this.#names[row] = names.length === 1 ? names[0]! : names
    this.#next[row] = this.#firstOf(parts.four)
    this.#firstAt.setFour(parts.four, row)
    this.#groups[group]!.rows++
    this.#sources.get(source)!.rows++
    return row
  }

  /** It must not be admitted. */
  remove(row: number): void {
    const group = this.groupOf(row)
    const four = this.#four[row]!
    const first = this.#firstOf(four)
    if (first === row) {
      if (this.#next[row] === NONE) this.#firstAt.deleteFour(four)
      else this.#firstAt.setFour(four, this.#next[row]!)
    } else {
      let before = first
      while (this.#next[before] !== row) before = this.#next[before]!
      this.#next[before] = this.#next[row]!
    }
    this.#state[row] = 0
    this.#names[row] = null
    this.#next[row] = this.#free
    this.#free = row
    group.rows--
    this.#sources.get(group.source)!.rows--
    if (group.rows === 0) this.#forgetGroup(this.#group[row]!)
  }

  isThere(row: number): boolean {
    return this.#state[row] !== 0
  }

  groupOf(row: number): RowGroup {
    return this.#groups[this.#group[row]!]!
  }

  revisionOf(row: number): number {
    return this.#revision[row]!
  }

  /** The address as a number. */
  fourOf(row: number): number {
    return this.#four[row]!
  }

  /** No other row is at its address, admitted or not. */
  isAlone(row: number): boolean {
    return this.#next[row] === NONE && this.#firstOf(this.#four[row]!) === row
  }

  prefixOf(row: number): Prefix {
    return `${fourText(this.#four[row]!)}/32` as Prefix
  }

  keyOf(row: number): string {
    const {datastore, attributes} = this.groupOf(row)
    return keyOf(datastore, fourText(this.#four[row]!), attributes)
  }

  namesOf(row: number): readonly string[] {
    const names = this.#names[row]!
    return typeof names === 'string' ? [names] : names
  }

  /** Whether a record under the row's own key says what the row does. */
  says(row: number, {entry, findings, modRevision}: DecodedExport): boolean {
    if (entry.kind !== 'endpoint' || findings.length > 0 || modRevision !== this.#revision[row]) return false
    const {names} = entry
    const held = this.#names[row]!
    if (typeof held === 'string') return names.length === 1 && names[0] === held
    return names.length === held.length && names.every((name, at) => name === held[at])
  }

  isAdmitted(row: number): boolean {
    return this.#state[row] === 2
  }

  setAdmitted(row: number, isAdmitted: boolean): void {
    if (this.isAdmitted(row) === isAdmitted) return
    this.#state[row] = isAdmitted ? 2 : 1
    this.groupOf(row).admitted += isAdmitted ? 1 : -1
  }

  /** The record again, as it was put in. */
  record(row: number): DecodedExport {
    const {datastore, attributes} = this.groupOf(row)
    const names = this.namesOf(row)
    const entry = {kind: 'endpoint', datastore, prefix: this.prefixOf(row), attributes, names} as const
    return {type: 'export', key: this.keyOf(row), modRevision: this.revisionOf(row), findings: [], entry}
  }

  /** Rows at an address, whoever said them. */
  *at(prefix: Prefix): Generator<number, undefined> {
    if (prefix.includes(':') || !prefix.endsWith('/32')) return
    for (let row = this.#firstOf(fourNumber(prefixAddress(prefix))); row !== NONE; row = this.#next[row]!) yield row
  }

  /** The one admitted row at an address; -1: none, or several. */
  onlyAdmitted(prefix: Prefix): number {
    if (prefix.includes(':') || !prefix.endsWith('/32')) return NONE
    let only = NONE
    for (let row = this.#firstOf(fourNumber(prefixAddress(prefix))); row !== NONE; row = this.#next[row]!) {
      if (this.#state[row] !== 2) continue
      if (only !== NONE) return NONE
      only = row
    }
    return only
  }

  *of(source: SourceId): Generator<number, undefined> {
    if (this.countOf(source) === 0) return
    for (let row = 0; row < this.#end; row++) {
      if (this.#state[row] !== 0 && this.groupOf(row).source === source) yield row
    }
  }

  *all(): Generator<number, undefined> {
    for (let row = 0; row < this.#end; row++) if (this.#state[row] !== 0) yield row
  }

  /** In steps of some hundred rows. */
  *eachAdmitted(visit: (row: number) => void): Generator<void> {
    for (let row = 0; row < this.#end; row++) {
      if (this.#state[row] === 2) visit(row)
      if (row % ROWS_A_STEP === 0) yield
    }
  }

  /** The row that is admitted at an address where there is no other; -1: none. */
  loneAdmitted(four: number): number {
    const row = this.#firstOf(four)
    return row !== NONE && this.#next[row] === NONE && this.#state[row] === 2 ? row : NONE
  }

  *groups(): Generator<RowGroup, undefined> {
    for (const {groups} of this.#sources.values()) {
      for (const ofDatastore of groups.values()) for (const group of ofDatastore.values()) yield this.#groups[group]!
    }
  }

  /** A list begins: its rows are marked with what this gives. */
  beginList(): number {
    return ++this.#lists
  }

  /** Seen in a list; false: it was before. */
  mark(row: number, list: number): boolean {
    if (this.#mark[row] === list) return false
    this.#mark[row] = list
    return true
  }

  isMarked(row: number, list: number): boolean {
    return this.#mark[row] === list
  }

  #firstOf(four: number): number {
    return this.#firstAt.getFour(four) ?? NONE
  }

  #parts(key: string): KeyParts | null {
    if (this.#lastParts?.key !== key) this.#lastParts = partsOf(key)
    return this.#lastParts
  }

  #groupFor(source: SourceId, site: SiteName, datastore: DatastoreName, attributes: AttributeSetId): number {
    const own = this.#sources.get(source) ?? {rows: 0, groups: new Map<string, Map<string, number>>()}
    this.#sources.set(source, own)
    const ofDatastore = own.groups.get(datastore) ?? new Map<string, number>()
    own.groups.set(datastore, ofDatastore)
    let group = ofDatastore.get(attributes)
    if (group === undefined) {
      group = this.#freeGroups.pop() ?? this.#groups.length
      this.#groups[group] = {
        source,
        site,
        datastore,
        attributes,
        labelled: null,
        lone: null,
        looked: null,
        rows: 0,
        admitted: 0,
      }
      ofDatastore.set(attributes, group)
    }
    return group
  }

  #take(): number {
    if (this.#free !== NONE) {
      const row = this.#free
      this.#free = this.#next[row]!
      this.#mark[row] = 0
      return row
    }
    if (this.#end === this.#four.length) this.#grow()
    return this.#end++
  }

  #grow(): void {
    const rows = Math.ceil(this.#four.length * 1.5)
    this.#four = grown(this.#four, new Uint32Array(rows))
    this.#group = grown(this.#group, new Int32Array(rows))
    this.#next = grown(this.#next, new Int32Array(rows))
    this.#revision = grown(this.#revision, new Float64Array(rows))
    this.#state = grown(this.#state, new Uint8Array(rows))
    this.#mark = grown(this.#mark, new Uint32Array(rows))
  }

  #forgetGroup(group: number): void {
    const {source, datastore, attributes} = this.#groups[group]!
    const {groups} = this.#sources.get(source)!
    groups.get(datastore)!.delete(attributes)
    if (groups.get(datastore)!.size === 0) groups.delete(datastore)
    this.#freeGroups.push(group)
    // Who was just looked for may have been of it.
    this.#lastParts = null
  }
}

const keyOf = (datastore: string, address: string, attributes: string): string =>
  `${ENDPOINTS}${datastore}/${address}/${attributes}`

function partsOf(key: string): KeyParts | null {
  if (!key.startsWith(ENDPOINTS)) return null
  const first = key.indexOf('/', ENDPOINTS.length)
  const second = key.indexOf('/', first + 1)
  if (first < 0 || second < 0) return null
  const four = canonicalFour(key, first + 1, second)
  if (four < 0) return null
  const [address, datastore] = [key.slice(first + 1, second), key.slice(ENDPOINTS.length, first)]
  return {key, four, address, datastore, attributes: key.slice(second + 1), group: null}
}

function grown<T extends {set(from: T): void}>(from: T, to: T): T {
  to.set(from)
  return to
}
