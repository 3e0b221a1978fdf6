import type {NftSet} from '../../model/index.ts'
import type {Transit} from '../classes/index.ts'
import type {Journal} from './change-pairs.ts'
import {endSets, pairKey} from './nft-tables.ts'
import {overlay} from './overlay.ts'
import {bareTarget, type Verdicts} from './pairs.ts'
import {assembleStages, flippedEnds, isMoving, isNothing, type Stage, type WayEnd} from './stages.ts'
import {successors} from './successors.ts'
import {type TargetNumbers, targetText} from './target-numbers.ts'
import type {Target} from './verdict-chains.ts'

/** A table that was changed in place, and what it was. */
export interface ChangedTable {
  readonly before: WayEnd
  readonly after: WayEnd
  /** What pairs had before. */
  readonly journal: Journal
  /** Of the set `pairs`: what it is now, with the keys that changed since the one in force. */
  readonly pairs: NftSet
}

type Pairs = ReadonlyMap<number, ReadonlyMap<number, Target | undefined>>

/**
 * The way from a table to what it was changed to, at the price of what changed: the large map of
 * pairs is told by its differences. Gives the set `pairs` too, which then goes on from that of the last stage.
 */
export function stagesAlong(
  {before, after, journal, pairs}: ChangedTable,
  transit: Transit,
  maxPairs: number,
): {readonly stages: Stage[]; readonly pairs: NftSet} {
  const nothing = {stages: [], pairs}
  const now = after.verdicts.pairs
  const was: LookUp = (from, to) => {
    const row = journal.get(from)
    return row?.has(to) ? row.get(to) : now.get(from)?.get(to)
  }
  const startOf: LookUp = (from, to) => was(transit.from.get(from) ?? from, transit.from.get(to) ?? to)
  const endOf: LookUp = (from, to) => now.get(transit.to.get(from) ?? from)?.get(transit.to.get(to) ?? to)

  const startsExtra = namesakePairs(transit.from, now, journal)
  const endsExtra = namesakePairs(transit.to, now, new Map())
  const changed = unite(unite(startsExtra, endsExtra), journal)
  const ends = {
    sources: withNamesakes(after.verdicts.sources, transit.to),
    destinations: withNamesakes(after.verdicts.destinations, transit.to),
  }
  const starts = {
    sources: withNamesakes(before.verdicts.sources, transit.from),
    destinations: withNamesakes(before.verdicts.destinations, transit.from),
  }
  const {targets} = after
  const startPatch = patchOf(changed, startOf, targets)
  const endPatch = patchOf(endsExtra, endOf, targets)
  const [startPairs, endPairs] = [overlay(pairs.elements, startPatch), overlay(pairs.elements, endPatch)]
  if (startPairs.size + endPairs.size > 2 * maxPairs) return nothing

  const flip = new Map<number, Map<number, Target>>()
  for (const [from, row] of changed) {
    for (const to of row) {
      const bare = bareTarget(ends, from, to)
      const wanted = endOf(from, to) ?? bare
      if ((startOf(from, to) ?? bare) === wanted) continue
      const flips = flip.get(from)
      if (flips) flips.set(to, wanted)
      else flip.set(from, new Map([[to, wanted]]))
    }
  }
  const flips = {pairs: flip, ...flippedEnds(starts, ends)}
  if (!isMoving(transit) && isNothing(flips)) return nothing

  const inForce = pairs.since!.version
  const startKeys = [...new Set([...startPatch.keys(), ...pairs.since!.keys])]
  const startSet: NftSet = {...pairs, elements: startPairs, version: {}, since: {version: inForce, keys: startKeys}}
  const endSet: NftSet = {
    ...pairs,
    elements: endPairs,
    version: {},
    since: {version: startSet.version!, keys: [...new Set([...startKeys, ...endPatch.keys()])]},
  }
  const startEnds = successors(before.sets, endSets(starts, targets))
  const stages = assembleStages(before, after, {
    starts: [startSet, ...startEnds],
    ends: [endSet, ...successors(new Map(startEnds.map((set) => [set.name, set])), endSets(ends, targets))],
    flip: flips,
    transit,
  })
  return {stages, pairs: {...pairs, since: {version: endSet.version!, keys: [...endPatch.keys()]}}}
}

type LookUp = (from: number, to: number) => Target | undefined
type Keys = Map<number, Set<number>>

/** Pairs of numbers that stand for others for a while, where these have a verdict now or had one. */
function namesakePairs(of: ReadonlyMap<number, number>, now: Verdicts['pairs'], journal: Journal): Keys {
  const names = new Map<number, number[]>()
  const named = new Map<number, number[]>()
  for (const [number, original] of of) {
    if (number === original) continue
    names.set(original, [...(names.get(original) ?? []), number])
  }
  const namesOf = (number: number): readonly number[] => {
    let own = named.get(number)
    if (!own) {
      own = [number, ...(names.get(number) ?? [])]
      named.set(number, own)
    }
    return own
  }
  const keys: Keys = new Map()
  const addRow = (from: number, to: Iterable<number>): void => {
    for (const original of to) {
      for (const a of names.get(from) ?? []) for (const b of namesOf(original)) addKey(keys, a, b)
    }
  }
  const addColumns = (from: number, row: {has: (to: number) => boolean}): void => {
    for (const [original, own] of names) {
      if (!row.has(original)) continue
      for (const a of namesOf(from)) for (const b of own) addKey(keys, a, b)
    }
  }
  if (names.size === 0) return keys
  const each = (pairs: Pairs): void => {
    for (const [from, row] of pairs) {
      if (names.has(from)) addRow(from, row.keys())
      addColumns(from, row)
    }
  }
  each(now)
  each(journal)
  return keys
}

function addKey(keys: Keys, from: number, to: number): void {
  const row = keys.get(from)
  if (row) row.add(to)
  else keys.set(from, new Set([to]))
}

function unite(a: Keys, b: ReadonlyMap<number, {keys: () => Iterable<number>}>): Keys {
  for (const [from, row] of b) for (const to of row.keys()) addKey(a, from, to)
  return a
}

function patchOf(keys: Keys, targetOf: LookUp, targets: TargetNumbers): Map<string, string | undefined> {
  const patch = new Map<string, string | undefined>()
  for (const [from, row] of keys) {
    for (const to of row) {
      const target = targetOf(from, to)
      patch.set(pairKey(from, to), target && targetText(targets, target))
    }
  }
  return patch
}

function withNamesakes<T>(all: ReadonlyMap<number, T>, of: ReadonlyMap<number, number>): Map<number, T> {
  const wide = new Map(all)
  for (const [number, original] of of) {
    const value = all.get(original)
    if (number !== original && value !== undefined) wide.set(number, value)
  }
  return wide
}
