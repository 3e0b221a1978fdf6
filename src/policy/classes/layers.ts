import type {AttributeSet, AttributeSetId, Member, World} from '../../model/index.ts'
import {type Address, isHostPrefix, type Prefix, prefixAddress} from '../../net/index.ts'
import {type Steps, walkMembers} from './steps.ts'

/** What lies at one prefix: objects, and the net of a rule. */
export interface Layer {
  readonly owner: Member | null
  readonly sets: readonly AttributeSetId[]
  readonly net: number | null
}

export type Attributes = World['attributes']

/** What the world and the rules say of prefixes wider than a single address. */
export function* wideLayers(
  nets: readonly Prefix[],
  {members, attributes}: Pick<World, 'members' | 'attributes'>,
): Steps<Map<Prefix, Layer>> {
  const wide = new Map<Prefix, Layer>()
  const put = (prefix: Prefix, holders: readonly Member[]): void => {
    if (!isHost(prefix)) wide.set(prefix, layerOf(holders, attributes, false))
  }
  yield* walkMembers(members, () => undefined, put)
  for (const [net, prefix] of nets.entries()) {
    if (!isHostPrefix(prefix)) wide.set(prefix, {...(wide.get(prefix) ?? NO_LAYER), net})
  }
  return wide
}

/** Nets of rules that are single addresses. */
export function hostNetsOf(nets: readonly Prefix[]): Map<Address, number> {
  const hosts = new Map<Address, number>()
  for (const [net, prefix] of nets.entries()) if (isHostPrefix(prefix)) hosts.set(prefixAddress(prefix), net)
  return hosts
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
  const [only] = holders
  // Nearly every address has one holder.
  if (only && holders.length === 1) {
    const kind = attributes.get(only.attributes)?.kind
    if (kind === 'prefix' || (host && (kind === 'pod' || kind === 'host'))) return {...NO_LAYER, owner: only}
  }
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
