/**
 * Answers about all flows at once: what changes between two policy sets, and whether an assertion holds.
 *
 *     PolicySet ─► Enforced: classes, and what each pair of classes lets through (a TrafficSpace) ─┐
 *     PolicySet ─► Enforced ──┬─► groups: addresses of one class before and one class after ───────┴─► Difference
 *     Assertion ─► conditions in the catalog ─► Enforced, its classes cut finer ─► Proof, or a counter-example
 *
 * Classes are exact, so a statement about classes is one about every address, and a chain is a function of protocol and
 * ports, so two of them can be subtracted: protocol × source ports × destination ports (ICMP: type and code), in one
 * canonical form. Nothing is sampled; examples only illustrate. What is read is the compiler's typed result, the same
 * that becomes nft, and property tests hold the answers to the oracle, packet by packet.
 */
export {type Assertion, type AssertionProblem, parseAssertions} from './assertion.ts'
export {comparePolicies, type Difference, type DifferenceRow, printDifference} from './difference.ts'
export type {PolicySet} from './enforced.ts'
export {type InForce, type Reached, reachOf} from './reach.ts'
export {printFlow} from './sample-flow.ts'
export {type CounterExample, type Verified, verifyAssertions} from './verify.ts'
