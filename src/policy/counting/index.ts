/**
 * Judged packets, by class pair and port → what each policy and rule decided.
 *
 *     kernel ─► JudgedElement ─► attributor (numbers → classes → the tracer's evaluator) ─► Attribution ─► PolicyTotals
 *                                    ▲                                                                       │
 *                      Compiled (numbering, classes, staged policies)                 rows, metrics ◄────────┘
 *
 * The kernel counts by what a packet is, and holds nothing of rules (decision 0044). Which rules decide a pair and a port
 * the evaluator of the tracer knows; each element is asked once for each direction, and a second time with the staged
 * policies in their places. Rules that it passes on the way (Pass, Log) are told beside what decides. The source port is not counted: where it decides, the policy is named and no rule. An
 * element whose numbers nobody knows, since a change was under way, is `unknown` and is in no policy's count.
 */
export {
  type Attribution,
  type Attributor,
  attributor,
  attributors,
  type DecidedBy,
  type MetOnTheWay,
} from './attributor.ts'
export {
  createPolicyTotals,
  type MetTotal,
  type PolicyTotals,
  type RuleTotal,
  type StagedTotal,
  type Tally,
} from './policy-totals.ts'
export type {Change} from './staged-change.ts'
