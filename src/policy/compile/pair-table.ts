import type {Direction, SiteName} from '../../model/index.ts'
import {
  type AddressClass,
  type Classified,
  isAlive,
  type Numbering,
  nothingClass,
  nothingIsListed,
  type Steps,
  whole,
} from '../classes/index.ts'
import {
  addPeer,
  emptyPeers,
  emptyPrograms,
  type PeerIndex,
  type Program,
  type ProgramBook,
  programTarget,
  type SubjectPrograms,
  subjectPrograms,
} from './programs.ts'
import {type ChainMaker, chainMaker, type Target} from './verdict-chains.ts'

export const ALLOWED = 'allowed'
export const DENY_UNOWNED = 'deny_unowned'
export const denyTarget = (direction: Direction, site: string): Target => `deny_${direction}_${site}`

export interface Bounds {
  readonly maxClasses: number
  readonly maxPairs: number
  readonly maxChains: number
}

/** What a gateway's kernel and memory are good for. */
export const GATEWAY_BOUNDS: Bounds = {maxClasses: 20_000, maxPairs: 1_000_000, maxChains: 20_000}

/**
 * The verdict of every class pair, with all that is needed to say it anew for some of them. It goes on in place from
 * change to change (`change-pairs.ts`).
 */
export interface PairTable {
  readonly default: 'allow' | 'deny'
  readonly programs: ProgramBook
  readonly maker: ChainMaker
  readonly peers: PeerIndex
  /** By class index; null: nobody is in it. */
  readonly ends: (ClassEnds | null)[]
  /** By numbers: source, then destination. A pair that is missing has its two ends' own verdicts. */
  readonly pairs: Map<number, Map<number, Target>>
  /** How many pairs lead to a target. */
  readonly uses: Map<Target, number>
  pairCount: number
  readonly memo: TargetMemo
}

/** What a class says by itself, as a source and as a destination. */
export interface ClassEnds {
  readonly own: AddressClass
  readonly numbers: readonly number[]
  /** null: it belongs to no site, and nobody answers for it. */
  readonly egress: SubjectPrograms | null
  readonly ingress: SubjectPrograms | null
  /** Where no rule can match: `deny_egress_…`, or `passed`, which stands for going on to the other end. */
  readonly out: Target | null
  /** Likewise `deny_ingress_…` or `allowed`. */
  readonly into: Target | null
}

/** Targets of programs by the site of their subject, each worked out once; by the program's id. */
interface TargetMemo {
  readonly ingress: Map<SiteName, Map<number, Target>>
  /** By where the flow goes on when the source lets it pass. */
  readonly egress: Map<SiteName, Map<Target, Map<number, Target>>>
}

/** Reduces the ordered rules of every class pair to its verdict chain; null when that passes the bounds. */
export const pairTable = (...args: Parameters<typeof pairing>): PairTable | null => whole(pairing(...args))

/** The same in steps of a class each. */
export function* pairing(
  classified: Classified,
  numbering: Numbering,
  defaultVerdict: 'allow' | 'deny',
  {maxClasses, maxPairs}: Bounds,
): Steps<PairTable | null> {
  const {classes, book} = classified
  if (classes.length > maxClasses) return null
  const table: PairTable = {
    default: defaultVerdict,
    programs: emptyPrograms(),
    maker: chainMaker(),
    peers: emptyPeers(classes),
    ends: [],
    pairs: new Map(),
    uses: new Map(),
    pairCount: 0,
    memo: {ingress: new Map(), egress: new Map()},
  }
  for (const [index, own] of classes.entries()) if (isAlive(book, index)) addPeer(table.peers, index, own)
  for (const [index, own] of classes.entries()) {
    table.ends.push(isAlive(book, index) ? classEnds(table, own, numbersOf(index, classified, numbering)) : null)
    yield
  }
  // Only pairs that a rule of either end can match are looked at: their number is far below that of all pairs.
  const inwards = classes.map((): number[] => [])
  for (const [index, ends] of table.ends.entries()) {
    for (const source of ends?.ingress?.byPeer.keys() ?? []) inwards[source]!.push(index)
  }
  for (const [index, source] of table.ends.entries()) {
    if (!source) continue
    const outwards = source.egress?.byPeer
    const look = (to: number): void => setPair(table, source, table.ends[to]!, pairTarget(table, index, to))
    for (const to of outwards?.keys() ?? []) look(to)
    for (const to of inwards[index]!) if (!outwards?.has(to)) look(to)
    if (table.pairCount > maxPairs) return null
    yield
  }
  return table
}

