import {AddressNumbers} from '../../net/index.ts'
import {isAlive, isListed} from './class-book.ts'
import {type Classified, type ClassRegion, hostClass} from './classify.ts'
import {type Steps, whole} from './steps.ts'

/** Which number the packets of each address bear in the kernel. */
export interface Numbering {
  /** By class index; never 0, which all addresses bear that no map holds. A class without addresses may have none. */
  readonly numbers: readonly (number | undefined)[]
  /** Kept up in place as endpoints move. */
  readonly hosts: AddressNumbers
  readonly regions: readonly NumberedRegion[]
  /** The next number never used; numbers only go up while the process lives. */
  readonly next: number
}

export type NumberedRegion = Omit<ClassRegion, 'class'> & {readonly number: number}

/**
 * Numbers the classes of a classification that was made anew.
 *
 * A packet between two look-ups bears the number that its address had before. So a class keeps a number exactly if all
 * addresses that bore it are still together in it: a class that is split gets new numbers in all its parts, of classes
 * that merge the lowest number stays. New numbers go by signature, so that the order in which addresses arrived does
 * not show.
 */
export const numberClasses = (...args: Parameters<typeof numberingClasses>): Numbering =>
  whole(numberingClasses(...args))

/** The same in small steps. */
export function* numberingClasses(classified: Classified, previous: Numbering | null, first: number): Steps<Numbering> {
  const {classes, book} = classified
  const numbers: (number | undefined)[] = classes.map(() => undefined)
  if (previous) yield* inheritNumbers(numbers, classified, previous)

  let next = previous?.next ?? first
  const fresh = [...classes.keys()].filter((index) => numbers[index] === undefined && isAlive(book, index))
  fresh.sort((a, b) => (classes[a]!.signature < classes[b]!.signature ? -1 : 1))
  for (const index of fresh) numbers[index] = next++
  const hosts = yield* numberedHosts(classified, numbers)
  return {numbers, hosts, regions: numberedRegions(classified, numbers), next}
}

function* numberedHosts({hosts, book}: Classified, numbers: Numbering['numbers']): Steps<AddressNumbers> {
  const numbered = AddressNumbers.withRoom(hosts.size)
  // By composition: asked a million times.
  const numberOf = book.compositions.map((_, composition) =>
    isListed(book, composition) ? (numbers[book.classOf[composition]!] ?? null) : null,
  )
  yield* hosts.walkFours((address, composition) => {
    const number = numberOf[composition]!
    if (number !== null) numbered.setFour(address, number)
  })
  for (const [address, composition] of hosts.others()) {
    const number = numberOf[composition]!
    if (number !== null) numbered.set(address, number)
  }
  return numbered
}

export const numberedRegions = ({regions}: Classified, numbers: Numbering['numbers']): NumberedRegion[] =>
  regions.map(({class: index, ...range}) => ({...range, number: numbers[index]!}))

function* inheritNumbers(numbers: (number | undefined)[], classified: Classified, previous: Numbering): Steps<void> {
  // For each old number the class where its addresses are now, or null where they parted.
  const heirs = new Map<number, number | null>()
  const inherit = (old: number, now: number): void => {
    const heir = heirs.get(old)
    heirs.set(old, heir === undefined || heir === now ? now : null)
  }
  const {hosts, book} = classified
  yield* previous.hosts.walkFours((address, old) => {
    const composition = hosts.getFour(address)
    if (composition !== undefined) inherit(old, book.classOf[composition]!)
  })
  for (const [address, old] of previous.hosts.others()) {
    const now = hostClass(classified, address)
    if (now !== undefined) inherit(old, now)
  }
  for (const {old, now} of overlaps(previous.regions, classified.regions)) inherit(old, now)
  for (const [old, heir] of [...heirs].sort(([a], [b]) => a - b)) {
    if (heir !== null && numbers[heir] === undefined) numbers[heir] = old
  }
}

/** Pairs of regions, old and new, that share an address. Both lists are disjoint and ascending. */
function* overlaps(
  before: readonly NumberedRegion[],
  after: readonly ClassRegion[],
): Generator<{old: number; now: number}> {
  let [i, j] = [0, 0]
  for (;;) {
    const [a, b] = [before[i], after[j]]
    if (!a || !b) return
    const aFirst = a.family - b.family || (a.last < b.first ? -1 : 0)
    const bFirst = b.family - a.family || (b.last < a.first ? -1 : 0)
    if (aFirst < 0) i++
    else if (bFirst < 0) j++
    else {
      yield {old: a.number, now: b.class}
      if (a.last <= b.last) i++
      else j++
    }
  }
}
