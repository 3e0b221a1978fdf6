import type {EndpointRow} from '../api/index.ts'
import type {Member, World} from '../model/index.ts'
import {isHostPrefix, type Prefix, prefixAddress, realPrefix} from '../net/index.ts'

/** Every member by its address, lazily: there may be a million. */
export function* endpointRows(world: World): Generator<EndpointRow> {
  for (const [prefix, members] of world.members) {
    for (const member of members) yield endpointRow(world, prefix, member)
  }
}

export function endpointRow(world: World, prefix: Prefix, member: Member): EndpointRow {
  const set = world.attributes.get(member.attributes)
  const addressOf = (one: Prefix): string => (isHostPrefix(one) ? prefixAddress(one) : one)
  const real = realPrefix(world.sites.get(member.site)?.translations ?? [], prefix)
  return {
    address: addressOf(prefix),
    real: real && addressOf(real),
    site: member.site,
    kind: set?.kind ?? 'pod',
    names: member.names,
    labels: set?.labels ?? {},
    source: member.source,
  }
}
