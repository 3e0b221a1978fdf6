import {
  type Decoded,
  type DecodedBatch,
  type Finding,
  type GatewayConfig,
  isTakenOut,
  type Presence,
  parseDatastoreName,
  parseSiteName,
  type SiteName,
  type SourceId,
  type World,
} from '../model/index.ts'
import {type Prefix, seenPrefix, type Translation} from '../net/index.ts'
import {Dependencies} from './dependencies.ts'
import {EndpointRows} from './endpoint-rows.ts'
import {
  type ConfiguredHolding,
  configuredHoldings,
  type Dependency,
  dependenciesOf,
  type Holding,
  holdingOfEntry,
  holdingOfResource,
  type Labelled,
} from './holding.ts'
import {LabelStore} from './label-store.ts'
import type {MemberChanges} from './member-changes.ts'
import {type Hold, MemberTable} from './members.ts'
import {natExposures} from './nat-exposures.ts'
import {ownBlocks, ownNodes} from './own-nodes.ts'
import {Ownership} from './ownership.ts'
import {Part} from './part.ts'
import {globalDocuments, isGlobalDocument, type ResolvedPolicies, resolvePolicies} from './policies.ts'
import {countRefusals, duplicateFindings, missingFindings, type Refusal, refusalFindings} from './problems.ts'
import {labelledOf, missingDependencies, rowsOfMoved} from './row-labels.ts'
import {reportsOf, viewSites} from './sites.ts'
import {type RecordChange, SourceStore} from './source-store.ts'

/**
 * Joins all sources into one World. Batches go in; `world()` gives what they amount to, whatever the path.
 */
export class Federation {
  readonly #config: GatewayConfig
  readonly #ownership: Ownership
  readonly #configured: readonly ConfiguredHolding[]
  readonly #sources = new Map<SourceId, SourceStore>()
  readonly #rows = new EndpointRows()
  readonly #table = new MemberTable(this.#rows)
  readonly #dependencies = new Dependencies()
  readonly #refused = new Map<SiteName, Map<string, readonly Refusal[]>>()
  /** Records other than endpoints and sets, by `SOURCE KEY`: few. */
  readonly #others = new Map<string, {readonly source: SourceId; readonly record: Decoded}>()
  readonly #labels = new LabelStore()
  readonly #presences = new Map<SiteName, Presence>()
  /** Sites at whose endpoints another one's export lies. */
  readonly #mistaken = new Set<SiteName>()
  readonly #policies = new Part<ResolvedPolicies>(() => this.#resolvePolicies())
  readonly #sites = new Part(() => this.#viewSites())
  readonly #nodes = new Part(() => ownNodes(this.#others.values()))
  readonly #nat = new Part(() => natExposures(this.#others.values(), this.#config))
  readonly #blocks = new Part(() => ownBlocks(this.#others.values()))
  readonly #memberFindings = new Part(() => this.#findMembers())
  #world: World | null = null
  /** A profile or an attribute set came, changed or went with the batch that is taken of these. */
  readonly #labelsMoved = new Set<SourceId>()

