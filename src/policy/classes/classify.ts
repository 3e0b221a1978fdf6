import type {AttributeSet, AttributeSetId, Member, World} from '../../model/index.ts'
import {
  type Address,
  addressNumber,
  type Family,
  familyOf,
  isHostPrefix,
  type Prefix,
  prefixAddress,
} from '../../net/index.ts'
import {type AddressClass, type Composition, describe, type Questions} from './describe.ts'
import {cutRegions, findRegion, type Region} from './regions.ts'

/**
 * Every address that policy can say something of, with its class as an index into `classes`.
 *
 * The first two classes are that of all other addresses, one a family: unowned, in no set, in no net of a rule.
 */
export interface Classified {
  readonly classes: readonly AddressClass[]
  readonly hosts: ReadonlyMap<Address, number>
  /** Disjoint, ascending; they hold where `hosts` has no entry. */
  readonly regions: readonly ClassRegion[]
  /** Addresses that pods and hosts hold. */
  readonly endpoints: number
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
interface Layer {
  owner: Composition['subject']
  readonly sets: AttributeSetId[]
  net: number | null
}

export function classify(questions: Questions, world: Pick<World, 'members' | 'attributes'>): Classified {
  const {attributes} = world
  const classes: AddressClass[] = []
  const bySignature = new Map<string, number>()
  const classOf = (composition: Composition): number => {
    const described = describe(questions, attributes, composition)
    const known = bySignature.get(described.signature)
    if (known !== undefined) return known
    bySignature.set(described.signature, classes.length)
    classes.push(described)
    return classes.length - 1
  }
  for (const family of [4, 6] as const) classOf({family, subject: null, sets: [], nets: new Set()})

  const {layers, hosts: hostLayers, endpoints} = layersOf(questions, world)
  const cut = cutRegions(layers)
  const compositions = cut.map(compositionOf)
  const regionClasses = compositions.map(classOf)
  const byFamily = {4: cut.filter(({family}) => family === 4), 6: cut.filter(({family}) => family === 6)}
  const offset = {4: 0, 6: byFamily[4].length}

  const hosts = new Map<Address, number>()
  // Most endpoints have no more than their attribute set and their region: one look-up for each of them.
  const memo = new Map<string, number>()
  for (const [address, layer] of hostLayers) {
    const family = familyOf(address)
    const found = findRegion(byFamily[family], addressNumber(address))
    const region = found < 0 ? -1 : found + offset[family]
    const {owner, sets, net} = layer
    const key = `${family} ${owner?.site} ${owner?.attributes} ${region} ${net} ${sets.join()}`
    let index = memo.get(key)
    if (index === undefined) {
      const around = compositions[region]
      const nets = new Set(around?.nets)
      if (net !== null) nets.add(net)
      index = classOf({
        family,
        subject: owner ?? around?.subject ?? null,
        sets: [...(around?.sets ?? []), ...sets],
        nets,
      })
      memo.set(key, index)
    }
    // Where no map holds the address it is of that class anyway; within a region of another class it must be said.
    const nothing = nothingClass(family)
    if (index !== nothing || (region >= 0 && regionClasses[region] !== nothing)) hosts.set(address, index)
  }
  return {classes, hosts, regions: joined(cut, regionClasses), endpoints}
}

/** Sorts what the world and the rules say into host addresses and wider prefixes. */
function layersOf(
  questions: Questions,
  {members, attributes}: Pick<World, 'members' | 'attributes'>,
): {layers: Map<Prefix, Layer>; hosts: Map<Address, Layer>; endpoints: number} {
  const layers = new Map<Prefix, Layer>()
  const hosts = new Map<Address, Layer>()
  let endpoints = 0
  for (const [prefix, holders] of members) {
    const host = isHost(prefix)
    const layer = layerOf(holders, attributes, host)
    if (!host) layers.set(prefix, layer)
    else {
      hosts.set(prefixAddress(prefix), layer)
      if (layer.owner && attributes.get(layer.owner.attributes)?.kind !== 'prefix') endpoints++
    }
  }
  for (const [net, prefix] of questions.catalog.nets.entries()) {
    if (isHostPrefix(prefix)) {
      const address = prefixAddress(prefix)
      const layer = hosts.get(address) ?? {owner: null, sets: [], net: null}
      hosts.set(address, {...layer, net})
    } else layers.set(prefix, {...(layers.get(prefix) ?? {owner: null, sets: []}), net})
  }
  return {layers, hosts, endpoints}
}

const isHost = (prefix: Prefix): boolean => (prefix.includes(':') ? prefix.endsWith('/128') : prefix.endsWith('/32'))

/** Of several endpoints at one address the latest counts; endpoints stand before prefixes. */
function layerOf(
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
    const isEndpoint = kind !== 'prefix'
    if (isEndpoint && !host) continue
    const stands = owner === null || (isEndpoint === ownerIsEndpoint ? isLater(member, owner) : isEndpoint)
    if (stands) {
      owner = member
      ownerIsEndpoint = isEndpoint
    }
  }
  return {owner, sets: sets.sort(), net: null}
}

function isLater(a: Member, b: Member): boolean {
  if (a.modRevision !== b.modRevision) return a.modRevision > b.modRevision
  return `${a.source} ${a.attributes}` < `${b.source} ${b.attributes}`
}

/** The innermost owner answers; sets and nets add up. */
function compositionOf({family, inside}: Region<Layer>): Composition {
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
