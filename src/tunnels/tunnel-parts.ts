import type {
  AddressSpec,
  Carrier,
  Encapsulation,
  GatewayRecord,
  LinkSpec,
  LocalUplink,
  RemoteSite,
  Slot,
  Tunnel,
  TunnelOffer,
  Uplink,
} from '../model/index.ts'
import {sessionName} from '../model/index.ts'
import {type Family, familyOf} from '../net/index.ts'
import {outerOf} from './auto.ts'
import {describe, deviceAlias, deviceName, type TunnelIdentity, vni} from './identity.ts'

/** One local uplink, one remote uplink, one slot: at most one tunnel a family. */
export interface Pair {
  readonly identity: TunnelIdentity
  readonly slot: Slot
  readonly carrier: Carrier
  /** No other one is beside it. */
  readonly isAlone: boolean
  readonly encapsulation: Encapsulation
  readonly site: RemoteSite
  readonly gateway: GatewayRecord
  readonly remote: Uplink
  readonly local: LocalUplink
}

/** A device and the families inside: a kind that bears one only has two devices, any other one for both. */
export interface TunnelPart {
  readonly identity: TunnelIdentity
  readonly device: string
  readonly families: readonly Family[]
}

const TTL = 64
const VXLAN_PORT = 4789

/** Those of which both ends have an inner address. */
export const innerFamilies = ({local, remote, slot}: Pick<Pair, 'local' | 'remote' | 'slot'>): Family[] =>
  ([4, 6] as const).filter((family) => local.inner[family][slot] && remote.inner[family][slot])

/** What the remote offers to this pair's near end, in its slot. */
export const theirsOf = ({gateway, remote, identity, slot}: Pair): TunnelOffer | undefined =>
  gateway.tunnels.get(identity.local)?.find((offer) => offer.uplink === remote.name && offer.slot === slot)

export const deviceOf = ({site}: Pair, identity: TunnelIdentity): string => deviceName(site.name, identity)

export function partsOf(pair: Pair, families: readonly Family[]): TunnelPart[] {
  const {identity, encapsulation, remote} = pair
  const perFamily = (encapsulation === 'ipip' || encapsulation === 'fou') && familyOf(outerOf(remote)) === 4
  if (!perFamily) return families.length === 0 ? [] : [{identity, device: deviceOf(pair, identity), families}]
  return families.map((family) => {
    const own = ofFamily(identity, family)
    return {identity: own, device: deviceOf(pair, own), families: [family]}
  })
}

/** IPv4's has no word for it, so that a site which gets IPv6 keeps what it has. */
const ofFamily = (identity: TunnelIdentity, family: Family): TunnelIdentity =>
  family === 6 ? {...identity, family} : identity

export function tunnelsOf(pair: Pair, {device, families}: TunnelPart): Tunnel[] {
  const {identity, slot, local, remote, site, gateway, encapsulation} = pair
  return families.map((family) => ({
    id: `${local.name} ${identity.remote} ${slot}${family === 6 ? ' ipv6' : ''}`,
    remote: identity.remote,
    site: site.name,
    gateway: gateway.name,
    localUplink: local.name,
    slot,
    encapsulation,
    device,
    local: local.inner[family][slot]!,
    peer: remote.inner[family][slot]!,
    session: sessionName('tunnel', site.name, describe(ofFamily(identity, family))),
    ...(pair.carrier.phase === 'open' ? {} : {standby: true}),
    ...(pair.carrier.phase === 'leaving' || pair.carrier.phase === 'left' ? {followed: true} : {}),
  }))
}

export const addressesOf = (pair: Pair, part: TunnelPart): AddressSpec[] =>
  part.families.map((family) => ({
    device: part.device,
    local: pair.local.inner[family][pair.slot]!,
    peer: pair.remote.inner[family][pair.slot]!,
  }))

export function linkOf(pair: Pair, part: TunnelPart, mtu: number, theirs: TunnelOffer): LinkSpec {
  const {local, remote, encapsulation} = pair
  const base = {name: part.device, alias: deviceAlias(part.identity), mtu}
  const outer = {local: local.address, remote: outerOf(remote), ttl: TTL}
  switch (encapsulation) {
    case 'ipip':
      if (familyOf(outer.remote) === 6) return {kind: 'ip6tnl', ...base, ...outer}
      return {kind: part.families[0] === 6 ? 'sit' : 'ipip', ...base, ...outer}
    case 'fou':
      return part.families[0] === 6
        ? {kind: 'sit', ...base, ...outer, fou: theirs.port6!}
        : {kind: 'ipip', ...base, ...outer, fou: theirs.port!}
    case 'vxlan':
      return {kind: 'vxlan', ...base, ...outer, vni: vni(pair.identity), port: VXLAN_PORT}
    case 'wireguard':
      return {kind: 'wireguard', ...base}
    case 'none':
      throw new Error('encapsulation none has no pairs')
  }
}
