import type {NftChain, NftSet} from '../../model/index.ts'
import type {Transit} from '../classes/index.ts'
import {type BesideMaps, cidrSets, endSets, hostSets, judgeChains, pairSet} from './nft-tables.ts'
import {bareTarget, type Verdicts} from './pairs.ts'
import type {Target, VerdictChain} from './verdict-chains.ts'

/** A policy part that is in force for a moment on the way to the next. */
export interface Stage {
  readonly sets: ReadonlyMap<string, NftSet>
  readonly chains: ReadonlyMap<string, NftChain>
  readonly counters: readonly string[]
}

/** What the way needs to know of its two ends. */
export interface WayEnd {
  readonly sets: ReadonlyMap<string, NftSet>
  readonly counters: readonly string[]
  readonly verdicts: Verdicts
}

export type ClassMaps = Pick<Verdicts, 'pairs' | 'sources' | 'destinations'>

/** What stages are put together of. */
export interface Way {
  /** Sets under the names of those proper, with what they hold until the verdicts have changed over, and after. */
  readonly starts: readonly NftSet[]
  readonly ends: readonly NftSet[]
  readonly flip: ReadonlyMap<number, ReadonlyMap<number, Target>>
  /** What the ends say by themselves when verdicts have changed over, to transit numbers too. */
  readonly endsNow: Pick<Verdicts, 'sources' | 'destinations'>
  readonly transit: Transit
}

/**
 * The way from one policy to the next, on which no packet gets a verdict that neither of them gives.
 *
 * The kernel judges a packet by the rules that were in force when it came, but each look-up sees the elements of its
 * own moment, and an element that changes may be missed (a few ten nanoseconds). So rules change over, from maps that
 * are complete to maps that are complete, and elements only change where no rule looks or another map answers first:
 *
 *     1  the maps of the way are there, beside the old ones; new numbers have the verdicts of the old
 *     2  rules ask the way's maps first: addresses bear their transit numbers, verdicts are the old
 *     3  rules ask `flip` first, which has every pair that changes: verdicts are the new
 *     4  the maps proper become those of the new policy, for transit numbers too
 *     5  rules ask the maps proper again; after it what is left of the way goes
 *
 * Between two of them a packet that came before must have left. Nothing to do where nobody's verdict changes. Where the
 * maps of the way would have more than `maxPairs` entries there are no stages: the change is one transaction, in which a
 * packet may be judged half by the old and half by the new.
 */
export function assembleStages(before: WayEnd, after: WayEnd, {starts, ends, flip, endsNow, transit}: Way): Stage[] {
  const moving = isMoving(transit)
  const regions = new Map(cidrSets(transit.regions, '_way').map((set) => [set.name, set]))
  const ofTheWay = [
    ...(moving ? hostSets(transit.hosts, 'move') : []),
    ...(transit.regionsMove ? regions.values() : []),
    pairSet(flip, 'flip'),
    ...endSets(endsNow, '_way'),
  ]
  const chains = union(before.verdicts.chains, after.verdicts.chains)
  const counters = [...new Set([...before.counters, ...after.counters])].sort()
  const stage = (sets: Iterable<NftSet>, beside: BesideMaps): Stage => ({
    sets: new Map([...sets].map((set) => [set.name, set])),
    chains: new Map(judgeChains(chains, counters, beside).map((chain) => [chain.name, chain])),
    counters,
  })
  const none = {hosts: false, regions: false, verdicts: false}
  const moved = {hosts: moving, regions: transit.regionsMove, verdicts: false}
  const turned = {...moved, verdicts: true}
  const old = [...before.sets.values(), ...starts, ...ofTheWay]
  const now = [...after.sets.values(), ...ends, ...ofTheWay]
  return [
    stage(old, none),
    ...(moving ? [stage(old, moved)] : []),
    stage(old, turned),
    stage(now, turned),
    stage(now, none),
  ]
}

export const isMoving = ({regionsMove, hosts}: Transit): boolean => regionsMove || hosts.size > 0

