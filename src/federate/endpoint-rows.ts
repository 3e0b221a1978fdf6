import type {AttributeSetId, DatastoreName, DecodedExport, SiteName, SourceId} from '../model/index.ts'
import {
  type Address,
  AddressNumbers,
  fourNumber,
  fourText,
  isHostPrefix,
  type Prefix,
  prefixAddress,
} from '../net/index.ts'
import type {Labelled} from './holding.ts'

const ENDPOINTS = '/isthmus/v1/export/endpoints/'
const FIRST_ROWS = 64
const NONE = -1

/** What many rows have in common. */
export interface RowGroup {
  readonly source: SourceId
  readonly site: SiteName
  readonly datastore: DatastoreName
  /** As the remote names it. */
  readonly attributes: AttributeSetId
  /** What its admitted rows have; changes only while there are none. */
  labelled: Labelled | null
  rows: number
  admitted: number
}

type Names = string | readonly string[]

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
  readonly #groupOf = new Map<string, number>()
  readonly #freeGroups: number[] = []
  readonly #rowsOf = new Map<SourceId, number>()
  #four = new Uint32Array(FIRST_ROWS)
  #group = new Int32Array(FIRST_ROWS)
  #next = new Int32Array(FIRST_ROWS)
  #revision = new Float64Array(FIRST_ROWS)
  /** 0: free. 1: there. 2: admitted. */
  #state = new Uint8Array(FIRST_ROWS)
  #mark = new Uint8Array(FIRST_ROWS)
  readonly #names: (Names | null)[] = []
  #end = 0
  #free = NONE

  countOf(source: SourceId): number {
    return this.#rowsOf.get(source) ?? 0
  }

  /** The row of a key; -1: none. */
  find(source: SourceId, key: string): number {
    const parsed = parseKey(key)
    if (!parsed) return NONE
    const group = this.#groupOf.get(groupKey(source, parsed.datastore, parsed.attributes))
    if (group === undefined) return NONE
    for (let row = this.#firstAt.get(parsed.address as Address) ?? NONE; row !== NONE; row = this.#next[row]!) {
      if (this.#group[row] === group) return row
    }
    return NONE
  }

  /** Puts a record where none of its key is; -1: it is none that a row can hold. */
  add(source: SourceId, site: SiteName, record: DecodedExport): number {
    const {entry, findings, modRevision, key} = record
    if (entry.kind !== 'endpoint' || findings.length > 0 || !isHostPrefix(entry.prefix)) return NONE
    const address = prefixAddress(entry.prefix)
    const four = fourNumber(address)
    if (four < 0 || key !== keyOf(entry.datastore, address, entry.attributes)) return NONE
    const {datastore, attributes, names} = entry
    const id = groupKey(source, datastore, attributes)
    let group = this.#groupOf.get(id)
    if (group === undefined) {
      group = this.#freeGroups.pop() ?? this.#groups.length
      this.#groups[group] = {source, site, datastore, attributes, labelled: null, rows: 0, admitted: 0}
      this.#groupOf.set(id, group)
    }
    const row = this.#take()
    this.#four[row] = four
    this.#group[row] = group
    this.#revision[row] = modRevision
    this.#state[row] = 1
    this.#names[row] = names.length === 1 ? names[0]! : names
    this.#next[row] = this.#firstAt.get(address) ?? NONE
    this.#firstAt.set(address, row)
    this.#groups[group]!.rows++
    this.#rowsOf.set(source, this.countOf(source) + 1)
    return row
  }

  /** It must not be admitted. */
  remove(row: number): void {
    const group = this.groupOf(row)
    const address = fourText(this.#four[row]!)
    const first = this.#firstAt.get(address)!
    if (first === row) {
      if (this.#next[row] === NONE) this.#firstAt.delete(address)
      else this.#firstAt.set(address, this.#next[row]!)
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
    this.#rowsOf.set(group.source, this.countOf(group.source) - 1)
    if (group.rows === 0) this.#forgetGroup(this.#group[row]!)
  }

  groupOf(row: number): RowGroup {
    return this.#groups[this.#group[row]!]!
  }

  revisionOf(row: number): number {
    return this.#revision[row]!
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
    for (let row = this.#firstAt.get(prefixAddress(prefix)) ?? NONE; row !== NONE; row = this.#next[row]!) yield row
  }

  /** The one admitted row at an address; -1: none, or several. */
  onlyAdmitted(prefix: Prefix): number {
    if (prefix.includes(':') || !prefix.endsWith('/32')) return NONE
    let only = NONE
    for (let row = this.#firstAt.get(prefixAddress(prefix)) ?? NONE; row !== NONE; row = this.#next[row]!) {
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

  groups(): Iterable<RowGroup> {
    return this.#groupOf.values().map((group) => this.#groups[group]!)
  }

  /** Seen in the list that is read. */
  mark(row: number): void {
    this.#mark[row] = 1
  }

  /** Takes the mark off, and tells whether it was there. */
  unmark(row: number): boolean {
    const was = this.#mark[row] === 1
    this.#mark[row] = 0
    return was
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
    this.#mark = grown(this.#mark, new Uint8Array(rows))
  }

  #forgetGroup(group: number): void {
    const {source, datastore, attributes} = this.#groups[group]!
    this.#groupOf.delete(groupKey(source, datastore, attributes))
    this.#freeGroups.push(group)
  }
}

const groupKey = (source: SourceId, datastore: string, attributes: string): string =>
  `${source} ${datastore} ${attributes}`

const keyOf = (datastore: string, address: string, attributes: string): string =>
  `${ENDPOINTS}${datastore}/${address}/${attributes}`

function parseKey(key: string): {datastore: string; address: string; attributes: string} | null {
  if (!key.startsWith(ENDPOINTS)) return null
  const first = key.indexOf('/', ENDPOINTS.length)
  const second = key.indexOf('/', first + 1)
  if (first < 0 || second < 0) return null
  const address = key.slice(first + 1, second)
  const four = fourNumber(address)
  if (four < 0 || fourText(four) !== address) return null
  return {datastore: key.slice(ENDPOINTS.length, first), address, attributes: key.slice(second + 1)}
}

function grown<T extends {set(from: T): void}>(from: T, to: T): T {
  to.set(from)
  return to
}
