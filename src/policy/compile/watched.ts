import {
  type Direction,
  markText,
  type NftChain,
  type NftSet,
  type Policy,
  UNWATCHED_MARK,
  WATCHED,
  WATCHED_MARK,
} from '../../model/index.ts'
import {classText, pairKey} from './nft-tables.ts'
import type {ClassEnds, PairTable} from './pair-table.ts'
import {type Program, programTarget, type SubjectPrograms, subjectPrograms} from './programs.ts'
import {type StagedPlaces, stagedPlaces} from './staged-places.ts'
import {type ChainMaker, chainMaker, nftChains, reachableChains, type Target} from './verdict-chains.ts'

/**
 * Which flows staged policies would deny, in chains that decide nothing: they say it in the flow's mark, and `allowed`
 * lets a flow that is marked so go without trust. So all its packets are judged, and counted.
 *
 *     judge_pair ─ jump ─► watch: would the source's egress deny? ─► watch_ingress: the destination's? ─► unwatched
 *                                     └────────────► watched ◄───────────┘
 *
 * What is denied anyway may be marked too: no packet of it comes to `allowed`. Classes that no staged policy would come to
 * govern, and peers towards whom its rules are what is in force, are in no map.
 */
export interface Watch {
  readonly sets: readonly NftSet[]
  readonly chains: readonly NftChain[]
}

export interface WatchBounds {
  /** Entries of pairs: the kernel follows each with every rule that is added. */
  readonly maxEntries: number
  /** Pairs of classes that are looked at, with each change of policies or classes. */
  readonly maxLooks: number
}

export const WATCH_BOUNDS: WatchBounds = {maxEntries: 16_384, maxLooks: 500_000}

const UNWATCHED = 'unwatched'
const WATCH_INGRESS = 'watch_ingress'
/** A packet that tells of a flow has that flow's mark, and is of another protocol. */
const OWN_FLOW = 'ct state related,invalid return'

const chain = (name: string, rules: readonly string[]): NftChain => ({name, hook: null, rules})
const MARKS: readonly NftChain[] = [
  chain(WATCHED, [`ct mark set ${WATCHED_MARK}`]),
  chain(UNWATCHED, [`ct mark ${WATCHED_MARK} ct mark set ${UNWATCHED_MARK}`]),
]

/** For the way from one policy to another, on which numbers may stand for others: whatever is judged is watched. */
export const WATCH_ALL: Watch = {sets: [], chains: [chain('watch', [OWN_FLOW, `goto ${WATCHED}`]), MARKS[0]!]}

/** null: there is nothing to watch. */
export function watchOf(
  staged: readonly Policy[],
  table: PairTable,
  bounds: WatchBounds = WATCH_BOUNDS,
): Watch | 'too-large' | null {
  const places = stagedPlaces(staged)
  if (!places) return null
  const {once, chains, make} = chainMaker('w')
  // Nothing is logged that only would be.
  const maker: ChainMaker = {
    ...{once, chains},
    make: (rules, otherwise) =>
      make(
        rules.filter(({target}) => target !== undefined),
        otherwise,
      ),
  }
  const budget = {entries: bounds.maxEntries, looks: bounds.maxLooks}
  const egress = watchWay('egress', table, places, {maker, pass: WATCH_INGRESS, budget})
  const ingress = egress && watchWay('ingress', table, places, {maker, pass: UNWATCHED, budget})
  if (!ingress) return 'too-large'
  const all = [...egress.sets, ...ingress.sets]
  if (all.length === 0) return null
  const targets = all.flatMap(({elements}) => [...elements.values()].map((verdict) => verdict.replace('goto ', '')))
  return {
    sets: all,
    chains: [
      chain('watch', [OWN_FLOW, ...egress.rules, `goto ${WATCH_INGRESS}`]),
      chain(WATCH_INGRESS, [...ingress.rules, `goto ${UNWATCHED}`]),
      ...MARKS,
      ...nftChains(reachableChains(chains, new Set(targets), true)).values(),
    ],
  }
}

interface WayOptions {
  readonly maker: ChainMaker
  /** Where a packet goes that this direction would let pass. */
  readonly pass: Target
  readonly budget: {entries: number; looks: number}
}

/**
 * What one direction would say, by subject, and by pair where it says something else of the peer; null: past the bounds.
 *
 * The subject's own entry is what holds for most of its peers, since a rule for whomever makes a pair of each.
 */
