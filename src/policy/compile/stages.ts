import type {NftChain, NftSet} from '../../model/index.ts'
import type {Transit} from '../classes/index.ts'
import {type BesideMaps, cidrSets, endSets, hostSets, judgeChains, pairSet, targetSets} from './nft-tables.ts'
import type {Verdicts} from './pairs.ts'
import {successors} from './successors.ts'
import type {TargetNumbers} from './target-numbers.ts'
import {nftChains, type Target, type VerdictChain} from './verdict-chains.ts'
import {WATCH_ALL, type Watch} from './watched.ts'

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
  readonly watch: Watch | null
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
 *
 * On the way every flow that is judged is watched (`watched.ts`): what a transit number stands for need not be known.
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
  ofTheWay.push(...successors(before.sets, targetSets(chains, counters, targets)))
  const watch = before.watch || after.watch ? WATCH_ALL : null
  const stage = (sets: Iterable<NftSet>, beside: BesideMaps): Stage => ({
    sets: new Map([...sets].map((set) => [set.name, set])),
    chains: judgeChains(printed, counters, watch, beside),
    counters,
  })
  const none = {hosts: false, regions: false, verdicts: false}
  const moved = {hosts: moving, regions: transit.regionsMove, verdicts: false}
  const turned = {...moved, verdicts: true}
  const old = [...unwatchedSets(before), ...starts, ...ofTheWay]
  const now = [...unwatchedSets(after), ...ends, ...ofTheWay]
  return [
    stage(old, none),
    ...(moving ? [stage(old, moved)] : []),
    stage(old, turned),
    stage(now, turned),
    stage(now, none),
  ]
}

function unwatchedSets({sets, watch}: WayEnd): NftSet[] {
  const names = new Set(watch?.sets.map(({name}) => name))
  return [...sets.values()].filter(({name}) => !names.has(name))
}

export const isMoving = ({regionsMove, hosts}: Transit): boolean => regionsMove || hosts.size > 0

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
