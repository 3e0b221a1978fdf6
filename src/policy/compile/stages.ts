import type {NftChain, NftSet} from '../../model/index.ts'
import type {Transit} from '../classes/index.ts'
import {type BesideMaps, cidrSets, endSets, hostSets, judgeChains, pairSet, targetSets} from './nft-tables.ts'
import {bareTarget, type Verdicts} from './pairs.ts'
import type {TargetNumbers} from './target-numbers.ts'
import {nftChains, type Target, type VerdictChain} from './verdict-chains.ts'

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
  readonly targets: TargetNumbers
}

type ClassMaps = Pick<Verdicts, 'pairs' | 'sources' | 'destinations'>

/** What stages are put together of. */
export interface Way {
  /** Sets under the names of those proper, with what they hold until the verdicts have changed over, and after. */
  readonly starts: readonly NftSet[]
  readonly ends: readonly NftSet[]
  /** What changes over: of pairs, and of what the ends say by themselves. */
  readonly flip: ClassMaps
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
 *     3  rules ask the maps `flip…` first, which have whatever changes: verdicts are the new
 *     4  the maps proper become those of the new policy, for transit numbers too
 *     5  rules ask the maps proper again; after it what is left of the way goes
 *
 * Between two of them a packet that came before must have left. Nothing to do where nobody's verdict changes. Where the
 * maps of the way would have more than `maxPairs` entries there are no stages: the change is one transaction, in which a
 * packet may be judged half by the old and half by the new.
 */
export function assembleStages(before: WayEnd, after: WayEnd, {starts, ends, flip, transit}: Way): Stage[] {
  const {targets} = after
  const moving = isMoving(transit)
  const regions = new Map(cidrSets(transit.regions, '_way').map((set) => [set.name, set]))
  const ofTheWay = [
    ...(moving ? hostSets(transit.hosts, 'move') : []),
    ...(transit.regionsMove ? regions.values() : []),
    pairSet(flip.pairs, targets, 'flip'),
    ...endSets(flip, targets, 'flip'),
  ]
  const chains = union(before.verdicts.chains, after.verdicts.chains)
  const printed = nftChains(chains)
  const counters = [...new Set([...before.counters, ...after.counters])].sort()
  ofTheWay.push(...targetSets(chains, counters, targets))
  const stage = (sets: Iterable<NftSet>, beside: BesideMaps): Stage => ({
    sets: new Map([...sets].map((set) => [set.name, set])),
    chains: judgeChains(printed, counters, beside),
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
  const pairs = flipped(starts, ends, new Set(transit.from.keys()))
  const flip = {pairs, ...flippedEnds(starts, ends)}
  if (!isMoving(transit) && isNothing(flip)) return []
  const {targets} = after
  return assembleStages(before, after, {
    starts: [pairSet(starts.pairs, targets), ...endSets(starts, targets)],
    ends: [pairSet(ends.pairs, targets), ...endSets(ends, targets)],
    flip,
    transit,
  })
}

/** By number: itself where a map must go on knowing it, and the transit numbers that stand for it. */
function namesakes(of: ReadonlyMap<number, number>, own: ReadonlySet<number>): ReadonlyMap<number, readonly number[]> {
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

export const isNothing = ({pairs, sources, destinations}: ClassMaps): boolean =>
  pairs.size + sources.size + destinations.size === 0

/** What the ends say by themselves, where it is something else than before. */
export function flippedEnds(starts: Ends, ends: Ends): Ends {
  const flip = (before: ReadonlyMap<number, Target>, after: ReadonlyMap<number, Target>): Map<number, Target> =>
    new Map([...after].filter(([number, target]) => before.get(number) !== target))
  return {sources: flip(starts.sources, ends.sources), destinations: flip(starts.destinations, ends.destinations)}
}

function union(a: readonly VerdictChain[], b: readonly VerdictChain[]): VerdictChain[] {
  return [...new Map([...a, ...b].map((chain) => [chain.name, chain])).values()]
}