/** The class of unknown addresses bears 0, and its own number only where a map must say so. */
export function numbersOf(index: number, {classes, book}: Classified, {numbers}: Numbering): readonly number[] {
  const number = numbers[index]!
  const {family} = classes[index]!
  if (index !== nothingClass(family)) return [number]
  return nothingIsListed(book, family) ? [0, number] : [0]
}

export function classEnds(table: PairTable, own: AddressClass, numbers: readonly number[]): ClassEnds {
  const programs = (direction: Direction): SubjectPrograms | null =>
    own.site === null ? null : subjectPrograms(table.programs, direction, own, table.peers)
  return withPrograms(table, own, numbers, programs('egress'), programs('ingress'))
}

export function withPrograms(
  table: PairTable,
  own: AddressClass,
  numbers: readonly number[],
  egress: SubjectPrograms | null,
  ingress: SubjectPrograms | null,
): ClassEnds {
  // Without rules a program is constant.
  const out = egress && egressTarget(table, egress.bare, own.site!, 'passed')
  const into = ingress && ingressTarget(table, ingress.bare, own.site!)
  return {own, numbers, egress, ingress, out, into}
}

/**
 * What two classes say together of a flow; undefined where that is what they say each by itself. The source's egress
 * leads on to the destination's ingress.
 */
export function pairTarget(table: PairTable, from: number, to: number): Target | undefined {
  const [source, destination] = [table.ends[from]!, table.ends[to]!]
  const {egress, out} = source
  const {ingress, into} = destination
  const inside = ingress
    ? ingressTarget(table, ingress.byPeer.get(from) ?? ingress.bare, destination.own.site!)
    : egress
      ? ALLOWED
      : DENY_UNOWNED
  const target = egress ? egressTarget(table, egress.byPeer.get(to) ?? egress.bare, source.own.site!, inside) : inside
  const bare = out !== null && out !== 'passed' ? out : (into ?? ALLOWED)
  return target === bare ? undefined : target
}

export function setPair(
  table: PairTable,
  {numbers: sources}: Pick<ClassEnds, 'numbers'>,
  {numbers: destinations}: Pick<ClassEnds, 'numbers'>,
  target: Target | undefined,
  tell: (from: number, to: number, before: Target | undefined) => void = () => undefined,
): void {
  for (const from of sources) {
    for (const to of destinations) {
      let row = table.pairs.get(from)
      const before = row?.get(to)
      if (before === target) continue
      tell(from, to, before)
      if (before !== undefined) countUse(table, before, -1)
      if (target !== undefined) {
        if (!row) {
          row = new Map()
          table.pairs.set(from, row)
        }
        row.set(to, target)
        countUse(table, target, 1)
      } else {
        row!.delete(to)
        if (row!.size === 0) table.pairs.delete(from)
      }
    }
  }
}

function countUse(table: PairTable, target: Target, by: number): void {
  table.pairCount += by
  const uses = (table.uses.get(target) ?? 0) + by
  if (uses > 0) table.uses.set(target, uses)
  else table.uses.delete(target)
}

function ingressTarget(table: PairTable, program: Program, site: SiteName): Target {
  const memo = entry(table.memo.ingress, site)
  return memo.get(program.id) ?? worked(table, memo, program, ALLOWED, denyTarget('ingress', site))
}

function egressTarget(table: PairTable, program: Program, site: SiteName, inside: Target): Target {
  const memo = entry(entry(table.memo.egress, site), inside)
  return memo.get(program.id) ?? worked(table, memo, program, inside, denyTarget('egress', site))
}

function worked(table: PairTable, memo: Map<number, Target>, program: Program, allow: Target, deny: Target): Target {
  const otherwise = table.default === 'allow' ? allow : deny
  const target = programTarget(program, table.maker, {allow, deny, otherwise})
  memo.set(program.id, target)
  return target
}

function entry<K, A, B>(maps: Map<K, Map<A, B>>, key: K): Map<A, B> {
  let map = maps.get(key)
  if (!map) {
    map = new Map()
    maps.set(key, map)
  }
  return map
}
