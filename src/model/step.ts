import type {AddressSpec, FouPort, LinkSpec, SysctlSpec, WireguardSpec} from './kernel.ts'
import type {NftHook, UdpPorts} from './nft.ts'
import type {QueueSpec} from './queue.ts'
import type {SourceRule} from './source-rule.ts'

/** Names one step within a batch, and across passes: `link is-b-1f2e3d`, `nft set class4`. */
export type StepKey = string & {readonly __brand: 'StepKey'}

export type DriverName = 'sysctl' | 'fou' | 'netlink' | 'wireguard' | 'nft' | 'bird' | 'etcd'

interface StepBase {
  readonly key: StepKey
  /** Steps that must have succeeded first; a failed one makes this one `skipped`. */
  readonly needs: readonly StepKey[]
  /** Why, for the log: `missing`, `mtu 1500 → 1480`, `no longer wanted`. */
  readonly reason: string
}

/** What is done to this node; the export has a way of its own. */
export type NodeStep = SysctlStep | FouStep | NetlinkStep | WireguardStep | NftStep | BirdStep

export type Step = NodeStep | EtcdStep

export interface SysctlStep extends StepBase {
  readonly driver: 'sysctl'
  readonly spec: SysctlSpec
}

export interface FouStep extends StepBase {
  readonly driver: 'fou'
  readonly do: 'port-add' | 'port-delete'
  readonly port: FouPort
}

export type NetlinkStep = StepBase & {readonly driver: 'netlink'} & (
    | {readonly do: 'link-create'; readonly link: LinkSpec}
    /** What the kernel changes in place: MTU, alias, up. */
    | {readonly do: 'link-update'; readonly link: LinkSpec}
    | {readonly do: 'link-delete'; readonly name: string}
    | {readonly do: 'address-add'; readonly address: AddressSpec}
    | {readonly do: 'address-delete'; readonly address: AddressSpec}
    | {readonly do: 'queue-set'; readonly queue: QueueSpec}
    | {readonly do: 'queue-delete'; readonly device: string}
    | {readonly do: 'rule-add' | 'rule-delete'; readonly rule: SourceRule}
  )

export interface WireguardStep extends StepBase {
  readonly driver: 'wireguard'
  readonly spec: WireguardSpec
}

/** All nft steps of a batch are one transaction. Order inside it is the driver's: see `apply/nft`. */
export type NftStep = StepBase & {readonly driver: 'nft'} & (
    | {readonly do: 'counter-add'; readonly name: string}
    | {readonly do: 'counter-delete'; readonly name: string}
    | {
        readonly do: 'set-add'
        readonly name: string
        readonly setKey: string
        readonly value: string | null
        readonly interval: boolean
        readonly dynamic?: boolean
        readonly size?: number
      }
    | {readonly do: 'set-delete'; readonly name: string}
    /** Declares the chain when it is missing (with its hook), and replaces its rules. */
    | {
        readonly do: 'chain-set'
        readonly name: string
        readonly hook: NftHook | null
        readonly rules: readonly string[]
      }
    | {readonly do: 'chain-delete'; readonly name: string}
    | {
        readonly do: 'elements'
        readonly set: string
        /** Old value in `delete`, since a changed element is deleted and added in one transaction. */
        readonly add: ReadonlyMap<string, string>
        readonly delete: ReadonlyMap<string, string>
        /** `NftSet.version` of what is in force after it. */
        readonly reaches?: object
      }
    /** Behind the transaction: no element of the table, but shut while it is changed. */
    | {readonly do: 'fast-path'; readonly devices: readonly number[]}
    | {readonly do: 'udp-ports'; readonly ports: UdpPorts | null}
  )

export interface BirdStep extends StepBase {
  readonly driver: 'bird'
  readonly text: string
}

export interface EtcdStep extends StepBase {
  readonly driver: 'etcd'
  readonly put: ReadonlyMap<string, string>
  readonly delete: readonly string[]
  /** What gives the right to write: every transaction of the step is done only while all of these are held. */
  readonly holds: readonly KeyHold[]
}

/** A key in a datastore that is ours for as long as its last write is this one. */
export interface KeyHold {
  readonly key: string
  readonly modRevision: number
}

export type Outcome =
  | {readonly ok: true; readonly step: StepKey}
  | {
      readonly ok: false
      readonly step: StepKey
      readonly code: OutcomeCode
      /** The driver's or the kernel's own words. */
      readonly cause: string
    }

export type OutcomeCode =
  | 'skipped'
  | 'exists'
  | 'missing'
  | 'denied'
  | 'unsupported'
  | 'refused'
  | 'unreachable'
  | 'timeout'
  | 'failed'

export const stepKey = (text: string): StepKey => text as StepKey
