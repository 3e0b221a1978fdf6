import type {Classified, Numbering} from '../classes/index.ts'
import {ALLOWED, type Bounds, DENY_UNOWNED, type PairTable, pairTable} from './pair-table.ts'
import {reachableChains, type Target, type VerdictChain} from './verdict-chains.ts'

/** Who may speak to whom, by class numbers. */
export interface Verdicts {
  /** Source number, then destination number. A pair that is missing has its two ends' own verdicts, below. */
  readonly pairs: ReadonlyMap<number, ReadonlyMap<number, Target>>
  readonly pairCount: number
  /** Where no rule can match, by source: `deny_egress_…`, or `passed`, or `unowned`. */
  readonly sources: ReadonlyMap<number, Target | 'passed' | 'unowned'>
  /** Likewise by destination: `deny_ingress_…`, `allowed`, or `unowned`. */
  readonly destinations: ReadonlyMap<number, Target | 'unowned'>
  readonly chains: readonly VerdictChain[]
}

/**
 * Reduces the ordered rules of every class pair to its verdict chain; null when that passes the bounds.
 *
 * Both directions decide: the source's egress leads on to the destination's ingress. Pairs that no rule can match are
 * not stored, since what is left of policy there (ends of tiers, the default) is a matter of each end alone.
 */
export function verdictsOf(
  classified: Classified,
  numbering: Numbering,
  defaultVerdict: 'allow' | 'deny',
  bounds: Bounds,
): Verdicts | null {
  const table = pairTable(classified, numbering, defaultVerdict, bounds)
  return table && tableVerdicts(table, bounds)
}

/**
 * What a table says, without copying its pairs: they go on changing with it. Null when it passes the bounds. `inOrder`:
 * so that the order in which members and policies came does not show.
 */
export function tableVerdicts(
  {ends, pairs, pairCount, uses, maker}: PairTable,
  {maxClasses, maxPairs, maxChains}: Bounds,
  inOrder = true,
): Verdicts | null {
  const alive = ends.filter((end) => end !== null)
  if (alive.length > maxClasses || pairCount > maxPairs) return null
  const chains = reachableChains(maker.chains, uses.keys(), inOrder)
  if (chains.length > maxChains) return null
  const sources = new Map<number, Target>()
  const destinations = new Map<number, Target>()
  for (const {numbers, out, into} of alive) {
    for (const number of numbers) {
      sources.set(number, out ?? 'unowned')
      destinations.set(number, into ?? 'unowned')
    }
  }
  return {pairs, pairCount, sources, destinations, chains}
}

/** What a packet between two numbers is led to. */
export const targetBetween = (verdicts: Verdicts, from: number, to: number): Target =>
  verdicts.pairs.get(from)?.get(to) ?? bareTarget(verdicts, from, to)

/** What the chains `judge_sources` and `judge_destinations` say of a pair that `pairs` does not have. */
export function bareTarget(
  {sources, destinations}: Pick<Verdicts, 'sources' | 'destinations'>,
  from: number,
  to: number,
): Target {
  const out = sources.get(from) ?? DENY_UNOWNED
  if (out !== 'passed' && out !== 'unowned') return out
  const into = destinations.get(to) ?? DENY_UNOWNED
  if (into !== 'unowned') return into
  return out === 'passed' ? ALLOWED : DENY_UNOWNED
}
