import type {Address, Family, PortRange, Prefix} from '../net/index.ts'
import type {NamedPort, PortProtocol} from './attributes.ts'

/** Labels and annotations as Calico stores them. */
export interface Meta {
  readonly name: string
  readonly namespace: string | null
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

/** Everything of a datastore that Isthmus reads, decoded. Other kinds are ignored by name. */
export type Resource =
  | WorkloadEndpoint
  | HostEndpoint
  | NetworkSet
  | IpPool
  | IpamBlock
  | BlockAffinity
  | CalicoNode
  | Tier
  | Policy
  | Profile
  | StaticPrefixResource
  | ClusterInformation

/** A pod's (or VM's) interface. `addresses` empty means: not there yet, ignored (calico-model 2.2). */
export interface WorkloadEndpoint {
  readonly kind: 'WorkloadEndpoint'
  readonly meta: Meta
  readonly node: string
  readonly pod: string
  readonly addresses: readonly Address[]
  readonly profiles: readonly string[]
  readonly ports: readonly NamedPort[]
  readonly serviceAccount: string | null
}

export interface HostEndpoint {
  readonly kind: 'HostEndpoint'
  readonly meta: Meta
  readonly node: string
  /** `expectedIPs`: the only addresses that rule selectors see (calico-model 2.3). */
  readonly addresses: readonly Address[]
  readonly profiles: readonly string[]
  readonly ports: readonly NamedPort[]
}

/** NetworkSet (namespace set) or GlobalNetworkSet (`meta.namespace` null). */
export interface NetworkSet {
  readonly kind: 'NetworkSet'
  readonly meta: Meta
  readonly nets: readonly Prefix[]
}

export interface IpPool {
  readonly kind: 'IPPool'
  readonly meta: Meta
  readonly cidr: Prefix
  readonly disabled: boolean
  readonly ipip: 'Never' | 'Always' | 'CrossSubnet'
  readonly vxlan: 'Never' | 'Always' | 'CrossSubnet'
  readonly natOutgoing: boolean
  /** `allowedUses`: not for load balancers alone. */
  readonly workloads: boolean
  readonly bgpExport: boolean
}

export interface IpamBlock {
  readonly kind: 'IPAMBlock'
  readonly cidr: Prefix
  /** Node of the block, from `affinity: "host:<node>"` or the deprecated `hostAffinity`; null: nobody's. */
  readonly node: string | null
  /** Addresses in use whose `secondary.node` is another node: routed as their own host prefix. */
  readonly borrowed: readonly {readonly address: Address; readonly node: string}[]
  readonly handles: readonly string[]
}

export interface BlockAffinity {
  readonly kind: 'BlockAffinity'
  readonly node: string
  readonly cidr: Prefix
  readonly state: 'confirmed' | 'pending' | 'pendingDeletion'
}

export interface CalicoNode {
  readonly kind: 'Node'
  readonly meta: Meta
  /** From `bgp.ipv4Address` with its prefix length (the CrossSubnet test), or addresses as fall-back. */
  readonly addresses: readonly {readonly address: Address; readonly length: number}[]
  /** Absent means the cluster's default AS number. */
  readonly as: number | null
  readonly bgp: boolean
}

export interface ClusterInformation {
  readonly kind: 'ClusterInformation'
  readonly meta: Meta
  readonly ready: boolean
  readonly guid: string | null
}

export interface Profile {
  readonly kind: 'Profile'
  readonly meta: Meta
  readonly labelsToApply: Readonly<Record<string, string>>
  readonly ingress: readonly Rule[]
  readonly egress: readonly Rule[]
}

/** A prefix without Calico behind it, stored under the isthmus root: what policy knows of it. Ways there are `static` in gateway.yaml. */
export interface StaticPrefixResource {
  readonly kind: 'StaticPrefix'
  readonly meta: Meta
  readonly prefix: Prefix
}

/** Before all that is written by people. Not an infinity: JSON would print it like an absent order, which is last. */
export const FIRST_ORDER = -Number.MAX_VALUE

/** `defaultAction` is Deny also when absent or unknown (calico-model 2.5); `order` null sorts last. */
export interface Tier {
  readonly kind: 'Tier'
  readonly meta: Meta
  readonly order: number | null
  readonly defaultAction: 'Deny' | 'Pass'
  /** The document was refused and its order could not be read: nobody knows what its policies come before. */
  readonly refused?: true
}

export type Direction = 'ingress' | 'egress'

/**
 * A policy of any kind. Selectors stay text here: the policy station owns their language. `name` in `meta` is the
 * effective name (migration of `default.` names done, calico-model 1.3), `types` the effective directions (4.3).
 */
export interface Policy {
  readonly kind: 'GlobalNetworkPolicy' | 'NetworkPolicy' | 'StagedGlobalNetworkPolicy' | 'StagedNetworkPolicy'
  readonly meta: Meta
  /** The key's last part: ties in order are broken by it (calico-model 4.2). */
  readonly keyName: string
  readonly tier: string
  readonly order: number | null
  readonly selector: string
  readonly namespaceSelector: string
  readonly serviceAccountSelector: string
  readonly types: readonly Direction[]
  readonly ingress: readonly Rule[]
  readonly egress: readonly Rule[]
  readonly doNotTrack: boolean
  readonly preDnat: boolean
  readonly applyOnForward: boolean
  /** Of a staged policy: it stands for the deletion of the one of its name, or is only kept. Absent: it would be set. */
  readonly stagedAction?: 'Delete' | 'Ignore'
  /** The document was refused and no good version is known: it denies all that it governs, whatever its rules. */
  readonly refused?: true
}

export type Action = 'Allow' | 'Deny' | 'Pass' | 'Log'

/** IP protocol as a number: names are resolved by decode (IANA protocol numbers). */
export type ProtocolNumber = number

export interface IcmpMatch {
  readonly type: number | null
  readonly code: number | null
}

export interface Rule {
  readonly action: Action
  readonly ipVersion: Family | null
  readonly protocol: ProtocolNumber | null
  readonly notProtocol: ProtocolNumber | null
  readonly icmp: IcmpMatch | null
  readonly notIcmp: IcmpMatch | null
  readonly source: EntityRule
  readonly destination: EntityRule
  /** An L7 match is there; a gateway cannot mean it: an allow rule with it never matches. */
  readonly http: boolean
}

/** A port condition: numbers and ranges, and names that are resolved per endpoint. */
export interface PortSpec {
  readonly ranges: readonly PortRange[]
  readonly names: readonly string[]
}

export interface EntityRule {
  readonly nets: readonly Prefix[]
  readonly notNets: readonly Prefix[]
  /** Empty text: no condition. */
  readonly selector: string
  readonly notSelector: string
  readonly namespaceSelector: string
  readonly ports: PortSpec | null
  readonly notPorts: PortSpec | null
  readonly serviceAccounts: {readonly names: readonly string[]; readonly selector: string} | null
  /** A reference to a Service: without data in etcd mode it matches nothing. */
  readonly services: boolean
}

/** Numbers of the protocols that carry ports. */
export const PORT_PROTOCOL_NUMBERS: Readonly<Record<PortProtocol, ProtocolNumber>> = {tcp: 6, udp: 17, sctp: 132}
