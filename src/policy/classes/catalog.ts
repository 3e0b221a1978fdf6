import type {Policy} from '../../model/index.ts'
import type {Family, PortRange, Prefix} from '../../net/index.ts'
import type {Selector} from '../../selectors/index.ts'

/**
 * Everything that policies ask of addresses, each question once, and the rules by reference to them. Made from the
 * policies alone; an id is an index into its list. Lists of questions only grow while policies change, so that an id
 * keeps its meaning; some may be asked by no policy any more.
 */
export interface Catalog {
  readonly selectors: readonly Selector[]
  readonly nets: readonly Prefix[]
  readonly conditions: readonly PeerCondition[]
  readonly portNames: readonly PortName[]
  /** In evaluation order, over all tiers, staged ones included. */
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
  /** Unique among the tiers that stand together. */
  readonly id: number
  readonly name: string
  /** Place among the stored tiers; behind all of them for one that is not stored. */
  readonly rank: number
  readonly end: 'deny' | 'pass'
}

export interface ActivePolicy {
  /** Never given to another policy, nor to the same one with another text. */
  readonly id: number
  readonly tier: ActiveTier
  /** In no verdict: it only tells apart whom it would govern and mean. */
  readonly staged: boolean
  /** Behind `order` policies go by this text. */
  readonly tie: string
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
  readonly action: 'allow' | 'deny' | 'pass' | 'log'
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

/** Evaluation order (calico-model 4.1). */
export function compareActive(a: Placed, b: Placed): number {
  return (
    a.tier.rank - b.tier.rank ||
    compareText(a.tier.name, b.tier.name) ||
    compareOrder(a.document.order, b.document.order) ||
    compareText(a.tie, b.tie)
  )
}

export type Placed = Pick<ActivePolicy, 'tier' | 'tie' | 'document'>

export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Nil is after every number. */
export const compareOrder = (a: number | null, b: number | null): number => {
  const [left, right] = [a ?? Number.POSITIVE_INFINITY, b ?? Number.POSITIVE_INFINITY]
  return left < right ? -1 : left > right ? 1 : 0
}
