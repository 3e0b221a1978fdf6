import type {Encapsulation, Finding} from '../model/index.ts'

/**
 * What the API reads, and all of it. Everything is JSON as it stands: no Map, no bigint; times are ISO 8601 in UTC,
 * null where it has not happened or is not known. Lists are sorted by the view, so that two answers can be compared.
 */
export interface GatewayView {
  status(): GatewayStatus
  /**
   * Objects of one kind, all or those of one name. Lazy where there may be many (a million endpoints): the server takes
   * as many as it was asked for.
   */
  get<K extends Kind>(kind: K, name: string | null): Iterable<Rows[K]>
  /** `flow` is what the caller sent, unchecked: one flow in the words of formats.md. */
  /** `stations`: also what becomes of it at each station, and of every rule there. */
  trace(flow: unknown, stations?: boolean): TraceResult | Promise<TraceResult>
  /** Reads the configuration again; on an error the old one stays in force. */
  reload(): Promise<ReloadResult>
  /** The exposition, and its content type. */
  metrics(): Promise<{readonly contentType: string; readonly text: string}>
}

export interface GatewayStatus {
  readonly site: string
  readonly gateway: string
  readonly version: string
  readonly startedAt: string
  /** The first pass is done: what the kernel holds comes from this run. */
  readonly ready: boolean
  /** While not ready: what it waits for. */
  readonly waitingFor: string | null
  readonly tunnels: readonly TunnelStatus[]
  readonly sessions: readonly SessionStatus[]
  readonly datastores: readonly DatastoreStatus[]
  readonly sites: readonly SiteStatus[]
  readonly policies: readonly PolicyStatus[]
  readonly findings: readonly Finding[]
  readonly reconcile: ReconcileStatus
  readonly nft: NftStatus
}

export interface TunnelStatus {
  /** As in `Tunnel.id`. */
  readonly name: string
  readonly site: string
  readonly gateway: string
  /** The local uplink. */
  readonly uplink: string
  readonly encapsulation: Encapsulation
  readonly device: string
  readonly local: string
  readonly peer: string
  readonly mtu: number | null
  /** The device is up and a session over it is established. */
  readonly up: boolean
  readonly rxBytes: number
  readonly txBytes: number
  readonly rxPackets: number
  readonly txPackets: number
  readonly errors: number
}

export interface SessionStatus {
  /** Name of BIRD's protocol, or the neighbour's address for BFD. */
  readonly name: string
  readonly protocol: 'bgp' | 'bfd'
  readonly kind: 'tunnel' | 'wan' | 'node'
  readonly neighbor: string
  readonly as: number | null
  /** BIRD's own word: `Established`, `Active`, `Up`, `Down`. */
  readonly state: string
  readonly up: boolean
  readonly since: string | null
  readonly imported: number | null
  readonly exported: number | null
  /** BIRD's last error for the session. */
  readonly lastError: string | null
}

export interface DatastoreStatus {
  /** `datastore/NAME` or `export/SITE`. */
  readonly name: string
  readonly site: string
  readonly connected: boolean
  readonly synced: boolean
  /** What is in force came from disk and has not been confirmed since. */
  readonly restored: boolean
  readonly revision: number
  /** Seconds since it was last heard of; null: never. */
  readonly ageSeconds: number | null
  readonly keys: number
  readonly decodeErrors: number
  readonly lastError: string | null
}

export interface SiteStatus {
  readonly name: string
  readonly local: boolean
  readonly as: number | null
  readonly granted: readonly string[]
  readonly prefixes: readonly string[]
  readonly gateways: number
  readonly pods: number
  readonly hosts: number
  readonly sets: number
  readonly staticPrefixes: number
  /** Endpoints and prefixes that ownership refused. */
  readonly refused: number
}

export interface GatewayRow {
  /** `SITE/GATEWAY`. */
  readonly name: string
  readonly site: string
  readonly local: boolean
  readonly uplinks: readonly string[]
}

export interface EndpointRow {
  readonly address: string
  readonly site: string
  readonly kind: 'pod' | 'host' | 'set' | 'prefix'
  readonly names: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly source: string
}

export interface TierRow {
  readonly name: string
  /** null: last. */
  readonly order: number | null
  readonly defaultAction: string
  readonly policies: number
}

export interface PolicyStatus {
  readonly name: string
  readonly kind: string
  readonly tier: string
  readonly order: number | null
  readonly selector: string
  readonly types: readonly string[]
  readonly rules: number
  /** The authority it comes from. */
  readonly site: string
}

export interface NodeRow {
  readonly name: string
  readonly source: string
  readonly addresses: readonly string[]
  readonly session: string | null
}

export interface ClassRow {
  readonly name: string
  readonly addresses: number
  readonly site: string | null
  readonly labels: Readonly<Record<string, string>>
}

export interface ReconcileStatus {
  readonly lastSuccess: string | null
  readonly durationMs: number | null
  readonly passes: number
  readonly errors: number
  /** Something is left undone; the loop comes back for it. */
  readonly dirty: boolean
  /** Failed steps of the last pass, in the driver's or the kernel's words. */
  readonly lastErrors: readonly string[]
}

export interface NftStatus {
  readonly classes: number
  readonly verdictEntries: number
  readonly chains: number
  readonly generation: number | null
  readonly drops: readonly {readonly reason: string; readonly packets: number}[]
}

/** Every kind that `get` knows, and what it gives. */
export interface Rows {
  readonly tunnels: TunnelStatus
  readonly sessions: SessionStatus
  readonly datastores: DatastoreStatus
  readonly sites: SiteStatus
  readonly gateways: GatewayRow
  readonly endpoints: EndpointRow
  readonly policies: PolicyStatus
  readonly tiers: TierRow
  readonly findings: Finding
  readonly nodes: NodeRow
  readonly classes: ClassRow
}

export type Kind = keyof Rows

export const KINDS: readonly Kind[] = [
  'tunnels',
  'sessions',
  'datastores',
  'sites',
  'gateways',
  'endpoints',
  'policies',
  'tiers',
  'findings',
  'nodes',
  'classes',
]

/** An answer of formats.md (`verdict`, `reason`, …), or what is wrong with the flow. */
export type TraceResult =
  | {readonly ok: true; readonly answer: Readonly<Record<string, unknown>>}
  | {readonly ok: false; readonly problem: string}

export interface ReloadResult {
  readonly ok: boolean
  readonly findings: readonly Finding[]
}
