import type {Address} from '../../net/index.ts'
import {isAlive, isListed} from './class-book.ts'
import type {Classified} from './classify.ts'
import type {Numbering} from './number-classes.ts'

/** Single addresses whose number is another, by the number that the maps hold of them; undefined: none. */
export type HostMoves = ReadonlyMap<Address, {readonly from: number | undefined; readonly to: number | undefined}>

/** Numbers for classes that have none. */
export function numberFresh({book}: Classified, numbering: Numbering): Numbering {
  if (numbering.numbers.length === book.classes.length) return numbering
  const numbers = book.classes.map((_, index) => numbering.numbers[index])
  let {next} = numbering
  for (const index of numbers.keys()) {
    if (numbers[index] === undefined && isAlive(book, index)) numbers[index] = next++
  }
  return {...numbering, numbers, next}
}

/** Which of `addresses`, the only ones that may have moved, bear another number than `before`. */
export function movesOf(
  {hosts, book}: Classified,
  before: Numbering,
  {numbers}: Numbering,
  addresses: Iterable<Address>,
): HostMoves {
  const moves = new Map<Address, {from: number | undefined; to: number | undefined}>()
  for (const address of addresses) {
    const from = before.hosts.get(address)
    const composition = hosts.get(address)
    const listed = composition !== undefined && isListed(book, composition)
    const to = listed ? numbers[book.classOf[composition]!] : undefined
    if (from !== to) moves.set(address, {from, to})
  }
  return moves
}

/** Every single address of some compositions, or that lies in ranges of theirs. A walk over all of them. */
export function* addressesOf({hosts, book}: Classified, compositions: ReadonlySet<number>): Generator<Address> {
  if (compositions.size === 0) return
  for (const [address, composition] of hosts) {
    if (compositions.has(composition) || compositions.has(book.aroundOf[composition]!)) yield address
  }
}