function watchWay(
  direction: Direction,
  table: PairTable,
  places: StagedPlaces,
  {maker, pass, budget}: WayOptions,
): {readonly sets: readonly NftSet[]; readonly rules: readonly string[]} | null {
  const isEgress = direction === 'egress'
  const [byPair, bySubject] = [new Map<string, string>(), new Map<string, string>()]
  const otherwise = table.default === 'allow' ? pass : WATCHED
  const targetOf = (program: Program): Target => programTarget(program, maker, {allow: pass, deny: WATCHED, otherwise})
  /** null: whatever; it is denied now. */
  const wouldBe = remembered((would, now): Target | null => {
    if (would === now) return pass
    return targetOf(now) === WATCHED ? null : targetOf(would)
  })
  const goto = (target: Target): string => `goto ${target}`

  for (const end of table.ends) {
    const now = end?.[direction]
    if (!end || !now || !places.isTouched(end.own, direction)) continue
    const subject = {...end.own, [direction]: places.policiesOf(end.own, direction)}
    const would = subjectPrograms(table.programs, direction, subject, table.peers)
    const {usual, others} = byTarget(would, now, wouldBe, table.peers.all[end.own.family], pass)
    budget.looks -= others.size + 1
    if (budget.looks < 0) return null
    if (usual !== pass) {
      const text = isEgress ? markText : classText
      for (const number of end.numbers) bySubject.set(text(number), goto(usual))
    }
    for (const [peer, target] of others) {
      const other = table.ends[peer]
      if (!other || target === null || target === usual) continue
      for (const [from, to] of numberPairs(isEgress ? [end, other] : [other, end])) {
        byPair.set(pairKey(from, to), goto(target))
      }
    }
    if (byPair.size > budget.entries) return null
  }
  budget.entries -= byPair.size

  const [pairs, subjects] = isEgress ? ['watch_out', 'watch_sources'] : ['watch_in', 'watch_destinations']
  const map = (name: string, key: string, elements: Map<string, string>): NftSet[] =>
    elements.size === 0 ? [] : [{name, key, value: 'verdict', interval: false, elements, version: {}}]
  const sets = [...map(pairs!, 'mark . classid', byPair), ...map(subjects!, isEgress ? 'mark' : 'classid', bySubject)]
  const asked = (name: string): string =>
    name === pairs ? 'meta mark . meta priority' : `meta ${isEgress ? 'mark' : 'priority'}`
  return {sets, rules: sets.map(({name}) => `${asked(name)} vmap @${name}`)}
}

/** What most peers have, and what each of the others has: those that no rule means, now or then, have one in common. */
function byTarget(
  would: SubjectPrograms,
  now: SubjectPrograms,
  wouldBe: (would: Program, now: Program) => Target | null,
  peers: ReadonlySet<number>,
  pass: Target,
): {readonly usual: Target; readonly others: ReadonlyMap<number, Target | null>} {
  const others = new Map<number, Target | null>()
  const counts = new Map<Target, number>()
  const count = (target: Target | null, times: number): void => {
    if (target !== null) counts.set(target, (counts.get(target) ?? 0) + times)
  }
  for (const programs of [would, now]) {
    for (const peer of programs.byPeer.keys()) {
      if (others.has(peer)) continue
      const target = wouldBe(would.byPeer.get(peer) ?? would.bare, now.byPeer.get(peer) ?? now.bare)
      others.set(peer, target)
      count(target, 1)
    }
  }
  const bare = wouldBe(would.bare, now.bare)
  count(bare, peers.size - others.size)
  const [most] = [...counts].sort(([a, some], [b, more]) => more - some || (a < b ? -1 : 1))
  const usual = most?.[0] ?? pass
  if (bare !== null && bare !== usual) for (const peer of peers) if (!others.has(peer)) others.set(peer, bare)
  return {usual, others}
}

function* numberPairs([source, destination]: readonly [ClassEnds, ClassEnds]): Generator<readonly [number, number]> {
  for (const from of source.numbers) for (const to of destination.numbers) yield [from, to]
}

function remembered(work: (would: Program, now: Program) => Target | null): typeof work {
  const known = new Map<number, Map<number, Target | null>>()
  return (would, now) => {
    let row = known.get(would.id)
    if (!row) {
      row = new Map()
      known.set(would.id, row)
    }
    let target = row.get(now.id)
    if (target === undefined) {
      target = work(would, now)
      row.set(now.id, target)
    }
    return target
  }
}
