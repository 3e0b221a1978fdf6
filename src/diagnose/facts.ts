import type {Finding, GatewayConfig} from '../model/index.ts'

/** What was looked at, or why it could not be. */
export type Seen<T> = {readonly ok: true; readonly value: T} | {readonly ok: false; readonly why: string}

/** Everything that a diagnosis is made of, each part as one look saw it. Nothing in it is a judgement. */
export interface Facts {
  readonly nowMs: number
  readonly config: GatewayConfig
  /** As in the file that was named. */
  readonly configText: Seen<string>
  readonly configInForce: Seen<string>
  readonly gateway: Seen<GatewaySays>
  /** How long traffic was watched. */
  readonly watchedSeconds: number
  readonly gatewayLater: Seen<Pick<GatewaySays, 'drops'>>
  readonly machine: MachineFacts
  readonly kernel: KernelSettings
  readonly links: Seen<readonly LinkFacts[]>
  /** The same, some time later: what moved between the two. */
  readonly linksLater: Seen<readonly LinkFacts[]>
  readonly addresses: Seen<readonly {readonly device: string; readonly address: string}[]>
  readonly routes: Seen<readonly RouteFacts[]>
  readonly rules: Seen<readonly RuleFacts[]>
  /** IPv4, and how many there may be. */
  readonly neighbours: Seen<{readonly entries: number; readonly limit: number}>
  readonly underlay: Seen<readonly UnderlayFacts[]>
  readonly router: Seen<RouterFacts>
  readonly tcp: Seen<TcpFaults>
  readonly tables: Seen<readonly TableFacts[]>
  readonly clocks: Seen<readonly ClockFacts[]>
  readonly health: Seen<readonly HealthFlow[]>
  readonly calico: Seen<readonly CalicoFacts[]>
  readonly twin: Seen<TwinFacts>
}

/** Of the gateway's own status what is judged here. */
export interface GatewaySays {
  readonly ready: boolean
  readonly waitingFor: string | null
  readonly tunnels: readonly {
    readonly name: string
    readonly site: string
    readonly device: string
    readonly encapsulation: string
    readonly up: boolean
  }[]
  readonly sites: readonly {readonly name: string; readonly local: boolean; readonly prefixes: readonly string[]}[]
  readonly drops: readonly {readonly reason: string; readonly packets: number}[]
  readonly findings: readonly Finding[]
}

export interface MachineFacts {
  readonly daemon: Seen<ProcessFacts>
  readonly bird: Seen<ProcessFacts>
  readonly memory: Seen<{readonly availableBytes: number; readonly totalBytes: number}>
  readonly disks: readonly DiskFacts[]
  readonly files: readonly FileFacts[]
  /** Where each program lies; null: nowhere. */
  readonly programs: ReadonlyMap<string, string | null>
}

export interface ProcessFacts {
  readonly pid: number
  /** Effective, as /proc has them. */
  readonly capabilities: bigint
  readonly openFiles: number
  readonly mostOpenFiles: number
}

export interface DiskFacts {
  readonly path: string
  readonly what: string
  readonly seen: Seen<{
    readonly freeBytes: number
    readonly totalBytes: number
    readonly freeInodes: number
    readonly totalInodes: number
    /** In the system's words; null: it can be written. */
    readonly refusesWrites: string | null
  }>
}

export interface FileFacts {
  readonly path: string
  readonly kind: 'config' | 'api-socket' | 'bird-socket' | 'state'
  readonly seen: Seen<{readonly mode: number}>
}

export interface KernelSettings {
  /** Path below /proc/sys → value; null: there is no such file. */
  readonly sysctls: ReadonlyMap<string, string | null>
  readonly modules: Seen<ReadonlyMap<string, boolean>>
  readonly conntrack: Seen<{readonly entries: number; readonly limit: number}>
}

