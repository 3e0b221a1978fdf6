import type {Direction} from '../../model/index.ts'
import {
  type ActivePolicy,
  type ClassChange,
  type Classified,
  isAlive,
  type Numbering,
  nothingClass,
} from '../classes/index.ts'
import {pairKey} from './nft-tables.ts'
import {type ClassEnds, classEnds, numbersOf, type PairTable, pairTarget, setPair, withPrograms} from './pair-table.ts'
import {addPeer, programsTowards, removePeer, type SubjectPrograms, subjectPrograms} from './programs.ts'
import type {Target} from './verdict-chains.ts'

/** What pairs had before, for each that is another now; undefined: none. By numbers, source, then destination. */
export type Journal = Map<number, Map<number, Target | undefined>>

/** What pairs had in one table, where another has something else. */
export function journalBetween(before: Pairs, after: Pairs): Journal {
  const journal: Journal = new Map()
  const compare = (from: number, to: number): void => {
    const was = before.get(from)?.get(to)
    if (was !== after.get(from)?.get(to)) note(journal, from, to, was)
  }
  for (const pairs of [before, after]) for (const [from, row] of pairs) for (const to of row.keys()) compare(from, to)
  return journal
}

/** The keys of the set `pairs` that a journal speaks of. */
export const pairKeys = (journal: Journal): string[] =>
  [...journal].flatMap(([from, row]) => [...row.keys()].map((to) => pairKey(from, to)))

type Pairs = ReadonlyMap<number, ReadonlyMap<number, Target>>

/** Puts a table back to what it was. It can be read again, but not be gone on with. */
export function rollBack(table: PairTable, journal: Journal): void {
  for (const [from, row] of journal) {
    for (const [to, target] of row) setPair(table, {numbers: [from]}, {numbers: [to]}, target)
  }
}

/**
 * Brings the table to changed policies, in place; `journal` gets what pairs had before.
 *
 * Classes that are told otherwise only by what came and went have the programs that they had, but those governed by a
 * policy that came or went: so parts of a class begin as copies of it, and only those subjects are worked out anew.
 */
export function changePairs(
  table: PairTable,
  classified: Classified,
  numbering: Numbering,
  {altered, split, dead}: ClassChange,
  policies: {readonly gone: readonly ActivePolicy[]; readonly come: readonly ActivePolicy[]},
  journal: Journal,
): void {
  const {classes, book} = classified
  const {ends, peers} = table
  const before = (index: number) => altered.get(split.get(index) ?? index) ?? classes[split.get(index) ?? index]!
  const touched = subjectsOf(policies)
  const toldAnew = {egress: [] as number[], ingress: [] as number[]}

  for (const [index, from] of split) {
    const parent = ends[from]!
    const own = classes[index]!
    const copy = (programs: SubjectPrograms | null): SubjectPrograms | null =>
      programs && {bare: programs.bare, byPeer: new Map(programs.byPeer)}
    ends[index] = {
      ...parent,
      own,
      numbers: numbersOf(index, classified, numbering),
      egress: copy(parent.egress),
      ingress: copy(parent.ingress),
    }
    for (const other of ends) {
      for (const programs of [other?.egress, other?.ingress]) {
        const program = programs?.byPeer.get(from)
        if (program) programs!.byPeer.set(index, program)
      }
    }
    copyPairs(table, index, from, journal)
  }
  for (const [index, described] of altered) if (!split.has(index)) removePeer(peers, index, described)
  for (const index of dead) {
    if (!altered.has(index)) removePeer(peers, index, classes[index]!)
    const numbers = new Set(ends[index]!.numbers)
    ends[index] = null
    for (const other of ends) for (const programs of [other?.egress, other?.ingress]) programs?.byPeer.delete(index)
    removePairs(table, numbers, journal)
  }
  for (const index of [...altered.keys(), ...split.keys()]) {
    if (!isAlive(book, index)) continue
    addPeer(peers, index, classes[index]!)
    ends[index] = {...ends[index]!, own: classes[index]!}
  }
  // Whomever one of them governs or governed is told otherwise: no others need be asked.
  for (const index of new Set([...altered.keys(), ...split.keys()])) {
    const end = ends[index]
    if (!end) continue
    for (const direction of ['egress', 'ingress'] as const) {
      const governs = (policy: ActivePolicy): boolean => touched[direction].has(policy)
      if (end.own[direction].some(governs) || before(index)[direction].some(governs)) toldAnew[direction].push(index)
    }
  }
  retell(table, toldAnew, journal)
}

/** Gives classes that came up with endpoints their place in the table. */
export function addClasses(
  table: PairTable,
  classified: Classified,
  numbering: Numbering,
  fresh: readonly number[],
  journal: Journal,
): void {
  const {classes} = classified
  const {ends, peers, programs} = table
  for (const index of fresh) addPeer(peers, index, classes[index]!)
  for (const end of ends) {
    if (!end) continue
    for (const direction of ['egress', 'ingress'] as const) {
      const own = end[direction]
      if (!own) continue
      for (const [peer, program] of programsTowards(programs, direction, end.own, fresh, classes)) {
        own.byPeer.set(peer, program)
      }
    }
  }
  for (const index of fresh) {
    while (ends.length <= index) ends.push(null)
    ends[index] = classEnds(table, classes[index]!, numbersOf(index, classified, numbering))
  }
  workOut(table, {egress: fresh, ingress: fresh}, journal)
}

