import type {Conflict, Encapsulation, Finding} from '../model/index.ts'
import type {PolicyCountsRow} from './policy-count-rows.ts'
import type {Problem} from './problem.ts'
import type {ReachResult} from './reach-rows.ts'
import type {PeerRow, RouteRow, WhyNotResult} from './routing-rows.ts'

export type * from './policy-count-rows.ts'
export type * from './problem.ts'
export type * from './reach-rows.ts'
export type * from './routing-rows.ts'

import type {ConfigControl} from './config-view.ts'
import type {ConsoleView} from './console-view.ts'
import type {Watched} from './live-view.ts'

/** Which objects of a kind; what is absent or null does not matter. */
export interface Meant {
  readonly name?: string | null | undefined
  /** Calico's language, over labels. */
  readonly selector?: string | null | undefined
  /** A part of an endpoint's address, of its name, or of a label as `key=value`, in any case. */
  readonly text?: string | null | undefined
}

/**
 * What the API reads, and all of it. Everything is JSON as it stands: no Map, no bigint; times are ISO 8601 in UTC,
 * null where it has not happened or is not known. Lists are sorted by the view, so that two answers can be compared.
 */
export interface GatewayView {
  status(): GatewayStatus
  /** What the log of changes is made from; cheap, since it is asked for every second. */
  watched(): Watched
  /**
   * Objects of one kind, all or those that are meant. Lazy where there may be many (a million endpoints): the server
   * takes as many as it was asked for.
   */
  get<K extends Kind>(kind: K, meant?: Meant): Found<K> | Promise<Found<K>>
  /** Why a prefix, or the one that holds an address, is not here, step by step; or that it is. */
  whyNot(prefix: string): Promise<WhyNotResult>
  /** Whose packets policy lets come to an address. */
  reach(address: string): ReachResult
  /** `flow` is what the caller sent, unchecked: one flow in the words of formats.md. */
  /** `stations`: also what becomes of it at each station, and of every rule there. */
  trace(flow: unknown, stations?: boolean): TraceResult | Promise<TraceResult>
  /** Reads the configuration again; on an error the old one stays in force. */
  reload(): Promise<ReloadResult>
  readonly configuration: ConfigControl
  readonly console: ConsoleView
  /** Asks others to use another way than this gateway, or no longer does. */
  drain(on: boolean): Promise<void>
  /** Has the WireGuard keys of all tunnels, or of those to one site, followed by new ones; names both uplinks of each. */
  rotateKeys(
    site: string | null,
  ): Promise<{readonly ok: true; readonly tunnels: readonly string[]} | {readonly ok: false; readonly problem: string}>
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
  /** Since when others are asked to use another way; null: they are not. */
  readonly drainingSince: string | null
  readonly tunnels: readonly TunnelStatus[]
  readonly sessions: readonly SessionStatus[]
  readonly datastores: readonly DatastoreStatus[]
  readonly sites: readonly SiteStatus[]
  readonly policies: readonly PolicyStatus[]
  readonly findings: readonly Finding[]
  readonly reconcile: ReconcileStatus
  readonly export: ExportStatus
  readonly nft: NftStatus
}

export interface ExportStatus {
  /** The gateway of the site that writes its export; null: none, or not known. */
  readonly leader: string | null
  /** It is this one. */
  readonly leads: boolean
  /** Since etcd last confirmed this gateway's lease; null: it has none. */
  readonly leaseAgeSeconds: number | null
  /** Why it has none, or could not have it confirmed. */
  readonly lastError: string | null
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
  /** As computed; `mtu` is less where the path was found to carry less. */
  readonly configuredMtu: number | null
  /** What probes to the other gateway say; null while none are sent. */
  readonly probes: {readonly small: ProbeStatus; readonly full: ProbeStatus} | null
  /** Which forms of IPIP pass both ways, where both are tried; null each: not known yet. */
  readonly forms: {readonly ipip: boolean | null; readonly fou: boolean | null} | null
  /** The device is up and a session over it is established. */
  readonly up: boolean
  readonly rxBytes: number
  readonly txBytes: number
  readonly rxPackets: number
  readonly txPackets: number
  readonly errors: number
}

/** Of the last two minutes; null where nothing was answered, or not yet. */
export interface ProbeStatus {
  readonly lastMs: number | null
  readonly minMs: number | null
  readonly avgMs: number | null
  readonly maxMs: number | null
  /** Smoothed as in RFC 3550. */
  readonly jitterMs: number | null
  /** 0 to 1. */
  readonly lossRatio: number | null
}

