import type {LoneMember, Member, World} from '../../model/index.ts'
import {
  type Address,
  AddressNumbers,
  type Family,
  fourText,
  hostPrefix,
  type Prefix,
  prefixAddress,
} from '../../net/index.ts'
import {
  type ClassBook,
  emptyBook,
  hostComposition,
  nothingClass,
  regionComposition,
  type Surrounding,
} from './class-book.ts'
import type {AddressClass} from './describe.ts'
import {type Attributes, hostNetsOf, isEndpoint, isHost, type Layer, layerOf, NO_LAYER, wideLayers} from './layers.ts'
import type {Questions} from './questions.ts'
import {cutRegions, findRegion} from './regions.ts'
import {type Steps, walkMembers, whole} from './steps.ts'

/**
 * Every address that policy can say something of, with its class as an index into `classes`.
 *
 * The first two classes are that of all other addresses, one a family: unowned, in no set, in no net of a rule.
 * It is brought up to date in place: copying a million addresses for each event would cost the event.
 */
export interface Classified {
  readonly classes: readonly AddressClass[]
  /** Composition of every single address that something is said of. */
  readonly hosts: AddressNumbers
  /** Disjoint, ascending; they hold where `hosts` has no entry. */
  regions: readonly ClassRegion[]
  readonly book: ClassBook
}

export interface ClassRegion {
  readonly family: Family
  readonly first: bigint
  readonly last: bigint
  readonly class: number
}

export const classify = (...args: Parameters<typeof classifying>): Classified => whole(classifying(...args))

/** The same in small steps. */
export function* classifying(questions: Questions, world: Pick<World, 'members' | 'attributes'>): Steps<Classified> {
  const {members, attributes} = world
  const {nets} = questions.catalog
  const book = emptyBook(questions, yield* wideLayers(nets, world), hostNetsOf(nets), members.size)
  surround(book, attributes)
  const hosts = AddressNumbers.withRoom(members.size)
  const place = (address: Address, layer: Layer): void => {
    hosts.set(address, hostComposition(book, attributes, address, layer))
  }
  const put = (prefix: Prefix, holders: readonly Member[]): void => {
    if (!isHost(prefix)) return
    const address = prefixAddress(prefix)
    const layer = layerOf(holders, attributes, true)
    if (isEndpoint(layer, attributes)) book.endpoints.set(address, 1)
    const net = book.hostNets.get(address)
    place(address, net === undefined ? layer : {...layer, net})
  }
  const lone = createLonePlacer(book, attributes)
  const isNet = (four: number): boolean => book.hostNets.size > 0 && book.hostNets.has(fourText(four))
  const putLone = (four: number, shared: LoneMember): void => {
    if (isNet(four)) put(hostPrefix(fourText(four)), [{...shared, names: [], modRevision: 0}])
    else lone(four, shared, hosts)
  }
  yield* walkMembers(members, putLone, put)
  for (const [address, net] of book.hostNets) if (!hosts.has(address)) place(address, {...NO_LAYER, net})
  return {classes: book.classes, hosts, regions: classRegions(book), book}
}

/**
 * Places addresses of which one member is all that is known. Those with the same attributes that lie amid the same have the
 * same composition, so that it is found once for a run of addresses and not for each of a million.
 */
function createLonePlacer(
  book: ClassBook,
  attributes: Attributes,
): (four: number, shared: LoneMember, hosts: AddressNumbers) => void {
  interface Known {
    readonly layer: Layer
    readonly isEndpoint: boolean
    /** Where it holds. */
    first: number
    last: number
    composition: number
  }
  const known = new Map<LoneMember, Known>()
  const knownOf = (shared: LoneMember): Known => {
    const layer = layerOf([{...shared, names: [], modRevision: 0}], attributes, true)
    const made = {layer, isEndpoint: isEndpoint(layer, attributes), first: 1, last: 0, composition: 0}
    known.set(shared, made)
    return made
  }
  return (four, shared, hosts) => {
    const one = known.get(shared) ?? knownOf(shared)
    if (four < one.first || four > one.last) {
      const around = findRegion(book.surroundings[4], BigInt(four))
      one.first = around ? Number(around.first) : four
      one.last = around ? Number(around.last) : four
      one.composition = hostComposition(book, attributes, fourText(four), one.layer)
    }
    if (one.isEndpoint) book.endpoints.setFour(four, 1)
    hosts.setFour(four, one.composition)
  }
}

/** Class of a single address; undefined where its region says it. */
export function hostClass({hosts, book}: Pick<Classified, 'hosts' | 'book'>, address: Address): number | undefined {
  const composition = hosts.get(address)
  return composition === undefined ? undefined : book.classOf[composition]
}

/** Cuts all that is wide into disjoint ranges. */
export function surround(book: ClassBook, attributes: Attributes): void {
  const surroundings: Record<Family, Surrounding[]> = {4: [], 6: []}
  for (const {inside, ...range} of cutRegions<Layer>(book.wide)) {
    const composition = regionComposition(book, attributes, range.family, inside)
    surroundings[range.family].push({...range, composition})
  }
  book.surroundings[4] = surroundings[4]
  book.surroundings[6] = surroundings[6]
}

/** Ranges by class: without those of no class, and neighbours of one class joined. */
export function classRegions({surroundings, classOf}: ClassBook): ClassRegion[] {
  const regions: ClassRegion[] = []
  for (const {family, first, last, composition} of [...surroundings[4], ...surroundings[6]]) {
    const own = classOf[composition]!
    if (own === nothingClass(family)) continue
    const before = regions.at(-1)
    if (before?.class === own && before.family === family && before.last + 1n === first) {
      regions[regions.length - 1] = {...before, last}
    } else regions.push({family, first, last, class: own})
  }
  return regions
}