export interface LinkFacts {
  readonly name: string
  readonly kind: string | null
  /** Of ipip and sit: what it sends is in UDP (fou). */
  readonly inUdp?: boolean
  readonly alias: string
  readonly up: boolean
  /** The kernel's word: `UP`, `DOWN`, `LOWERLAYERDOWN`, `UNKNOWN`. */
  readonly operstate: string
  readonly mtu: number
  readonly outerLocal: string | null
  readonly outerRemote: string | null
  readonly receivedPackets: number
  readonly sentPackets: number
}

export interface RouteFacts {
  readonly prefix: string
  readonly devices: readonly string[]
  /** The next hop, where there is one and only one. */
  readonly via?: string
  /** Who made it: `bird`, `static`, `kernel`, `boot`. */
  readonly protocol: string
  /** `unreachable`, `blackhole`, `prohibit`: it goes nowhere on purpose. */
  readonly refuses: boolean
}

export interface RuleFacts {
  readonly priority: number
  readonly text: string
  readonly table: string
  /** Of this gateway. */
  readonly ours?: true
}

/** The way of a tunnel's outer packets. */
export interface UnderlayFacts {
  readonly device: string
  readonly site: string
  readonly local: string
  readonly remote: string
  /** Which device the kernel would send by; not ok: none, and what it says. */
  readonly way: Seen<string>
  /** Whether pings are answered. */
  readonly answers: Seen<boolean>
}

export interface RouterFacts {
  readonly bfd: readonly {readonly neighbor: string; readonly state: string; readonly up: boolean}[]
  readonly sessions: readonly {
    readonly name: string
    readonly kind: string
    readonly neighbor: string
    readonly as: number | null
    readonly state: string
    readonly up: boolean
    readonly imported: number
    readonly filtered: number
    readonly exported: number
    readonly lastError: string | null
  }[]
}

/** How much counters of /proc/net/netstat rose while traffic was watched. */
export interface TcpFaults {
  /** Segments without the password that we ask for, with one that we do not know, or with a wrong one. */
  readonly passwordFaults: number
  /** From farther away than we allow. */
  readonly ttlFaults: number
}

/** A table of nftables; rules only of those that are not ours. */
export interface TableFacts {
  readonly family: string
  readonly name: string
  readonly chains: readonly ChainFacts[]
}

export interface ChainFacts {
  readonly name: string
  /** null: no base chain. */
  readonly hook: string | null
  readonly type: string | null
  readonly policy: string | null
  readonly rules: readonly RuleText[]
}

export interface RuleText {
  /** What it does: `drop`, `reject`, `accept`, `masquerade`, `snat`, `dnat`, `notrack`, `jump NAME`; '': it decides nothing. */
  readonly verdict: string
  /** All must hold: `iifname == lo`, `ip saddr == 10.0.0.0/8`. */
  readonly matches: readonly {readonly field: string; readonly operator: string; readonly values: readonly string[]}[]
}

export interface ClockFacts {
  readonly source: string
  /** What its clock shows less what ours does, to a second. */
  readonly seen: Seen<number>
}

/** A connection of ours that policy may stand in the way of. */
export interface HealthFlow {
  readonly what: string
  readonly from: string
  readonly to: string
  readonly port: number
  readonly verdict: string
  readonly by: string
}

export interface CalicoFacts {
  readonly datastore: string
  readonly pools: readonly {
    readonly name: string
    readonly cidr: string
    readonly natOutgoing: boolean
    readonly disableBGPExport: boolean
    readonly disabled: boolean
  }[]
  /** As BGPConfiguration `default` has it; null: it does not. */
  readonly as: number | null
  /** null: nobody has said. */
  readonly ready: boolean | null
}

export interface TwinFacts {
  readonly twin: string
  readonly twinAnswers: Seen<boolean>
  /** null: nodes send to no address that moves. */
  readonly virtual: {readonly address: string; readonly here: boolean; readonly answers: Seen<boolean>} | null
}
