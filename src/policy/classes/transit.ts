import {type Address, addressNumber, type Family, familyOf} from '../../net/index.ts'
import type {NumberedRegion, Numbering} from './number-classes.ts'
import {findRegion} from './regions.ts'
import type {HostMoves} from './renumber.ts'

/**
 * The way of every address from its old number to its new one, over a number of its own for each such way.
 *
 * While addresses bear transit numbers, a number says both what the old policy and what the new one means by it, so
 * that the verdicts can change over without the addresses moving.
 */
export interface Transit {
  /** By transit number: what its addresses bore before, and will bear. */
  readonly from: ReadonlyMap<number, number>
  readonly to: ReadonlyMap<number, number>
  /** Transit numbers of the single addresses that the maps of hosts do not hold, before and after, with that number. */
  readonly hosts: ReadonlyMap<Address, number>
  readonly regions: readonly NumberedRegion[]
  /** Whether ranges move; if not, `regions` are the old ones. */
  readonly regionsMove: boolean
  /** The next number never used. */
  readonly next: number
}

type Ways = Map<number, Set<number>>
type TellMove = (address: Address, from: number, to: number) => void

/** Over all addresses. */
export function transitOf(before: Numbering, after: Numbering): Transit {
  return transit(
    before,
    after,
    (tell) => forEachHost(before, after, tell),
    () => false,
  )
}

/** Where only `moves` bear other numbers than before; `lives` tells of a number whether anybody still bears it. */
export function transitBetween(
  before: Numbering,
  after: Numbering,
  moves: HostMoves,
  lives: (number: number) => boolean,
): Transit {
  const [old, now] = [rangeLookup(before.regions), rangeLookup(after.regions)]
  const forEachMove = (tell: TellMove): void => {
    for (const [address, {from, to}] of moves) tell(address, from ?? old(address), to ?? now(address))
  }
  const [hostBefore, hostAfter] = [hostNumbers(moves, 'from'), hostNumbers(moves, 'to')]
  return transit({...before, hosts: hostBefore}, {...after, hosts: hostAfter}, forEachMove, lives)
}

const hostNumbers = (moves: HostMoves, side: 'from' | 'to'): Pick<ReadonlyMap<Address, number>, 'get'> => ({
  get: (address) => moves.get(address)?.[side],
})

interface Side {
  readonly hosts: Pick<ReadonlyMap<Address, number>, 'get'>
  readonly regions: readonly NumberedRegion[]
  readonly next: number
}

function transit(
  before: Side,
  after: Side,
  forEachMove: (tell: TellMove) => void,
  lives: (number: number) => boolean,
): Transit {
  const ways: Ways = new Map([[0, new Set([0])]])
  const note = (from: number, to: number): void => {
    const own = ways.get(from)
    if (own) own.add(to)
    else ways.set(from, new Set(lives(from) ? [from, to] : [to]))
  }
  const pieces = piecesOf(before.regions, after.regions)
  for (const {from, to} of pieces) note(from, to)
  forEachMove((_, from, to) => note(from, to))

  const from = new Map<number, number>()
  const to = new Map<number, number>()
  const numbers = new Map<number, Map<number, number>>()
  let next = Math.max(before.next, after.next)
  for (const [old, targets] of [...ways].sort(([a], [b]) => a - b)) {
    // Those that stay together keep their number; of a number whose addresses part one way may keep it.
    const keeper = targets.has(old) ? old : targets.size === 1 ? [...targets][0]! : null
    const own = new Map<number, number>()
    numbers.set(old, own)
    for (const target of [...targets].sort((a, b) => a - b)) {
      const isFree = target >= before.next && !from.has(target)
      const number = target === keeper ? old : isFree ? target : next++
      own.set(target, number)
      from.set(number, old)
      to.set(number, target)
    }
  }
  const numberOf = (old: number, target: number): number => numbers.get(old)!.get(target)!

  const hosts = new Map<Address, number>()
  forEachMove((address, old, target) => {
    const number = numberOf(old, target)
    if (before.hosts.get(address) !== number || after.hosts.get(address) !== number) hosts.set(address, number)
  })
  const moving = pieces.map(({from: old, to: target, ...range}) => ({...range, number: numberOf(old, target)}))
  const regionsMove = pieces.some(({from: old, to: target}) => old !== target || numberOf(old, target) !== old)
  const regions = regionsMove ? moving.filter(({number}) => number !== 0) : before.regions
  return {from, to, hosts, regions, regionsMove, next}
}

/** Every address that either side holds by itself; where the other does not, what its range says counts. */
function forEachHost(before: Numbering, after: Numbering, tell: TellMove): void {
  const [old, now] = [rangeLookup(before.regions), rangeLookup(after.regions)]
  for (const [address, from] of before.hosts) tell(address, from, after.hosts.get(address) ?? now(address))
  for (const [address, to] of after.hosts) if (!before.hosts.has(address)) tell(address, old(address), to)
}

function rangeLookup(regions: readonly NumberedRegion[]): (address: Address) => number {
  const of = (family: Family): NumberedRegion[] => regions.filter((region) => region.family === family)
  const byFamily = {4: of(4), 6: of(6)}
  return (address) => findRegion(byFamily[familyOf(address)], addressNumber(address))?.number ?? 0
}

interface Piece {
  readonly family: Family
  readonly first: bigint
  readonly last: bigint
  readonly from: number
  readonly to: number
}

/** Cuts both lists at all their ends: each piece lies in at most one region of either. 0 is where a list has none. */
function piecesOf(before: readonly NumberedRegion[], after: readonly NumberedRegion[]): Piece[] {
  const pieces: Piece[] = []
  for (const family of [4, 6] as const) {
    const lists = [before, after].map((list) => list.filter((region) => region.family === family))
    const ends = lists.flatMap((list) => list.flatMap(({first, last}) => [first, last + 1n]))
    const cuts = [...new Set(ends)].sort((a, b) => (a < b ? -1 : 1))
    const at = [0, 0]
    for (const [index, first] of cuts.entries()) {
      const end = cuts[index + 1]
      if (end === undefined) break
      const [from, to] = lists.map((list, side) => {
        while (list[at[side]!] && list[at[side]!]!.last < first) at[side]!++
        const region = list[at[side]!]
        return region && region.first <= first ? region.number : 0
      })
      if (from !== 0 || to !== 0) pieces.push({family, first, last: end - 1n, from: from!, to: to!})
    }
  }
  return pieces
}
