import type {AttributeSet, Direction, Member, SiteName, World} from '../../model/index.ts'
import {type Address, hostPrefix, prefixContainsAddress, prefixLength} from '../../net/index.ts'

/** The first packet of a flow, as far as policy can see it. */
export interface Packet {
  readonly from: Address
  readonly to: Address
  readonly protocol: number
  /** Ports of TCP, UDP and SCTP. Where one is not known, a rule that asks for it does not match. */
  readonly sourcePort?: number
  readonly destinationPort?: number
  readonly icmpType?: number
  readonly icmpCode?: number
}

/** One answer, in the words of formats.md. */
export interface Judgement {
  readonly verdict: 'allow' | 'deny'
  readonly reason: 'rule' | 'tier' | 'default' | 'unowned'
  readonly direction: Direction | null
  readonly site: SiteName | null
  readonly kind: string | null
  readonly tier: string | null
  readonly policy: string | null
  /** 0-based, in the stored list; null also for a policy that cannot be read whole and therefore denies. */
  readonly rule: number | null
}

/** Something that holds an address. */
export interface Holder {
  readonly site: SiteName
  readonly set: AttributeSet
}

/** What an address is: the endpoint or owned prefix that answers for it, and every object that peers may mean. */
export interface AddressView {
  readonly address: Address
  /** null: the address belongs to no site. */
  readonly subject: Holder | null
  readonly peers: readonly Holder[]
}

/**
 * Finds who holds an address: the pod or host, else the longest owned prefix; network sets come on top, as peers only.
 * Of two endpoints with one address the latest mod revision counts, then the source's name, so that all agree.
 */
export function viewAddress(world: Pick<World, 'members' | 'attributes'>, address: Address): AddressView {
  const holder = (member: Member): Holder[] => {
    const set = world.attributes.get(member.attributes)
    return set ? [{site: member.site, set}] : []
  }
  const kindOf = (member: Member): string | undefined => world.attributes.get(member.attributes)?.kind
  const isEndpoint = (member: Member): boolean => kindOf(member) === 'pod' || kindOf(member) === 'host'

  const own = (world.members.get(hostPrefix(address)) ?? []).filter(isEndpoint).sort(latestFirst)
  const around = [...world.members]
    .filter(([prefix]) => prefixContainsAddress(prefix, address))
    .sort(([a], [b]) => prefixLength(b) - prefixLength(a))
  const owned = around.map(([, members]) => members.filter((member) => kindOf(member) === 'prefix').sort(latestFirst))
  const subject = [...own, ...owned.flat()].flatMap(holder)[0] ?? null
  const sets = around.flatMap(([, members]) => members).filter((member) => kindOf(member) === 'set')
  return {address, subject, peers: [...(subject ? [subject] : []), ...sets.flatMap(holder)]}
}

function latestFirst(a: Member, b: Member): number {
  if (a.modRevision !== b.modRevision) return b.modRevision - a.modRevision
  const [left, right] = [`${a.source} ${a.attributes}`, `${b.source} ${b.attributes}`]
  return left < right ? -1 : left > right ? 1 : 0
}