export interface SessionStatus {
  /** Name of BIRD's protocol, or the neighbour's address for BFD. */
  readonly name: string
  readonly protocol: 'bgp' | 'bfd'
  readonly kind: 'tunnel' | 'wan' | 'node' | 'twin'
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
  /** Null for the own site. */
  readonly state: 'fresh' | 'suspect' | 'stale' | 'withdrawn' | 'forgotten' | null
  /** What of it is in force: all (`open`), all but packets (`closed`), documents and sets only (`withdrawn`). */
  readonly presence: 'open' | 'closed' | 'withdrawn' | 'forgotten'
  /** Since its etcd last answered. */
  readonly silentSeconds: number | null
  /** Since a tunnel to it was last up; null where it has none by configuration. */
  readonly cutSeconds: number | null
  /** The hubs that it is reached through; `up`: a tunnel to that hub is. Empty: by tunnels of its own, or by none. */
  readonly via: readonly {readonly hub: string; readonly up: boolean}[]
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
  /** Whether its lease in this site's etcd is confirmed; null: a gateway of another site. */
  readonly alive: boolean | null
  /** It writes this site's export. */
  readonly leader: boolean
}

export interface EndpointRow {
  readonly address: string
  /** What its site itself calls it, where it is translated here. */
  readonly real: string | null
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
  /** Packets that no policy of it decided, and its end denied. */
  readonly endDenied: number
}

export interface PolicyStatus {
  readonly name: string
  readonly kind: string
  /** Counted as if in force, never enforced. */
  readonly staged: boolean
  readonly tier: string
  readonly order: number | null
  readonly selector: string
  readonly types: readonly string[]
  readonly rules: number
  /** The authority it comes from. */
  readonly site: string
  readonly counts: PolicyCountsRow
}

export interface NodeRow {
  readonly name: string
  readonly source: string
  readonly addresses: readonly string[]
  readonly sessions: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

export interface ClassRow {
  readonly name: string
  readonly addresses: number
  readonly site: string | null
  readonly labels: Readonly<Record<string, string>>
}

/** An object in a Calico datastore of the site that Isthmus keeps there, or would. */
export interface WriteBackRow {
  /** `PLURAL/[NAMESPACE/]NAME`, as in its key. */
  readonly name: string
  readonly datastore: string
  /**
   * `held`: as it should be. `create`, `update`, `delete`: still to be done, or only shown (`dryRun`, another gateway writes).
   * `conflict`: somebody else's object stands in the way. `kept`: not wanted, but not known to be gone.
   */
  readonly state: 'held' | 'create' | 'update' | 'delete' | 'conflict' | 'kept'
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
  /**
   * Devices that it is on, packets that left by it, and those of them that it judged, while `judges`; `missing`: why this
   * machine has none.
   */
  readonly fastPath: {
    readonly devices: number
    readonly packets: number
    readonly judgedPackets: number
    readonly judges: boolean
    readonly missing: string | null
  }
}

/** Where two speak for one thing, both sides; each is one of the findings too. */
export interface ConflictRow extends Conflict {
  readonly code: Finding['code']
  readonly severity: Finding['severity']
  readonly remedy: string | null
}

/** Every kind that `get` knows, and what it gives. */
export interface Rows {
  readonly tunnels: TunnelStatus
  readonly sessions: SessionStatus
  readonly peers: PeerRow
  readonly routes: RouteRow
  readonly datastores: DatastoreStatus
  readonly sites: SiteStatus
  readonly gateways: GatewayRow
  readonly endpoints: EndpointRow
  readonly policies: PolicyStatus
  readonly tiers: TierRow
  readonly findings: Finding
  readonly conflicts: ConflictRow
  readonly nodes: NodeRow
  readonly classes: ClassRow
  readonly writebacks: WriteBackRow
}

export type Kind = keyof Rows

export const KINDS: readonly Kind[] = [
  'tunnels',
  'sessions',
  'peers',
  'routes',
  'datastores',
  'sites',
  'gateways',
  'endpoints',
  'policies',
  'tiers',
  'findings',
  'conflicts',
  'nodes',
  'classes',
  'writebacks',
]

/** Rows, or why there are none to be had. */
export type Found<K extends Kind> = Iterable<Rows[K]> | AsyncIterable<Rows[K]> | Problem

/** An answer of formats.md (`verdict`, `reason`, …), or what is wrong with the flow. */
export type TraceResult =
  | {readonly ok: true; readonly answer: Readonly<Record<string, unknown>>}
  | {readonly ok: false; readonly problem: string}

export interface ReloadResult {
  readonly ok: boolean
  readonly findings: readonly Finding[]
}
