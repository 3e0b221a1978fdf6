import type {World} from '../../model/index.ts'
import {type Address, addressFromNumber, type Family, fourText, type Range} from '../../net/index.ts'
import {labelReader, NAMESPACE_LABEL} from '../../selectors/index.ts'
import {type AddressClass, type Classified, nothingClass, type Steps} from '../classes/index.ts'
import {type Target, targetBetween} from '../compile/index.ts'
import type {Flow} from '../trace/index.ts'
import {allowedTraffic} from './enforced.ts'
import type {InForce} from './reach.ts'
import {flowOf} from './sample-flow.ts'
import {
  ALL_TRAFFIC,
  isNoTraffic,
  printTraffic,
  samplePacket,
  seenTraffic,
  subtractTraffic,
  type TrafficSpace,
  trafficRows,
} from './traffic-space.ts'

/** Endpoints that are shown as one. */
export interface PolicyGroup {
  readonly name: string
  addresses: number
  /** Class index → an address that bears it, and a second one where there is one: for flows within a class. */
  readonly classes: Map<number, Address[]>
}

export type PairVerdict = 'allow' | 'deny' | 'mixed'

export interface Way {
  readonly verdict: PairVerdict
  readonly allowed: string
  classPairs: number
  readonly ends: {readonly from: PairEndClass; readonly to: PairEndClass}
  readonly flows: readonly Flow[]
}

export interface PairEndClass {
  readonly address: Address
  readonly class: AddressClass
}

/** What a person can look at; of more groups those with most addresses. */
export const MOST_GROUPS = 64
/** Some seconds of work in slices; beyond it another label has to be asked for. */
export const MOST_CLASS_PAIRS = 4_000_000
const MOST_WAYS = 12
const PAIRS_A_STEP = 2_000

/** `class`, `site`, `namespace`, or a label: the value by which endpoints are put together; '' where they have none. */
export function grouping(by: string, {book}: Classified): (composition: number) => string | null {
  return (composition) => {
    const {subject} = book.compositions[composition]!
    if (!subject) return null
    if (by === 'site') return subject.site
    if (by === 'class') return `class ${book.classOf[composition]}`
    return labelReader(subject.set)(by === 'namespace' ? NAMESPACE_LABEL : by) ?? ''
  }
}

/**
 * Puts every endpoint, and every run of owned addresses, into its group: those with most addresses first, then by name.
 * Counted anew each time, since of a class that nobody bears any more the compiler keeps what it was.
 */
export function* groupEndpoints(by: string, {classified}: Pick<InForce, 'classified'>): Steps<PolicyGroup[]> {
  const {book, hosts} = classified
  const nameOf = grouping(by, classified)
  const groups = new Map<string, PolicyGroup>()
  const byComposition = new Map<number, PolicyGroup | null>()
  const groupOf = (composition: number): PolicyGroup | null => {
    let group = byComposition.get(composition)
    if (group !== undefined) return group
    const name = nameOf(composition)
    group = name === null ? null : (groups.get(name) ?? {name, addresses: 0, classes: new Map()})
    byComposition.set(composition, group)
    if (group) groups.set(group.name, group)
    return group
  }
  const show = ({classes}: PolicyGroup, composition: number, address: () => Address): void => {
    const index = book.classOf[composition]!
    const shown = classes.get(index)
    if (!shown) classes.set(index, [address()])
    else if (shown.length < 2) shown.push(address())
  }
  const count = (composition: number, address: () => Address): void => {
    const group = groupOf(composition)
    if (!group) return
    group.addresses++
    show(group, composition, address)
  }
  yield* hosts.walkFours((four, composition) => count(composition, () => fourText(four)))
  for (const [address, composition] of hosts.others()) count(composition, () => address)
  for (const family of [4, 6] as const) {
    for (const run of book.surroundings[family]) {
      const group = groupOf(run.composition)
      if (!group) continue
      for (const free of freeAddresses(run, family, (address) => hosts.get(address) !== undefined)) {
        show(group, run.composition, () => free)
      }
    }
    yield
  }
  return [...groups.values()].sort((a, b) => b.addresses - a.addresses || (a.name < b.name ? -1 : 1))
}

/** A row for each source, a letter for each destination: allowed, denied, mixed, or no flow; null: too many classes. */
export function* matrixOf(groups: readonly PolicyGroup[], inForce: InForce): Steps<string[] | null> {
  const all = groups.reduce((sum, {classes}) => sum + classes.size, 0)
  if (all * all > MOST_CLASS_PAIRS) return null
  const verdictOf = verdicts(inForce)
  const rows: string[] = []
  let looked = 0
  for (const from of groups) {
    let row = ''
    for (const to of groups) {
      let found: PairVerdict | null = null
      for (const [source, destination] of pairsOf(from, to, inForce.classified)) {
        const verdict = verdictOf(source, destination)
        if (found !== null && found !== verdict) found = 'mixed'
        else found = verdict
        if (++looked % PAIRS_A_STEP === 0) yield
        if (found === 'mixed') break
      }
      row += found === null ? '-' : found[0]
    }
    rows.push(row)
    yield
  }
  return rows
}

