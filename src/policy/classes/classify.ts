import type {AttributeSet, AttributeSetId, Member, World} from '../../model/index.ts'
import {
  type Address,
  addressNumber,
  type Family,
  familyOf,
  isHostPrefix,
  type Prefix,
  prefixAddress,
  type Range,
} from '../../net/index.ts'
import {type AddressClass, type Composition, describe, type Questions} from './describe.ts'
import {cutRegions, findRegion, type Region} from './regions.ts'

/**
 * Every address that policy can say something of, with its class as an index into `classes`.
 *
 * The first two classes are that of all other addresses, one a family: unowned, in no set, in no net of a rule.
 * `reclassify` changes it in place: copying a million addresses for each event would cost the event.
 */
export interface Classified {
  readonly classes: readonly AddressClass[]
  readonly hosts: Map<Address, number>
  /** Disjoint, ascending; they hold where `hosts` has no entry. */
  readonly regions: readonly ClassRegion[]
  readonly book: ClassBook
}

/** What `reclassify` goes on with: classes and compositions that are known, and what lies around host addresses. */
export interface ClassBook {
  readonly questions: Questions
  readonly classes: AddressClass[]
  readonly bySignature: Map<string, number>
  /** Class by composition. Most endpoints have no more than their attribute set and their region: one look-up each. */
  readonly byComposition: Map<string, number>
  readonly surroundings: Readonly<Record<Family, readonly Surrounding[]>>
  /** Addresses that pods and hosts hold. */
  readonly endpoints: Set<Address>
  /** Nets of rules that are single addresses. */
  readonly hostNets: ReadonlyMap<Address, number>
}

interface Surrounding extends Range {
  /** Position among the regions of its family. */
  readonly index: number
  readonly composition: Composition
  readonly class: number
}

export interface ClassRegion {
  readonly family: Family
  readonly first: bigint
  readonly last: bigint
  readonly class: number
}

/** Index of the class of addresses that nothing is known of. */
export const nothingClass = (family: Family): number => (family === 4 ? 0 : 1)

/** What lies at one prefix: objects, and the net of a rule. */
export interface Layer {
  readonly owner: Composition['subject']
  readonly sets: readonly AttributeSetId[]
  readonly net: number | null
}

type Attributes = World['attributes']

export function classify(questions: Questions, world: Pick<World, 'members' | 'attributes'>): Classified {
  const {attributes} = world
  const {layers, hosts: hostLayers, hostNets, endpoints} = layersOf(questions, world)
  const surroundings: Record<Family, Surrounding[]> = {4: [], 6: []}
  const classes: AddressClass[] = []
  const book = {questions, classes, bySignature: new Map(), byComposition: new Map(), surroundings, endpoints, hostNets}
  for (const family of [4, 6] as const) classOf(book, attributes, {family, subject: null, sets: [], nets: new Set()})

  const cut = cutRegions(layers)
  const regionClasses = cut.map(({inside, ...range}) => {
    const composition = compositionOf(range.family, inside)
    const own = classOf(book, attributes, composition)
    const around = surroundings[range.family]
    around.push({...range, index: around.length, composition, class: own})
    return own
  })
  const hosts = new Map<Address, number>()
  for (const [address, layer] of hostLayers) {
    const index = classOfHost(book, attributes, address, layer)
    if (index !== null) hosts.set(address, index)
  }
  return {classes, hosts, regions: joined(cut, regionClasses), book}
}

function classOf(book: ClassBook, attributes: Attributes, composition: Composition): number {
  const described = describe(book.questions, attributes, composition)
  const known = book.bySignature.get(described.signature)
  if (known !== undefined) return known
  book.bySignature.set(described.signature, book.classes.length)
  book.classes.push(described)
  return book.classes.length - 1
}

/** Class of a single address; null where no map need hold it, since it is of the class that lies around it anyway. */
export function classOfHost(
  book: ClassBook,
  attributes: Attributes,
  address: Address,
  {owner, sets, net}: Layer,
): number | null {
  const family = familyOf(address)
  const around = findRegion(book.surroundings[family], addressNumber(address))
  const key = `${family} ${owner?.site} ${owner?.attributes} ${around?.index} ${net} ${sets.join()}`
  let index = book.byComposition.get(key)
  if (index === undefined) {
    const nets = new Set(around?.composition.nets)
    if (net !== null) nets.add(net)
    index = classOf(book, attributes, {
      family,
      subject: owner ?? around?.composition.subject ?? null,
      sets: [...(around?.composition.sets ?? []), ...sets],
      nets,
    })
    book.byComposition.set(key, index)
  }
  const nothing = nothingClass(family)
  return index !== nothing || (around && around.class !== nothing) ? index : null
}

