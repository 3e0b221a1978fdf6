import type {Finding} from '../model/index.ts'

/** What people look at beside the tables of `GatewayView`: each bounded, each read-only. */
export interface ConsoleView {
  /** null as name: all tunnels together. null as answer: no samples of that tunnel. */
  series(tunnel: string | null, minutes: number): TunnelSeries | null
  policyMatrix(by: string): Promise<PolicyMatrix | Refused>
  policyPair(by: string, from: string, to: string): Promise<PolicyPair | Refused>
  /** A policy as its document, as YAML; null: none of that name, or its text is not known here. */
  policyText(name: string): string | null
  /** What would open and close if these documents were in force; nothing is stored. */
  policyDiff(text: string, deleted: readonly string[]): PolicyDiff | Refused
  alerts(): Promise<AlertsAnswer>
}

/** Why there is no answer; `findings` where a text was at fault. */
export interface Refused {
  readonly refused: 'bad-request' | 'not-found' | 'too-large' | 'document-refused'
  readonly message: string
  readonly findings?: readonly Finding[]
}

/** Columns of equal length, the oldest first; null where nothing was measured. */
export interface TunnelSeries {
  /** null: all tunnels together: means, and sums of traffic; `up` is the part that is up. */
  readonly name: string | null
  readonly stepSeconds: number
  /** Unix seconds at which each sample begins. */
  readonly at: readonly number[]
  readonly rttMs: readonly (number | null)[]
  readonly jitterMs: readonly (number | null)[]
  readonly lossRatio: readonly (number | null)[]
  readonly rxBytesPerSecond: readonly (number | null)[]
  readonly txBytesPerSecond: readonly (number | null)[]
  /** Part of the time, 0 to 1. */
  readonly up: readonly (number | null)[]
}

export interface PolicyMatrix {
  readonly by: string
  /** Labels that can be asked for, those that most endpoints bear first. */
  readonly labels: readonly string[]
  readonly groups: readonly MatrixGroup[]
  /** Groups beyond the bound, by number of addresses, are not in it. */
  readonly leftOut: number
  /**
   * A row for each source, a letter for each destination: `a` all is allowed, `d` all is denied, `m` some of it, `-` no
   * flow can be.
   */
  readonly cells: readonly string[]
}

export interface MatrixGroup {
  /** The label's value, the site, or the class; '' for endpoints without the label. */
  readonly name: string
  readonly addresses: number
  readonly classes: number
}

/** Between two groups: each way in which their classes are judged, the most frequent first. */
export interface PolicyPair {
  readonly by: string
  readonly from: string
  readonly to: string
  readonly ways: readonly PairWay[]
  readonly leftOut: number
}

export interface PairWay {
  readonly verdict: 'allow' | 'deny' | 'mixed'
  /** For people: what of it is allowed; '' nothing. */
  readonly allowed: string
  readonly classPairs: number
  readonly from: PairEnd
  readonly to: PairEnd
  /** Flows of it to trace, one that passes and one that does not where there are both. */
  readonly flows: readonly Readonly<Record<string, unknown>>[]
}

export interface PairEnd {
  readonly address: string
  readonly site: string | null
  readonly names: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  /** The policies that govern it in this direction, in the order in which they are asked. */
  readonly policies: readonly {readonly tier: string; readonly name: string; readonly selector: string}[]
}

export interface PolicyDiff {
  readonly rows: readonly DiffRow[]
  readonly findings: readonly Finding[]
}

export interface DiffRow {
  readonly change: 'opens' | 'closes'
  readonly traffic: string
  readonly from: readonly string[]
  readonly to: readonly string[]
  readonly example: Readonly<Record<string, unknown>>
}

export interface AlertsAnswer {
  /** `none`: no Prometheus is configured. */
  readonly prometheus: 'none' | 'answered' | 'failed'
  readonly problem: string | null
  readonly firing: readonly FiringAlert[]
}

export interface FiringAlert {
  readonly name: string
  readonly state: 'firing' | 'pending'
  readonly severity: string
  readonly summary: string
  readonly labels: Readonly<Record<string, string>>
  readonly since: string | null
}