  constructor(config: GatewayConfig) {
    this.#config = config
    this.#ownership = new Ownership(config)
    const grantedTo = (site: SiteName): readonly Prefix[] => this.#ownership.grantedTo(site)
    this.#configured = configuredHoldings(config, grantedTo)
    for (const one of this.#configured) this.#placeConfigured(one)
  }

  /** Takes what a source said. Batches of one source come in its own order; repeats do no harm. */
  update(batch: DecodedBatch): void {
    for (const steps = this.#take(batch, false); !steps.next().done; );
  }

  /** Last known state from disk: in force, but nothing may be pruned on its account until a list has come. */
  restore(batch: DecodedBatch): void {
    for (const steps = this.#take(batch, true); !steps.next().done; );
  }

  /**
   * The same in small steps, one at each `next()`, for whoever has others waiting. Between the first and the last the World
   * is neither the old one nor the new one: look at it only before or after.
   */
  updating(batch: DecodedBatch, restored: boolean): Iterator<void> {
    return this.#take(batch, restored)
  }

  /** What of a remote site is to be in force; in small steps as `updating`, but those in between may be looked at. */
  *setPresence(site: SiteName, presence: Presence): Generator<void> {
    const before = this.#presences.get(site) ?? 'open'
    if (before === presence) return
    this.#presences.set(site, presence)
    this.#sites.stale = true
    this.#world = null
    if (isTakenOut(before) === isTakenOut(presence)) return
    for (const one of this.#configured) if (one.site === site) this.#placeConfigured(one)
    const source: SourceId = `export/${site}`
    const store = this.#sources.get(source)
    for (const key of store ? [...store.keys()] : []) {
      // It may have gone, or the site be back: what counts is how it is now.
      this.#derive(source, site, store!, key)
      this.#world = null
      yield
    }
  }

  /** What changed in `World.members` since the last call of this; for whoever compiles incrementally. */
  takeMemberChanges(): MemberChanges {
    return this.#table.takeChanges()
  }

  /** Every record of a source, as it counts: for traces through a site's own Calico. */
  recordsOf(source: SourceId): Iterable<Decoded> {
    return this.#sources.get(source)?.records() ?? []
  }

  /** The World now; the same object as long as nothing changed, and unchanged parts are the same objects. */
  world(): World {
    if (this.#world) return this.#world
    const policies = this.#policies.get()
    const sites = this.#sites.get()
    this.#world = Object.freeze({
      local: this.#config.site,
      sites: sites.sites,
      attributes: this.#table.attributes(),
      members: this.#table.members,
      memberRevision: this.#table.revision,
      policies: policies.policies,
      staged: policies.staged,
      documents: policies.documents,
      authorities: policies.authorities,
      nodes: this.#nodes.get(),
      nat: this.#nat.get(),
      blocks: this.#blocks.get(),
      sources: new Map([...this.#sources].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, store]) => [id, store.state])),
      refused: countRefusals(this.#refused),
      findings: [...this.#decodeFindings(), ...sites.findings, ...policies.findings, ...this.#memberFindings.get()],
    })
    return this.#world
  }

  *#take(batch: DecodedBatch, restored: boolean): Generator<void> {
    let store = this.#sources.get(batch.source)
    if (!store) {
      const site = this.#siteOf(batch.source)
      store = new SourceStore({
        role: {name: batch.source.replace('/', ' '), policies: this.#isAuthority(batch.source)},
        source: batch.source,
        // Rows have their addresses as they are read.
        site: site === null || site === this.#config.site || this.#translationsOf(site).length > 0 ? null : site,
        rows: this.#rows,
        withdraw: (row) => this.#withdraw(row),
      })
      this.#sources.set(batch.source, store)
    }
    const changes = yield* store.take(batch, restored)
    // First everything is stored, then what depends on it is derived: order within a batch means nothing.
    const touched = new Set<string>()
    const site = this.#siteOf(batch.source)
    const wasMistaken = site !== null && this.#mistaken.has(site)
    for (const change of site === null ? [] : changes.records) {
      this.#note(batch.source, site!, change, touched)
      yield
    }
    if (site !== null && this.#mistaken.has(site) !== wasMistaken) {
      this.#policies.stale = true
      for (const key of store.keys()) {
        touched.add(key)
        yield
      }
    }
    for (const row of changes.rows) {
      this.#deriveNew(row, site!, store)
      yield
    }
    if (this.#labelsMoved.delete(batch.source)) {
      for (const row of rowsOfMoved(this.#rows, batch.source, this.#labels.of(batch.source))) {
        touched.add(this.#rows.keyOf(row))
        yield
      }
    }
    for (const key of touched) {
      this.#derive(batch.source, site!, store, key)
      yield
    }
    this.#world = null
  }

  #placeConfigured({holder, source, site, holding, derived}: ConfiguredHolding): void {
    this.#place(holder, holder, source, site, 0, holding, derived)
  }

  #note(source: SourceId, site: SiteName, {key, before, after}: RecordChange, touched: Set<string>): void {
    touched.add(key)
    // The own export lies in the own datastore: its members say nothing that the datastore does not.
    const isOwnExport = (record: Decoded): boolean => record.type === 'export' && site === this.#config.site
    const had = before && !isOwnExport(before) ? dependenciesOf(before) : []
    const has = after && !isOwnExport(after) ? dependenciesOf(after) : []
    // Rows know their group, and that its labels.
    const isRow = (record: Decoded | undefined): boolean =>
      record?.type === 'export' && this.#rows.find(source, key) >= 0
    this.#dependencies.change(source, key, had, isRow(after) ? [] : has)
    const isMissing = (dependency: Dependency): boolean => !this.#labels.has(source, dependency)
    if (had.some(isMissing) || has.some(isMissing)) this.#memberFindings.stale = true
    for (const [record, there] of [
      [before, false],
      [after, true],
    ] as const) {
      if (!record) continue
      const dependency = isOwnExport(record) ? null : this.#labels.note(source, site, record, there)
      if (dependency) {
        for (const user of this.#dependencies.usersOf(source, dependency)) touched.add(user)
        this.#labelsMoved.add(source)
        this.#memberFindings.stale = true
      }
      if (record.type === 'export' && record.entry.kind === 'meta') {
        if (there && record.entry.site !== site) this.#mistaken.add(site)
        else this.#mistaken.delete(site)
      }
      for (const part of this.#partsOf(record)) {
        part.stale = true
        if (there) this.#others.set(`${source} ${key}`, {source, record})
        else this.#others.delete(`${source} ${key}`)
      }
    }
  }

  /** The parts of the World that a record other than an endpoint goes into. */
  #partsOf(record: Decoded): readonly {stale: boolean}[] {
    if (record.type === 'export') {
      const {entry} = record
      if (entry.kind === 'meta' || entry.kind === 'site' || entry.kind === 'gateway') return [this.#sites]
      return entry.kind === 'resource' && isGlobalDocument(entry.resource) ? [this.#policies] : []
    }
    if (record.type !== 'resource') return []
    const {resource} = record
    if (resource.kind === 'Node') return [this.#nodes, this.#nat]
    if (resource.kind === 'IPPool') return [this.#nat]
    if (resource.kind === 'BlockAffinity') return [this.#blocks]
    if (resource.kind === 'StaticPrefix') return [this.#sites]
    return isGlobalDocument(resource) ? [this.#policies] : []
  }

  #derive(source: SourceId, site: SiteName, store: SourceStore, key: string): void {
    const row = this.#rows.find(source, key)
    if (row >= 0 && this.#deriveRow(row, site)) return
    const record = store.record(key)
    const holding = record ? this.#holdingOf(source, record, site) : null
    this.#place(`${source} ${key}`, key, source, site, record?.modRevision ?? 0, holding, false)
  }

  /** A row that has come with this batch, if it is still there. */
  #deriveNew(row: number, site: SiteName, store: SourceStore): void {
    if (!this.#rows.isThere(row)) return
    const group = this.#rows.groupOf(row)
    if (!labelledOf(group, this.#labels)) this.#memberFindings.stale = true
    if (!this.#deriveRow(row, site)) this.#derive(group.source, site, store, this.#rows.keyOf(row))
  }

  /** False: there is a refusal to be noted, or one to be taken back. */
  #deriveRow(row: number, site: SiteName): boolean {
    const group = this.#rows.groupOf(row)
    const {source} = group
    const refused = this.#refused.get(site)
    const holder = refused ? `${source} ${this.#rows.keyOf(row)}` : ''
    if (refused?.has(holder)) {
      this.#withdraw(row)
      this.#place(holder, '', source, site, 0, null, false)
    }
    const labelled = labelledOf(group, this.#labels)
    if (this.#isOut(site, labelled) || this.#mistaken.has(site)) {
      this.#withdraw(row)
      return true
    }
    if (labelled && this.#ownership.refusalOfFour(site, labelled.set.kind, this.#rows.fourOf(row)) !== null) {
      this.#withdraw(row)
      return false
    }
    if (!labelled) this.#withdraw(row)
    const before = this.#table.duplicateRevision
    if (labelled) this.#table.admit(row, labelled)
    if (before !== this.#table.duplicateRevision) this.#memberFindings.stale = true
    return true
  }

  /** Of a site that is withdrawn, sets stay: they are peers of others' policies. */
  #isOut(site: SiteName, labelled: Labelled | null | undefined): boolean {
    return isTakenOut(this.#presences.get(site)) && labelled?.set.kind !== 'set'
  }

  #withdraw(row: number): void {
    const before = this.#table.duplicateRevision
    this.#table.withdraw(row)
    if (before !== this.#table.duplicateRevision) this.#memberFindings.stale = true
  }

  #holdingOf(source: SourceId, record: Decoded, site: SiteName): Holding | null {
    const lookup = this.#labels.of(source)
    const remote = site !== this.#config.site
    if (remote && this.#mistaken.has(site)) return null
    if (record.type === 'resource') {
      const datastore = parseDatastoreName(source.slice('datastore/'.length))
      return remote || datastore === null ? null : holdingOfResource(record.resource, lookup, {site, datastore})
    }
    return record.type === 'export' && remote ? holdingOfEntry(record.entry, lookup, site) : null
  }

  /** Puts a holding into the table, but for what ownership refuses. */
  #place(
    holder: string,
    key: string,
    source: SourceId,
    site: SiteName,
    modRevision: number,
    holding: Holding | null,
    derived: boolean,
  ): void {
    const holds: Hold[] = []
    const refusals: Refusal[] = []
    const translations = this.#translationsOf(site)
    for (const said of (this.#isOut(site, holding) ? null : holding)?.prefixes ?? []) {
      const {id, set, names} = holding!
      // What the configuration grants is in our own words already.
      const prefix = derived ? said : seenPrefix(translations, said)
      const code = prefix === null ? 'endpoint-not-owned' : this.#ownership.refusal(site, set.kind, prefix)
      if (prefix !== null && code === null) {
        holds.push({prefix, site, source, id, set, names, modRevision, holder, derived})
      } else if (code !== null) refusals.push({code, site, source, key, prefix: said, names})
    }
    const before = this.#table.duplicateRevision
    this.#table.replace(holder, holds)
    const others = this.#refused.get(site) ?? new Map<string, readonly Refusal[]>()
    const hadRefusals = others.has(holder)
    if (refusals.length > 0) this.#refused.set(site, others.set(holder, refusals))
    else others.delete(holder)
    if (others.size === 0) this.#refused.delete(site)
    if (hadRefusals || refusals.length > 0 || before !== this.#table.duplicateRevision) {
      this.#memberFindings.stale = true
    }
  }

  #translationsOf(site: SiteName): readonly Translation[] {
    return this.#config.sites.get(site)?.translations ?? []
  }

  /** `datastore/…` is the own site's; `export/SITE` that site's. */
  #siteOf(source: SourceId): SiteName | null {
    if (source.startsWith('datastore/')) return this.#config.site
    const site = parseSiteName(source.slice('export/'.length))
    return site === this.#config.site ? null : site
  }

  #isAuthority(source: SourceId): boolean {
    const site = this.#siteOf(source)
    return site !== null && this.#config.authorities.includes(site)
  }

  #resolvePolicies(): ResolvedPolicies {
    const {site: local, authorities, datastores} = this.#config
    const records = [...this.#others.values()].flatMap(({source, record}) => {
      const site = this.#siteOf(source)
      return site === null || (site !== local && this.#mistaken.has(site)) ? [] : [{source, site, record}]
    })
    const order = datastores.map(({name}): SourceId => `datastore/${name}`)
    return resolvePolicies(globalDocuments(records, local), local, authorities, order)
  }

  #viewSites(): ReturnType<typeof viewSites> {
    const records = [...this.#others.values()].flatMap(({source, record}) => {
      const site = this.#siteOf(source)
      return site === null ? [] : [{site, record}]
    })
    const {reports, statics} = reportsOf(records)
    const own = [...this.#config.static.map((entry) => entry.prefix), ...statics]
    return viewSites(this.#config, this.#ownership, reports, own, this.#presences)
  }

  #findMembers(): readonly Finding[] {
    return [
      ...refusalFindings(this.#refused, this.#ownership),
      ...duplicateFindings(this.#table.duplicates),
      ...missingFindings(
        missingDependencies(this.#dependencies, this.#rows, (source, dependency) =>
          this.#labels.has(source, dependency),
        ),
      ),
    ]
  }

  #decodeFindings(): Finding[] {
    return [...this.#sources].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, store]) => store.findings())
  }
}
