import type {NftSet, World} from '../../model/index.ts'
import {type Address, isHostPrefix, type Prefix} from '../../net/index.ts'
import {
  addNets,
  addressesOf,
  type ChangedMembers,
  changeQuestions,
  classRegions,
  movesOf,
  type Numbering,
  numberedRegions,
  numberFresh,
  reclassify,
  requestion,
  transitBetween,
} from '../classes/index.ts'
import {changedPolicies, type Understood} from './active-policies.ts'
import {addClasses, changePairs, type Journal, listNothing, rollBack} from './change-pairs.ts'
import {
  type Compiled,
  type CompileState,
  countersOf,
  type LiveTables,
  smallSets,
  statisticsOf,
  watchFor,
} from './compiled.ts'
import {changeElements, cidrSets, judgeChains, moveHosts, pairKey} from './nft-tables.ts'
import type {Bounds, PairTable} from './pair-table.ts'
import {tableVerdicts, type Verdicts} from './pairs.ts'
import type {WayEnd} from './stages.ts'
import {stagesAlong} from './stages-along.ts'
import {successors} from './successors.ts'
import {type TargetNumbers, targetText} from './target-numbers.ts'
import {udpPortsOf} from './udp-ports.ts'
import {nftChains} from './verdict-chains.ts'

/** More of what is of no use any more than this, and of what was made anew at first, and all is made anew. */
const MOST_WASTE = 20_000

/**
 * Goes on from the last result to changed policies and members, at the price of what they touch: new questions are
 * asked of every attribute set, and the classes whose answers differ change; pairs are worked out for the subjects that
 * a changed policy governs, and for classes that are new.
 *
 * Null where that will not do, since tiers changed or too much has gathered that is of no use any more.
 */