/** Between two groups: each way in which pairs of their classes are judged, the most frequent first; at most some. */
export function* waysBetween(
  from: PolicyGroup,
  to: PolicyGroup,
  inForce: InForce,
): Steps<{readonly ways: Way[]; readonly leftOut: number}> {
  const {classified} = inForce
  const targetOf = targets(inForce)
  const allowedBy = allowedTraffic(inForce.verdicts)
  const found = new Map<string, {target: Target; family: Family; pair: [number, number]; classPairs: number}>()
  let looked = 0
  for (const [source, destination] of pairsOf(from, to, classified)) {
    const {family} = classified.classes[source]!
    const target = targetOf(source, destination)
    const known = found.get(`${family} ${target}`)
    if (known) known.classPairs++
    else found.set(`${family} ${target}`, {target, family, pair: [source, destination], classPairs: 1})
    if (++looked % PAIRS_A_STEP === 0) yield
  }
  const ways = [...found.values()].sort((a, b) => b.classPairs - a.classPairs)
  const shown = ways.slice(0, MOST_WAYS).map(({target, family, pair: [source, destination], classPairs}): Way => {
    const allowed = seenTraffic(allowedBy(target), family)
    const [first, second] = addressesBetween(from, to, source, destination)!
    const ends = {
      from: {address: first, class: classified.classes[source]!},
      to: {address: second, class: classified.classes[destination]!},
    }
    const denied = seenTraffic(subtractTraffic(ALL_TRAFFIC, allowed), family)
    const flows = [allowed, denied].flatMap((space) => {
      const packet = samplePacket(space, family)
      return packet ? [flowOf(ends.from.address, ends.to.address, packet)] : []
    })
    return {verdict: verdictOn(allowed, family), allowed: printTraffic(trafficRows(allowed)), classPairs, ends, flows}
  })
  return {ways: shown, leftOut: ways.length - shown.length}
}

/** Two addresses of a run that nobody has; fewer where they would take long to find. */
function freeAddresses({first, last}: Range, family: Family, isTaken: (address: Address) => boolean): Address[] {
  const free: Address[] = []
  for (let number = first; number <= last && number < first + 1024n && free.length < 2; number++) {
    const address = addressFromNumber(number, family)
    if (!isTaken(address)) free.push(address)
  }
  return free
}

/** Pairs of classes of one family; of a class with itself only where it has more than one address. */
function* pairsOf(from: PolicyGroup, to: PolicyGroup, {classes}: Classified): Generator<[number, number]> {
  for (const source of from.classes.keys()) {
    for (const destination of to.classes.keys()) {
      if (classes[source]!.family !== classes[destination]!.family) continue
      if (source === destination && addressesBetween(from, to, source, destination) === null) continue
      yield [source, destination]
    }
  }
}

/** One of each end, and not the same; null: there are no two. */
function addressesBetween(
  from: PolicyGroup,
  to: PolicyGroup,
  source: number,
  destination: number,
): readonly [Address, Address] | null {
  for (const one of from.classes.get(source)!) {
    for (const other of to.classes.get(destination)!) if (one !== other) return [one, other]
  }
  return null
}

function targets({classified, numbering, verdicts}: InForce): (source: number, destination: number) => Target {
  const numberOf = (index: number): number =>
    index === nothingClass(classified.classes[index]!.family) ? 0 : (numbering.numbers[index] ?? 0)
  return (source, destination) => targetBetween(verdicts, numberOf(source), numberOf(destination))
}

function verdicts(inForce: InForce): (source: number, destination: number) => PairVerdict {
  const targetOf = targets(inForce)
  const allowedBy = allowedTraffic(inForce.verdicts)
  const known = {4: new Map<Target, PairVerdict>(), 6: new Map<Target, PairVerdict>()}
  return (source, destination) => {
    const {family} = inForce.classified.classes[source]!
    const target = targetOf(source, destination)
    let verdict = known[family].get(target)
    if (verdict === undefined) {
      verdict = verdictOn(seenTraffic(allowedBy(target), family), family)
      known[family].set(target, verdict)
    }
    return verdict
  }
}

function verdictOn(allowed: TrafficSpace, family: Family): PairVerdict {
  if (isNoTraffic(allowed)) return 'deny'
  return isNoTraffic(seenTraffic(subtractTraffic(ALL_TRAFFIC, allowed), family)) ? 'allow' : 'mixed'
}

/** Labels by the number of attribute sets that bear them: what a matrix can be asked by. */
export function labelsToGroupBy({attributes}: Pick<World, 'attributes'>, most = 40): string[] {
  const borne = new Map<string, number>()
  for (const {labels} of attributes.values()) {
    for (const label of Object.keys(labels)) borne.set(label, (borne.get(label) ?? 0) + 1)
  }
  return [...borne]
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([label]) => label)
}
