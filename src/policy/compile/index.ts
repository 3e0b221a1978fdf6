/**
 * Policies × classes → nft sets and chains whose cost for a packet does not grow with the number of policies.
 *
 *     policies ──activePolicies──► Catalog ──classify──► classes ──number──► numbers ─┐
 *                                     └──── programs: rules that can match a pair ────┴──► pairs ──► sets, chains
 *
 *     judge ─► judge4|judge6: address → class (both hosts in one rule; else host map, then interval map, end by end)
 *           ─► known_pair: (class, class) → number of a target → verdict chain v_HASH ─► allowed | deny_DIRECTION_SITE
 *                          no entry: the source's own verdict ─► the destination's own ─► deny_unowned if nobody's
 *
 * The rules of both directions reduce, for a class pair, to a short function of protocol and ports; equal functions are
 * one chain, named by its content. Pairs that no rule can match are not stored. A compilation goes on from the one before
 * in place (`follow.ts`), and the way from one to the other may need stages.
 */
export {activePolicies} from './active-policies.ts'
export {type CompileOptions, compilePolicy, compiling, shutPolicy} from './compile.ts'
export type {Compiled, CompileStatistics} from './compiled.ts'
export {isUnconditional, matchesOf, type PacketMatch} from './packet-match.ts'
export {ALLOWED, type Bounds, GATEWAY_BOUNDS} from './pair-table.ts'
export {bareTarget, targetBetween, type Verdicts, verdictsOf} from './pairs.ts'
export {type StagedPlaces, stagedPlaces} from './staged-places.ts'
export type {Target, VerdictChain} from './verdict-chains.ts'
