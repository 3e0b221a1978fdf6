import type {Member, World} from '../../model/index.ts'
import {
  type Address,
  addressNumber,
  type Family,
  familyOf,
  hostPrefix,
  isHostPrefix,
  type Prefix,
  prefixAddress,
  prefixRange,
  type Range,
} from '../../net/index.ts'
import {hostComposition} from './class-book.ts'
import {type Classified, classRegions, surround} from './classify.ts'
import {isEndpoint, isHost, type Layer, layerOf, NO_LAYER} from './layers.ts'

/** What is now known of a prefix; undefined: nothing any more. */
export interface ChangedMembers {
  readonly after: readonly Member[] | undefined
}

type Known = Pick<World, 'members' | 'attributes'>

/**
 * Brings a classification up to date with changed members, in place, and tells which single addresses it looked at.
 *
 * A look-up for each changed address where its composition is known, one question to all policies where it is new.
 * Where wider prefixes changed, ranges are cut anew, and the addresses in these prefixes are looked at.
 */
export function reclassify(
  classified: Classified,
  world: Known,
  changes: ReadonlyMap<Prefix, ChangedMembers>,
): ReadonlySet<Address> {
  const {hosts, book} = classified
  const {attributes} = world
  const placed = new Set<Address>()
  const wide: Prefix[] = []
  for (const [prefix, {after}] of changes) {
    if (isHost(prefix)) continue
    wide.push(prefix)
    const net = book.wide.get(prefix)?.net ?? null
    if (after || net !== null) book.wide.set(prefix, {...layerOf(after ?? [], attributes, false), net})
    else book.wide.delete(prefix)
  }
  if (wide.length > 0) layAround(classified, world, wide, placed)
  for (const [prefix, {after}] of changes) {
    if (!isHost(prefix)) continue
    const address = prefixAddress(prefix)
    const layer = layerOf(after ?? [], attributes, true)
    if (isEndpoint(layer, attributes)) book.endpoints.set(address, 1)
    else book.endpoints.delete(address)
    placed.add(address)
    const net = book.hostNets.get(address) ?? null
    if (after || net !== null) hosts.set(address, hostComposition(book, attributes, address, {...layer, net}))
    else hosts.delete(address)
  }
  return placed
}

/**
 * Brings a classification up to date with the nets of its catalog that no rule has asked of until now. Nobody's class
 * changes, but who lies in them is told apart from now on.
 */
export function addNets(classified: Classified, world: Known): void {
  const {hosts, book} = classified
  const {nets} = book.questions.catalog
  const placed = new Set<Address>()
  const wide: Prefix[] = []
  for (; book.netCount < nets.length; book.netCount++) {
    const net = book.netCount
    const prefix = nets[net]!
    if (isHostPrefix(prefix)) {
      const address = prefixAddress(prefix)
      book.hostNets.set(address, net)
      hosts.set(address, hostComposition(book, world.attributes, address, hostLayer(classified, world, address)))
    } else {
      wide.push(prefix)
      book.wide.set(prefix, {...(book.wide.get(prefix) ?? NO_LAYER), net})
    }
  }
  if (wide.length > 0) layAround(classified, world, wide, placed)
}

/** Cuts the ranges anew, after something changed at `wide`, and looks at every address there. */
function layAround(classified: Classified, world: Known, wide: readonly Prefix[], placed: Set<Address>): void {
  const {hosts, book} = classified
  surround(book, world.attributes)
  classified.regions = classRegions(book)
  const isInside = insideOf(wide)
  for (const address of hosts.keys()) {
    if (!isInside(address)) continue
    placed.add(address)
    hosts.set(address, hostComposition(book, world.attributes, address, hostLayer(classified, world, address)))
  }
}

function hostLayer({book}: Classified, {members, attributes}: Known, address: Address): Layer {
  const layer = layerOf(members.get(hostPrefix(address)) ?? [], attributes, true)
  return {...layer, net: book.hostNets.get(address) ?? null}
}

function insideOf(prefixes: readonly Prefix[]): (address: Address) => boolean {
  const ranges: Record<Family, Range[]> = {4: [], 6: []}
  for (const prefix of prefixes) {
    const range = prefixRange(prefix)
    ranges[range.family].push(range)
  }
  return (address) => {
    const own = ranges[familyOf(address)]
    if (own.length === 0) return false
    const number = addressNumber(address)
    return own.some(({first, last}) => first <= number && number <= last)
  }
}