/** The way between two tables of which nothing else is known. */
export function stagesBetween(before: WayEnd, after: WayEnd, transit: Transit, maxPairs: number): Stage[] {
  const startNames = namesakes(transit.from, new Set(before.verdicts.sources.keys()))
  const endNames = namesakes(transit.to, new Set(after.verdicts.sources.keys()))
  if (pairsOf(before.verdicts, startNames) + pairsOf(after.verdicts, endNames) > 2 * maxPairs) return []
  const starts = expanded(before.verdicts, startNames)
  const ends = expanded(after.verdicts, endNames)
  const flip = flipped(starts, ends, new Set(transit.from.keys()))
  if (!isMoving(transit) && flip.size === 0 && sameTargets(before.verdicts, after.verdicts)) return []
  return assembleStages(before, after, {
    starts: [pairSet(starts.pairs), ...endSets(starts)],
    ends: [pairSet(ends.pairs), ...endSets(ends)],
    flip,
    endsNow: ends,
    transit,
  })
}

/** By number: itself where a map must go on knowing it, and the transit numbers that stand for it. */
export function namesakes(
  of: ReadonlyMap<number, number>,
  own: ReadonlySet<number>,
): ReadonlyMap<number, readonly number[]> {
  const lists = new Map<number, number[]>([...own].map((number) => [number, [number]]))
  for (const [number, original] of of) if (number !== original) lists.get(original)?.push(number)
  return lists
}

/** Size of `pairs` after `expanded`, which it would take memory to try. */
function pairsOf({pairs}: ClassMaps, names: ReadonlyMap<number, readonly number[]>): number {
  const times = (number: number): number => names.get(number)?.length ?? 1
  let count = 0
  for (const [from, row] of pairs) for (const to of row.keys()) count += times(from) * times(to)
  return count
}

function expanded(verdicts: ClassMaps, names: ReadonlyMap<number, readonly number[]>): ClassMaps {
  const of = (number: number): readonly number[] => names.get(number) ?? [number]
  const pairs = new Map<number, Map<number, Target>>()
  for (const [from, row] of verdicts.pairs) {
    const wide = new Map([...row].flatMap(([to, target]) => of(to).map((number) => [number, target] as const)))
    for (const number of of(from)) pairs.set(number, wide)
  }
  const each = <T>(map: ReadonlyMap<number, T>): Map<number, T> =>
    new Map([...map].flatMap(([number, value]) => of(number).map((name) => [name, value] as const)))
  return {pairs, sources: each(verdicts.sources), destinations: each(verdicts.destinations)}
}

/** Pairs whose verdict is not what the old pairs and the new ends of `sources` and `destinations` say together. */
function flipped(starts: ClassMaps, ends: ClassMaps, alive: ReadonlySet<number>): Map<number, Map<number, Target>> {
  const flip = new Map<number, Map<number, Target>>()
  for (const from of alive) {
    const [old, now] = [starts.pairs.get(from), ends.pairs.get(from)]
    for (const to of new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])])) {
      if (!alive.has(to)) continue
      const bare = bareTarget(ends, from, to)
      const wanted = now?.get(to) ?? bare
      if ((old?.get(to) ?? bare) === wanted) continue
      const row = flip.get(from)
      if (row) row.set(to, wanted)
      else flip.set(from, new Map([[to, wanted]]))
    }
  }
  return flip
}

type Ends = Pick<Verdicts, 'sources' | 'destinations'>

export function sameTargets(a: Ends, b: Ends): boolean {
  const same = (x: ReadonlyMap<number, string>, y: ReadonlyMap<number, string>): boolean =>
    [...x].every(([number, target]) => y.get(number) === target || !y.has(number))
  return same(a.sources, b.sources) && same(a.destinations, b.destinations)
}

function union(a: readonly VerdictChain[], b: readonly VerdictChain[]): VerdictChain[] {
  return [...new Map([...a, ...b].map((chain) => [chain.name, chain])).values()]
}