export function follow(
  previous: Compiled,
  world: World,
  changes: ReadonlyMap<Prefix, ChangedMembers>,
  bounds: Bounds,
): Compiled | 'too-large' | null {
  const {state} = previous
  const {live} = state
  if (!live || isWasteful(live, state.understood)) return null
  const policies =
    state.understood.policies === world.policies && state.understood.staged === world.staged
      ? {understood: state.understood, gone: [], come: []}
      : changedPolicies(state.understood, world.policies, world.staged)
  if (!policies) return null
  // Whatever breaks off from here leaves tables that nobody must go on with.
  state.live = null
  const samePolicies = policies.gone.length + policies.come.length === 0
  const {classified, pairs: table} = live
  const {understood} = policies
  const journal: Journal = new Map()

  // Members first, by the questions that there were: policies then only part and join what is in the table.
  const placed = reclassify(classified, world, changes)
  let numbering = numberFresh(classified, state.numbering)
  const {book} = classified
  const fresh: number[] = []
  for (let index = table.ends.length; index < book.classes.length; index++) fresh.push(index)
  if (fresh.length > 0) addClasses(table, classified, numbering, fresh, journal)
  let moved: ReadonlySet<number> = new Set()
  if (!samePolicies) {
    addNets(classified, world)
    const change = requestion(book, changeQuestions(book.questions, understood.catalog, policies.gone, policies.come))
    numbering = numberFresh(classified, numbering)
    changePairs(table, classified, numbering, change, policies, journal)
    classified.regions = classRegions(book)
    moved = change.moved
  }
  listNothing(table, classified, numbering, journal)
  const moves = movesOf(classified, state.numbering, numbering, new Set([...placed, ...addressesOf(classified, moved)]))
  const wide = [...changes.keys()].some((prefix) => !isHostPrefix(prefix))
  if (wide || !samePolicies) numbering = {...numbering, regions: numberedRegions(classified, numbering.numbers)}

  const sameVerdicts = samePolicies && fresh.length === 0 && journal.size === 0
  const verdicts = sameVerdicts ? previous.verdicts : tableVerdicts(table, bounds, false)
  if (!verdicts) {
    rollBack(table, journal)
    return 'too-large'
  }

  const next: CompileState = {
    ...state,
    understood,
    live,
    numbering,
    attributes: world.attributes,
    memberRevision: world.memberRevision,
  }
  const hosts = moveHosts(previous.sets, moves)
  if (sameVerdicts && !wide) {
    for (const [address, {to}] of moves) carryOut(numbering, address, to)
    const statistics = {...previous.statistics, endpoints: book.endpoints.size}
    return {...previous, sets: withSets(previous.sets, hosts.after), stages: [], statistics, state: next}
  }

  const counters = countersOf(state.sites, table)
  const {targets, stagedPackets} = state
  const {watch, findings} = watchFor(understood, table, stagedPackets)
  const pairs = changedPairs(previous.sets.get('pairs')!, table.pairs, journal, targets)
  const before: WayEnd = {...previous, targets, sets: withSets(previous.sets, hosts.before)}
  const small = smallSets(verdicts, counters, targets)
  const sets = withSets(without(previous.sets, previous.watch?.sets), [
    ...hosts.after,
    ...successors(previous.sets, [...cidrSets(numbering.regions), ...small, ...(watch?.sets ?? [])]),
  ])
  const after: WayEnd = {sets, counters, verdicts, targets, watch}
  // With classes that only came up all that comes is new elements; nothing in force changes its meaning.
  const mixes = !samePolicies || wide
  const transit = mixes ? transitBetween(state.numbering, numbering, moves, livingNumbers(table)) : null
  const staged = transit && stagesAlong({before, after, journal, pairs}, transit, bounds.maxPairs)
  for (const [address, {to}] of moves) carryOut(numbering, address, to)
  const last = staged?.stages.at(-1)
  return {
    sets: withSets(sets, [staged?.pairs ?? pairs, ...(last ? successors(last.sets, small) : [])]),
    chains: judgeChains(nftChains(verdicts.chains), counters, watch),
    counters,
    stages: staged?.stages ?? [],
    findings,
    watch,
    statistics: statisticsOf(live, verdicts),
    verdicts,
    udpPorts: watch ? null : udpPortsOf(verdicts, targets, previous.udpPorts),
    isShut: false,
    state: transit ? {...next, numbering: {...numbering, next: transit.next}} : next,
  }
}

function isWasteful({classified, pairs, madeWith}: LiveTables, {catalog}: Understood): boolean {
  const beyond = (now: number, then: number): boolean => now > 2 * then + MOST_WASTE
  return (
    beyond(classified.book.compositions.length, madeWith.classes) ||
    beyond(pairs.programs.size, madeWith.programs) ||
    beyond(catalog.selectors.length + catalog.conditions.length, madeWith.questions)
  )
}

function carryOut({hosts}: Numbering, address: Address, to: number | undefined): void {
  if (to === undefined) hosts.delete(address)
  else hosts.set(address, to)
}

function livingNumbers({ends}: PairTable): (number: number) => boolean {
  const living = new Set(ends.flatMap((end) => end?.numbers ?? []))
  return (number) => living.has(number)
}

const withSets = (sets: ReadonlyMap<string, NftSet>, changed: readonly NftSet[]): ReadonlyMap<string, NftSet> =>
  new Map([...sets, ...changed.map((set) => [set.name, set] as const)])

function without(sets: ReadonlyMap<string, NftSet>, gone: readonly NftSet[] = []): ReadonlyMap<string, NftSet> {
  const names = new Set(gone.map(({name}) => name))
  return names.size === 0 ? sets : new Map([...sets].filter(([name]) => !names.has(name)))
}

function changedPairs(set: NftSet, pairs: Verdicts['pairs'], journal: Journal, targets: TargetNumbers): NftSet {
  const now = new Map<string, string | undefined>()
  for (const [from, row] of journal) {
    for (const to of row.keys()) {
      const target = pairs.get(from)?.get(to)
      now.set(pairKey(from, to), target && targetText(targets, target))
    }
  }
  return changeElements(set, now).after
}