/** Sorts what the world and the rules say into host addresses and wider prefixes. */
function layersOf(
  questions: Questions,
  {members, attributes}: Pick<World, 'members' | 'attributes'>,
): {
  layers: Map<Prefix, Layer>
  hosts: Map<Address, Layer>
  hostNets: Map<Address, number>
  endpoints: Set<Address>
} {
  const layers = new Map<Prefix, Layer>()
  const hosts = new Map<Address, Layer>()
  const hostNets = new Map<Address, number>()
  const endpoints = new Set<Address>()
  for (const [prefix, holders] of members) {
    const host = isHost(prefix)
    const layer = layerOf(holders, attributes, host)
    if (!host) layers.set(prefix, layer)
    else {
      hosts.set(prefixAddress(prefix), layer)
      if (isEndpoint(layer, attributes)) endpoints.add(prefixAddress(prefix))
    }
  }
  for (const [net, prefix] of questions.catalog.nets.entries()) {
    if (isHostPrefix(prefix)) {
      const address = prefixAddress(prefix)
      const layer = hosts.get(address) ?? {owner: null, sets: [], net: null}
      hosts.set(address, {...layer, net})
      hostNets.set(address, net)
    } else layers.set(prefix, {...(layers.get(prefix) ?? {owner: null, sets: []}), net})
  }
  return {layers, hosts, hostNets, endpoints}
}

export const isEndpoint = ({owner}: Layer, attributes: Attributes): boolean =>
  owner !== null && attributes.get(owner.attributes)?.kind !== 'prefix'

export const isHost = (prefix: Prefix): boolean =>
  prefix.includes(':') ? prefix.endsWith('/128') : prefix.endsWith('/32')

/** Of several endpoints at one address the latest counts; endpoints stand before prefixes. */
export function layerOf(
  holders: readonly Member[],
  attributes: ReadonlyMap<AttributeSetId, AttributeSet>,
  host: boolean,
): Layer {
  let owner: Member | null = null
  let ownerIsEndpoint = false
  const sets: AttributeSetId[] = []
  for (const member of holders) {
    const kind = attributes.get(member.attributes)?.kind
    if (kind === undefined) continue
    if (kind === 'set') {
      if (!sets.includes(member.attributes)) sets.push(member.attributes)
      continue
    }
    const ofEndpoint = kind !== 'prefix'
    if (ofEndpoint && !host) continue
    const stands = owner === null || (ofEndpoint === ownerIsEndpoint ? isLater(member, owner) : ofEndpoint)
    if (stands) {
      owner = member
      ownerIsEndpoint = ofEndpoint
    }
  }
  return {owner, sets: sets.sort(), net: null}
}

function isLater(a: Member, b: Member): boolean {
  if (a.modRevision !== b.modRevision) return a.modRevision > b.modRevision
  return `${a.source} ${a.attributes}` < `${b.source} ${b.attributes}`
}

/** The innermost owner answers; sets and nets add up. */
function compositionOf(family: Family, inside: readonly Layer[]): Composition {
  return {
    family,
    subject: inside.findLast(({owner}) => owner)?.owner ?? null,
    sets: [...new Set(inside.flatMap(({sets}) => sets))].sort(),
    nets: new Set(inside.flatMap(({net}) => net ?? [])),
  }
}

/** Leaves out what is of no class, and joins neighbours of one class. */
function joined(cut: readonly Region<Layer>[], classes: readonly number[]): ClassRegion[] {
  const regions: ClassRegion[] = []
  for (const [index, {family, first, last}] of cut.entries()) {
    const own = classes[index]!
    if (own === nothingClass(family)) continue
    const before = regions.at(-1)
    if (before?.class === own && before.family === family && before.last + 1n === first) {
      regions[regions.length - 1] = {...before, last}
    } else regions.push({family, first, last, class: own})
  }
  return regions
}
