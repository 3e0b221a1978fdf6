import {
  type Address,
  AddressNumbers,
  addressNumber,
  type Family,
  familyOf,
  type Prefix,
  type Range,
} from '../../net/index.ts'
import {type AddressClass, type Composition, describe} from './describe.ts'
import type {Attributes, Layer} from './layers.ts'
import type {Questions} from './questions.ts'
import {findRegion} from './regions.ts'

/**
 * Classes and the compositions that are in them: what a classification goes on with from change to change, in place.
 * A class is its index here as long as its addresses stay together; one without compositions is of no use any more.
 */
export interface ClassBook {
  readonly questions: Questions
  readonly classes: AddressClass[]
  readonly bySignature: Map<string, number>
  readonly compositions: Composition[]
  /** By composition. */
  readonly classOf: number[]
  /** By composition: the one of the range around a single address; itself for a range's own. */
  readonly aroundOf: number[]
  /** By class. */
  readonly compositionsOf: Set<number>[]
  /** Most endpoints have no more than their attribute set and their region: one look-up each. */
  readonly byKey: Map<string, number>
  /** So many nets of the catalog are among what lies around. */
  netCount: number
  /** What lies at prefixes wider than a single address. */
  readonly wide: Map<Prefix, Layer>
  readonly surroundings: Record<Family, readonly Surrounding[]>
  /** Addresses that pods and hosts hold, each with 1. */
  readonly endpoints: AddressNumbers
  /** Nets of rules that are single addresses. */
  readonly hostNets: Map<Address, number>
}

/** A run of addresses inside the same prefixes. */
export interface Surrounding extends Range {
  readonly composition: number
}

/** Composition, and class, of addresses that nothing is known of. */
export const nothingClass = (family: Family): number => (family === 4 ? 0 : 1)

export function emptyBook(
  questions: Questions,
  wide: ClassBook['wide'],
  hostNets: ClassBook['hostNets'],
  endpoints: number,
): ClassBook {
  const book: ClassBook = {
    questions,
    classes: [],
    bySignature: new Map(),
    compositions: [],
    classOf: [],
    aroundOf: [],
    compositionsOf: [],
    byKey: new Map(),
    netCount: questions.catalog.nets.length,
    wide,
    surroundings: {4: [], 6: []},
    endpoints: AddressNumbers.withRoom(endpoints),
    hostNets,
  }
  for (const family of [4, 6] as const) regionComposition(book, new Map(), family, [])
  return book
}

/** The innermost owner answers; sets and nets add up. */
export function regionComposition(
  book: ClassBook,
  attributes: Attributes,
  family: Family,
  inside: readonly Layer[],
): number {
  const owner = inside.findLast((layer) => layer.owner)?.owner ?? null
  const sets = [...new Set(inside.flatMap((layer) => layer.sets))].sort()
  const nets = [...new Set(inside.flatMap(({net}) => net ?? []))].sort((a, b) => a - b)
  const key = `${family} region ${owner?.site} ${owner?.attributes} ${nets.join()} ${sets.join()}`
  return composed(book, key, null, () => ({
    family,
    subject: owner && {site: owner.site, set: attributes.get(owner.attributes)!},
    sets: sets.map((id) => attributes.get(id)!),
    nets: new Set(nets),
  }))
}

/** Of a single address: its own layer within what lies around it. */
export function hostComposition(book: ClassBook, attributes: Attributes, address: Address, layer: Layer): number {
  const {owner, sets, net} = layer
  const family = familyOf(address)
  const around = findRegion(book.surroundings[family], addressNumber(address))?.composition ?? nothingClass(family)
  const key = `${family} ${around} ${owner?.site} ${owner?.attributes} ${net} ${sets.join()}`
  return composed(book, key, around, () => {
    const outer = book.compositions[around]!
    return {
      family,
      subject: owner ? {site: owner.site, set: attributes.get(owner.attributes)!} : outer.subject,
      sets: [...new Set([...outer.sets, ...sets.map((id) => attributes.get(id)!)])],
      nets: new Set(net === null ? outer.nets : [...outer.nets, net]),
    }
  })
}

function composed(book: ClassBook, key: string, around: number | null, make: () => Composition): number {
  const known = book.byKey.get(key)
  if (known !== undefined) return known
  const id = book.compositions.length
  const composition = make()
  book.byKey.set(key, id)
  book.compositions.push(composition)
  book.aroundOf.push(around ?? id)
  const described = describe(book.questions, composition)
  const into = book.bySignature.get(described.signature) ?? addClass(book, described)
  book.classOf.push(into)
  book.compositionsOf[into]!.add(id)
  return id
}

export function addClass(book: ClassBook, described: AddressClass): number {
  const index = book.classes.push(described) - 1
  book.bySignature.set(described.signature, index)
  book.compositionsOf.push(new Set())
  return index
}

export const isAlive = ({compositionsOf}: ClassBook, index: number): boolean => compositionsOf[index]!.size > 0

/** Whether maps must hold addresses of the class that nothing is known of, amid others. */
export const nothingIsListed = (book: ClassBook, family: Family): boolean =>
  [...book.compositionsOf[nothingClass(family)]!].some((composition) => isListed(book, composition))

/** Whether maps of single addresses must hold those of a composition; else what lies around them says the same. */
export function isListed({classOf, aroundOf, compositions}: ClassBook, composition: number): boolean {
  const nothing = nothingClass(compositions[composition]!.family)
  return classOf[composition] !== nothing || classOf[aroundOf[composition]!] !== nothing
}
