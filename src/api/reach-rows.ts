import type {Problem} from './problem.ts'

/** Addresses that policy cannot tell apart, and what of theirs comes to the address that was asked for. */
export interface ReachRow {
  readonly site: string | null
  /** What all their endpoints have in common. */
  readonly labels: Readonly<Record<string, string>>
  /** `tcp 80,443`, `any protocol`. */
  readonly traffic: string
}

export interface Reach {
  readonly address: string
  /** As `get classes` names it; null: that of all other addresses. */
  readonly class: string | null
  /** Policies that govern it, in the order in which they are asked, `TIER/NAME`. */
  readonly ingress: readonly string[]
  readonly egress: readonly string[]
  readonly from: readonly ReachRow[]
  /** Classes of which nothing comes. */
  readonly refused: number
}

export type ReachResult = {readonly ok: true; readonly answer: Reach} | ({readonly ok: false} & Problem)
