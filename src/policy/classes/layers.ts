import type {AttributeSet, AttributeSetId, Member, World} from '../../model/index.ts'
import {type Address, isHostPrefix, type Prefix, prefixAddress} from '../../net/index.ts'

/** What lies at one prefix: objects, and the net of a rule. */
export interface Layer {
  readonly owner: Member | null
  readonly sets: readonly AttributeSetId[]
  readonly net: number | null
}

export type Attributes = World['attributes']

/** What the world and the rules say, as host addresses and as wider prefixes. */
export interface Layers {
  readonly wide: Map<Prefix, Layer>
  readonly hosts: Map<Address, Layer>
  /** Nets of rules that are single addresses. */
  readonly hostNets: Map<Address, number>
  /** Addresses that pods and hosts hold. */
  readonly endpoints: Set<Address>
}

export function layersOf(
  nets: readonly Prefix[],
  {members, attributes}: Pick<World, 'members' | 'attributes'>,
): Layers {
  const layers: Layers = {wide: new Map(), hosts: new Map(), hostNets: new Map(), endpoints: new Set()}
  const {wide, hosts, hostNets, endpoints} = layers
  for (const [prefix, holders] of members) {
    const host = isHost(prefix)
    const layer = layerOf(holders, attributes, host)
    if (!host) wide.set(prefix, layer)
    else {
      hosts.set(prefixAddress(prefix), layer)
      if (isEndpoint(layer, attributes)) endpoints.add(prefixAddress(prefix))
    }
  }
  for (const [net, prefix] of nets.entries()) {
    if (isHostPrefix(prefix)) {
      const address = prefixAddress(prefix)
      hosts.set(address, {...(hosts.get(address) ?? NO_LAYER), net})
      hostNets.set(address, net)
    } else wide.set(prefix, {...(wide.get(prefix) ?? NO_LAYER), net})
  }
  return layers
}

export const NO_LAYER: Layer = {owner: null, sets: [], net: null}

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
