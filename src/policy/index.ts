/**
 * Global policy: Calico's semantics over the endpoints of all sites, with verdicts in constant time.
 *
 *                    selectors (the label language)
 *                        │                 │
 *     World ─► classes ─► compile ─► nft   └─► oracle ─► Judgement ─► trace ─► one line for people
 *                              ▲                  │               └─► counting ─► totals by policy and rule
 *                              └── held to it by ─┘  (random worlds, and the real kernel)
 *
 * In comes the World, out go sets, chains and counters of an nft table, entered by `goto judge`, with findings for what
 * cannot be meant. A packet costs two address look-ups, one of the class pair and one short chain, however many
 * policies there are. The oracle is written from the semantics and shares only the selectors with the compiler.
 */

export {type Parsed, parseSelector, printSelector, type Selector} from '../selectors/index.ts'
export type {ChangedMembers} from './classes/index.ts'
export {
  type Compiled,
  type CompileOptions,
  type CompileStatistics,
  compilePolicy,
  compiling,
  shutPolicy,
} from './compile/index.ts'
export {
  type Attribution,
  type Attributor,
  attributors,
  createPolicyTotals,
  type DecidedBy,
  type MetOnTheWay,
  type MetTotal,
  type PolicyTotals,
  type RuleTotal,
  type StagedTotal,
  type Tally,
} from './counting/index.ts'
export {policyFindings} from './findings.ts'
export {
  type CalicoView,
  calicoView,
  exportedCalico,
  type Judgement,
  judge,
  type Packet,
  type RuleNote,
  storedCalico,
} from './oracle/index.ts'
export {
  type Assertion,
  type AssertionProblem,
  type CounterExample,
  comparePolicies,
  type Difference,
  type DifferenceRow,
  type PolicySet,
  parseAssertions,
  printDifference,
  printFlow,
  type Reached,
  reachOf,
  type Verified,
  verifyAssertions,
} from './proof/index.ts'
export {
  type Explanation,
  type Flow,
  type OwnCalico,
  type ParsedFlow,
  parseFlow,
  prepareTracer,
  type Station,
  type Traced,
  type TraceLine,
  type Tracer,
  type Translated,
  type TranslatedEnd,
  trace,
  tracerOf,
  traceStations,
  translatedEnds,
  withClosed,
} from './trace/index.ts'
