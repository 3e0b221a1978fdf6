import type {Finding} from './finding.ts'
import type {SiteName} from './ids.ts'
import type {AddressSpec, FouPort, LinkSpec, SysctlSpec, WireguardSpec} from './kernel.ts'
import type {NftTable, UdpPorts} from './nft.ts'
import type {ActualQueue, QueueSpec} from './queue.ts'
import type {Encapsulation, Slot, UplinkRef} from './site.ts'
import type {SourceRule} from './source-rule.ts'

/** Everything that must exist on this gateway, one value: the plan. Equal input, equal bytes. Members are published apart. */
export interface Desired {
  readonly sysctls: readonly SysctlSpec[]
  readonly fouPorts: readonly FouPort[]
  readonly links: readonly LinkSpec[]
  readonly addresses: readonly AddressSpec[]
  readonly wireguard: readonly WireguardSpec[]
  readonly queues: readonly QueueSpec[]
  readonly sourceRules: readonly SourceRule[]
  readonly nft: NftTable
  /** BIRD's whole configuration file. */
  readonly bird: string
  /** What this site publishes of itself, by key under `/isthmus/v1/export/`: all but its members. */
  readonly exported: ReadonlyMap<string, string>
  /** The tunnels that the above adds up to, for status and metrics. */
  readonly tunnels: readonly Tunnel[]
  readonly findings: readonly Finding[]
}

/** One tunnel as this gateway means it. */
export interface Tunnel {
  /** `LOCAL-UPLINK SITE/GATEWAY/UPLINK SLOT`, unique here and stable. */
  readonly id: string
  readonly remote: UplinkRef
  readonly site: SiteName
  readonly gateway: string
  readonly localUplink: string
  readonly slot: Slot
  readonly encapsulation: Encapsulation
  readonly device: string
  readonly local: string
  readonly peer: string
  /** Name of BIRD's protocol for the session over it. */
  readonly session: string
  /** Nothing is sent on it while the other one of its uplinks is up: it follows that one, or has been followed by it. */
  readonly standby?: true
  /** It has been followed: nothing is to be sent on it, whatever it brings. */
  readonly followed?: true
}

/** What the node really holds, of our own things and of nobody else's. */
export interface Actual {
  readonly sysctls: ReadonlyMap<string, string>
  readonly fouPorts: readonly ActualFouPort[]
  readonly links: readonly ActualLink[]
  readonly addresses: readonly AddressSpec[]
  readonly wireguard: readonly ActualWireguard[]
  /** Root queues that somebody has set, of any device. */
  readonly queues: readonly ActualQueue[]
  /** Ours. */
  readonly sourceRules: readonly SourceRule[]
  readonly nft: ActualNft | null
  /** The text of BIRD's configuration file and whether BIRD runs with it; null: no file or not ours. */
  readonly bird: ActualBird | null
}

/** A device that is ours by name and alias; `spec` null when it is of a kind or shape that we never make. */
export interface ActualLink {
  readonly name: string
  readonly index: number
  readonly up: boolean
  readonly spec: LinkSpec | null
}

/** Any fou port of the node; `ours`: made by this gateway since the machine booted. */
export interface ActualFouPort extends FouPort {
  readonly ours: boolean
}

export interface ActualWireguard {
  readonly device: string
  readonly publicKey: string | null
  readonly listenPort: number
  readonly peers: readonly {
    readonly publicKey: string
    readonly endpoint: string | null
    readonly allowedIps: readonly string[]
    readonly keepaliveSeconds: number
  }[]
}

export interface ActualNft {
  readonly counters: readonly string[]
  readonly sets: ReadonlyMap<string, ActualNftSet>
  readonly chains: ReadonlyMap<string, ActualNftChain>
  /** Names what `chains` holds: another object with each change of it. */
  readonly chainsVersion?: object
  /** Devices whose packets may pass without it; none unless said. */
  readonly fastPath?: readonly number[]
  /** What it may allow by itself; nothing unless said. */
  readonly udpPorts?: UdpPorts | null
}

export interface ActualNftSet {
  readonly name: string
  readonly key: string
  readonly value: string | null
  readonly interval: boolean
  /** Absent where none was asked for. That a set is dynamic nft 1.0.6 does not tell. */
  readonly size?: number
  /** Those of sets of judged packets are not read. */
  readonly elements: ReadonlyMap<string, string>
  /** `NftSet.version` that these elements are known to be equal to. */
  readonly reached?: object
}

/** `rules`: the `i:HASH` comments in order; a rule without one shows as `foreign`. */
export interface ActualNftChain {
  readonly name: string
  readonly hook: string | null
  readonly rules: readonly string[]
  /** The very list that a chain without a hook was set to, where that was done here. */
  readonly texts?: readonly string[]
}

export interface ActualBird {
  readonly text: string
  /** Whether the running BIRD has loaded exactly this text. */
  readonly loaded: boolean
}
