import type {Policy} from '../../model/index.ts'
import type {Family, PortRange, Prefix} from '../../net/index.ts'
import type {Selector} from '../../selectors/index.ts'

/**
 * Everything that policies ask of addresses, each question once, and the rules by reference to them. Made from the
 * policies alone; an id is an index into its list, and lists are in evaluation order of the policies.
 */
export interface Catalog {
  readonly selectors: readonly Selector[]
  readonly nets: readonly Prefix[]
  readonly conditions: readonly PeerCondition[]
  readonly portNames: readonly PortName[]
  /** In evaluation order; only tiers that hold an active policy. */
  readonly tiers: readonly ActiveTier[]
  /** In evaluation order, over all tiers. */
  readonly policies: readonly ActivePolicy[]
}

/** One side of a rule as a question to an address: selectors, nets. Absent parts ask nothing. */
export interface PeerCondition {
  readonly positive: number | null
  readonly negative: number | null
  /** By family: nets of the other family only make the condition false (calico-model 4.5). */
  readonly nets: Readonly<Record<Family, readonly number[]>> | null
  readonly notNets: Readonly<Record<Family, readonly number[]>> | null
}

/** A port name as a question to an endpoint: its ports of that name, if the selector means it. */
export interface PortName {
  readonly name: string
  readonly selector: number | null
}

export interface ActiveTier {
  readonly name: string
  readonly end: 'deny' | 'pass'
}

export interface ActivePolicy {
  /** Index into `tiers`. */
  readonly tier: number
  readonly selector: number
  /** null: the direction is not governed. */
  readonly ingress: readonly ActiveRule[] | null
  readonly egress: readonly ActiveRule[] | null
  /** What it was made of, for answers that name it. */
  readonly document: Policy
}

export interface ActiveRule {
  /** Unique in the catalog. */
  readonly id: number
  /** In the stored list; null for what stands for a policy that cannot be read whole. */
  readonly index: number | null
  readonly action: 'allow' | 'deny' | 'pass'
  readonly family: Family | null
  /** Index into `conditions`; null: whoever. */
  readonly source: number | null
  readonly destination: number | null
  readonly traffic: Traffic
}

/** What a rule asks of the packet itself. */
export interface Traffic {
  readonly protocol: number | null
  readonly notProtocol: number | null
  /** Type and code; code null: any. */
  readonly icmp: {readonly type: number; readonly code: number | null} | null
  readonly notIcmp: {readonly type: number; readonly code: number | null} | null
  readonly source: PortTest
  readonly destination: PortTest
}

export interface PortTest {
  readonly ports: PortQuestion | null
  readonly notPorts: PortQuestion | null
}

export interface PortQuestion {
  readonly ranges: readonly PortRange[]
  /** Indexes into `portNames`. */
  readonly names: readonly number[]
}
