import type {Prefix} from '../net/index.ts'
import type {AttributeSet} from './attributes.ts'
import type {Finding} from './finding.ts'
import type {AttributeSetId, SiteName, SourceId} from './ids.ts'
import type {NatExposure} from './nat.ts'
import type {BlockAffinity, CalicoNode, Policy, Tier} from './resource.ts'
import type {SiteView} from './site.ts'

/**
 * All sites as this gateway knows them at one moment: what federate makes of every source and of the configuration,
 * after ownership and authority. Frozen; the planner and the policy compiler read nothing else.
 */
export interface World {
  readonly local: SiteName
  /** The local site included. */
  readonly sites: ReadonlyMap<SiteName, SiteView>
  readonly attributes: ReadonlyMap<AttributeSetId, AttributeSet>
  /**
   * Host prefixes of endpoints, and the nets of sets and owned prefixes; each with every object that holds it. A live
   * view, the one thing here that is not frozen: copying a million entries for each event would cost the event.
   */
  readonly members: Members
  /** Grows with each change of `members` or of what they point to: equal number, equal table. */
  readonly memberRevision: number
  readonly policies: GlobalPolicies
  /** Staged policies of the authorities: never enforced, compared by `isthmus policy diff`. */
  readonly staged: readonly Policy[]
  /** The local site's own global documents, authority or not: `PLURAL/NAME` → stored text, for the export. */
  readonly documents: ReadonlyMap<string, string>
  /** The authority that each policy comes from, staged ones too: by `KIND NAME`. */
  readonly authorities: ReadonlyMap<string, SiteName>
  /** Nodes of the local clusters, which the gateway speaks BGP with. */
  readonly nodes: readonly CalicoNode[]
  /** Where these nodes hide pods behind their own address. */
  readonly nat: readonly NatExposure[]
  /** Which blocks of addresses these have. */
  readonly blocks: readonly BlockAffinity[]
  readonly sources: ReadonlyMap<SourceId, SourceState>
  /** Endpoints, prefixes and set nets that ownership refused, by the site that claimed them. */
  readonly refused: ReadonlyMap<SiteName, number>
  readonly findings: readonly Finding[]
}

export interface Members extends ReadonlyMap<Prefix, readonly Member[]> {
  /**
   * The same for whoever looks at a million of them, in small steps: no object is made for an IPv4 address of which one
   * member is all there is. A plain map has none.
   */
  walk?(eachLone: EachLone, eachOther: (prefix: Prefix, members: readonly Member[]) => void): Iterable<void>
}

/** An address as a number, and what many members have in common: the same object for all of them. */
export type EachLone = (four: number, shared: LoneMember) => void

export type LoneMember = Pick<Member, 'site' | 'source' | 'attributes'>

/** One object's hold on an address or prefix. */
export interface Member {
  readonly site: SiteName
  readonly attributes: AttributeSetId
  readonly source: SourceId
  /** `NAMESPACE/NAME` of the objects behind it, for people. */
  readonly names: readonly string[]
  readonly modRevision: number
}

/** The one global policy, from the authority sites, duplicates resolved by precedence. Built-in tiers included. */
export interface GlobalPolicies {
  readonly tiers: readonly Tier[]
  readonly policies: readonly Policy[]
}

export interface SourceState {
  /** Whether a complete list has been seen since start (or was restored from disk: `restored`). */
  readonly synced: boolean
  readonly restored: boolean
  readonly revision: number
  readonly clusterId: string | null
  readonly keys: number
  readonly decodeErrors: number
}
