import type {AttributeSet, AttributeSetId, Member} from '../../model/index.ts'
import {type Address, type Prefix, prefixAddress} from '../../net/index.ts'
import {type Classified, classOfHost, isEndpoint, isHost, layerOf} from './classify.ts'

/** What is now known of a prefix; undefined: nothing any more. */
export interface ChangedMembers {
  readonly after: readonly Member[] | undefined
}

/** Class by address, where it is another than before; null: no map need hold the address any more. */
export type MovedHosts = ReadonlyMap<Address, number | null>

/**
 * Brings a classification up to date with changed members, in place: a look-up for each changed address where its
 * composition is known, and one question to all policies where it is new. Classes that have lost their last address
 * stay, for the next one. Null where that will not do, since a wider prefix changed, which may cut regions anew.
 */
export function reclassify(
  {hosts, book}: Classified,
  attributes: ReadonlyMap<AttributeSetId, AttributeSet>,
  changes: ReadonlyMap<Prefix, ChangedMembers>,
): MovedHosts | null {
  for (const prefix of changes.keys()) if (!isHost(prefix)) return null
  const moved = new Map<Address, number | null>()
  for (const [prefix, {after}] of changes) {
    const address = prefixAddress(prefix)
    const layer = layerOf(after ?? [], attributes, true)
    if (isEndpoint(layer, attributes)) book.endpoints.add(address)
    else book.endpoints.delete(address)
    const net = book.hostNets.get(address) ?? null
    const index = after || net !== null ? classOfHost(book, attributes, address, {...layer, net}) : null
    if (index === (hosts.get(address) ?? null)) continue
    moved.set(address, index)
    if (index === null) hosts.delete(address)
    else hosts.set(address, index)
  }
  return moved
}