/** Addresses that nothing is known of may have come to lie amid others, where a number of their own is for them. */
export function listNothing(table: PairTable, classified: Classified, numbering: Numbering, journal: Journal): void {
  for (const family of [4, 6] as const) {
    const index = nothingClass(family)
    const numbers = numbersOf(index, classified, numbering)
    const end = table.ends[index]!
    if (numbers.length <= end.numbers.length) continue
    table.ends[index] = {...end, numbers}
    workOut(table, {egress: [index], ingress: [index]}, journal)
  }
}

function subjectsOf({gone, come}: {gone: readonly ActivePolicy[]; come: readonly ActivePolicy[]}) {
  const all = [...gone, ...come].filter(({staged}) => !staged)
  return {
    egress: new Set(all.filter(({egress}) => egress)),
    ingress: new Set(all.filter(({ingress}) => ingress)),
  }
}

type ByDirection = Readonly<Record<Direction, readonly number[]>>

/** Works out the programs of some subjects anew, and the pairs for which these are others. */
function retell(table: PairTable, subjects: ByDirection, journal: Journal): void {
  const {ends, peers, programs} = table
  const changed: [Direction, number, SubjectPrograms | null][] = []
  for (const direction of ['egress', 'ingress'] as const) {
    for (const index of subjects[direction]) {
      const end = ends[index]!
      const anew = end.own.site === null ? null : subjectPrograms(programs, direction, end.own, peers)
      const [egress, ingress] = direction === 'egress' ? [anew, end.ingress] : [end.egress, anew]
      ends[index] = withPrograms(table, end.own, end.numbers, egress, ingress)
      changed.push([direction, index, end[direction]])
    }
  }
  for (const [direction, index, before] of changed) {
    const now = ends[index]![direction]
    if (!before || !now) continue
    const all = before.bare !== now.bare
    for (const peer of all ? pairedWith(table, direction, index) : otherPrograms(before, now)) {
      if (ends[peer]) put(table, direction, index, peer, journal)
    }
  }
}

function* otherPrograms(before: SubjectPrograms, now: SubjectPrograms): Generator<number> {
  for (const [peer, program] of now.byPeer) if (before.byPeer.get(peer) !== program) yield peer
  for (const peer of before.byPeer.keys()) if (!now.byPeer.has(peer)) yield peer
}

/** The verdicts of these as sources, and as destinations, towards everybody that a rule of either end means. */
function workOut(table: PairTable, subjects: ByDirection, journal: Journal): void {
  for (const direction of ['egress', 'ingress'] as const) {
    for (const index of subjects[direction]) {
      for (const peer of pairedWith(table, direction, index)) put(table, direction, index, peer, journal)
    }
  }
}

function put(table: PairTable, direction: Direction, index: number, peer: number, journal: Journal): void {
  const [from, to] = direction === 'egress' ? [index, peer] : [peer, index]
  const tell = (a: number, b: number, before: Target | undefined): void => note(journal, a, b, before)
  setPair(table, table.ends[from]!, table.ends[to]!, pairTarget(table, from, to), tell)
}

/** Everybody with whom a class, as the subject of one direction, has a pair or could have one. */
function pairedWith({ends, pairs}: PairTable, direction: Direction, index: number): readonly number[] {
  const {own, numbers, [direction]: programs} = ends[index]!
  const opposite = direction === 'egress' ? 'ingress' : 'egress'
  const found: number[] = []
  for (let peer = 0; peer < ends.length; peer++) {
    const other = ends[peer]
    if (!other || other.own.family !== own.family) continue
    const [sources, destinations] = direction === 'egress' ? [numbers, other.numbers] : [other.numbers, numbers]
    if (
      programs?.byPeer.has(peer) ||
      other[opposite]?.byPeer.has(index) ||
      // The first number of a class stands for all.
      pairs.get(sources[0]!)?.has(destinations[0]!)
    ) {
      found.push(peer)
    }
  }
  return found
}

/** Of several changes to a pair only what it had at first. */
function note(journal: Journal, from: number, to: number, before: Target | undefined): void {
  const row = journal.get(from)
  if (!row) journal.set(from, new Map([[to, before]]))
  else if (!row.has(to)) row.set(to, before)
}

/** Gives a class every pair that another has. */
function copyPairs(table: PairTable, index: number, from: number, journal: Journal): void {
  const {ends} = table
  const tell = (a: number, b: number, before: Target | undefined): void => note(journal, a, b, before)
  const [copy, model] = [ends[index]!, ends[from]!]
  const targetOf = (a: ClassEnds, b: ClassEnds): Target | undefined =>
    table.pairs.get(a.numbers[0]!)?.get(b.numbers[0]!)
  for (const other of ends) {
    if (!other || other === copy || other.own.family !== copy.own.family) continue
    setPair(table, copy, other, targetOf(model, other), tell)
    setPair(table, other, copy, targetOf(other, model), tell)
  }
  setPair(table, copy, copy, targetOf(model, model), tell)
}

function removePairs(table: PairTable, numbers: ReadonlySet<number>, journal: Journal): void {
  const tell = (a: number, b: number, before: Target | undefined): void => note(journal, a, b, before)
  for (const number of numbers) {
    for (const to of [...(table.pairs.get(number)?.keys() ?? [])]) {
      setPair(table, {numbers: [number]}, {numbers: [to]}, undefined, tell)
    }
    for (const from of [...table.pairs.keys()]) {
      if (table.pairs.get(from)!.has(number)) setPair(table, {numbers: [from]}, {numbers: [number]}, undefined, tell)
    }
  }
}
