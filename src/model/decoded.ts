import type {Prefix} from '../net/index.ts'
import type {AttributeSet} from './attributes.ts'
import type {Finding} from './finding.ts'
import type {AttributeSetId, DatastoreName, SiteName, SourceId} from './ids.ts'
import type {Resource} from './resource.ts'
import type {GatewayRecord} from './site.ts'

/** Which tree of a datastore a resource stands in: Calico's own, or the one that `isthmus apply` writes. */
export type Root = 'calico' | 'isthmus'

/** Marks what Isthmus itself wrote into a Calico tree: never read as the site's own, never changed without it. */
export const OWNER_ANNOTATION = 'isthmus.io/owner'
/** IPAM blocks have no annotations: a handle with this beginning says the same. */
export const OWNER_HANDLE_PREFIX = 'isthmus-'

/** Of a gateway that was written as a Node: a claim on a block says no more than its name. */
export const isGatewayNode = (name: string): boolean => name.startsWith(OWNER_HANDLE_PREFIX) && name.includes('.')

/** `global` on a GlobalNetworkPolicy in Calico's tree makes it one of the interconnect. */
export const SCOPE_ANNOTATION = 'isthmus.io/scope'
/** `isthmus` on an object among a site's own policies in its export: a mark of one under that root, which Calico does not know. */
export const ROOT_ANNOTATION = 'isthmus.io/root'
/** Behind the name of a mark: the name itself may be Calico's too. */
export const MARK_SUFFIX = '.isthmus'

interface DecodedBase {
  readonly key: string
  readonly modRevision: number
  /** Warnings on a record that counts all the same; errors on one that does not. */
  readonly findings: readonly Finding[]
}

/** One record, understood or not. Whatever the bytes were, it is one of these. */
export type Decoded = DecodedResource | DecodedExport | DecodedIgnored | DecodedBad

export interface DecodedResource extends DecodedBase {
  readonly type: 'resource'
  readonly root: Root
  readonly resource: Resource
  /** `PLURAL/[NAMESPACE/]NAME` as in the key; empty for IPAM records. */
  readonly path: string
  /** The stored text, where somebody may have to hand it on unchanged (policies, tiers, profiles); else null. */
  readonly document: string | null
}

export interface DecodedExport extends DecodedBase {
  readonly type: 'export'
  readonly entry: ExportEntry
}

/** A kind that Isthmus does not read, or an object that says of itself that it is deleted. */
export interface DecodedIgnored extends DecodedBase {
  readonly type: 'ignored'
  readonly kind: string
}

/** Refused; `findings` says why. Its last good version stays in force, and where there is none `standIn`. */
export interface DecodedBad extends DecodedBase {
  readonly type: 'bad'
  /** The kind that the key names, or the sort of an export's record; null: it names none. */
  readonly kind: string | null
  /** A policy that denies what it selects, or a tier whose policies do; null: not enough of it could be read. */
  readonly standIn: DecodedResource | DecodedExport | null
}

/** One record below `/isthmus/v1/export/`. */
export type ExportEntry =
  | {
      readonly kind: 'meta'
      readonly schema: number
      readonly site: SiteName
      readonly generation: number
      /** Calico datastores whose own policies are in the export, whole; null: it does not say. */
      readonly local: readonly DatastoreName[] | null
    }
  | {
      readonly kind: 'site'
      readonly as: number
      readonly prefixes: readonly Prefix[]
      readonly infrastructure: readonly Prefix[]
    }
  | {readonly kind: 'gateway'; readonly gateway: GatewayRecord}
  | {readonly kind: 'attributes'; readonly id: AttributeSetId; readonly set: AttributeSet}
  | {
      readonly kind: 'endpoint'
      readonly datastore: DatastoreName
      readonly prefix: Prefix
      readonly attributes: AttributeSetId
      readonly names: readonly string[]
    }
  | {readonly kind: 'resource'; readonly resource: Resource; readonly path: string; readonly document: string}
  | {readonly kind: 'local'; readonly datastore: DatastoreName; readonly resource: Resource; readonly path: string}

/** A `SourceBatch` after decode. A key occurs at most once in a batch. */
export interface DecodedBatch {
  readonly source: SourceId
  readonly type: 'list' | 'changes'
  readonly revision: number
  readonly clusterId: string
  readonly upserts: readonly Decoded[]
  readonly deletes: readonly string[]
}
