import {type ActualLink, type AddressSpec, ALIAS_PREFIX, DEVICE_PREFIX, type LinkSpec} from '../../model/index.ts'
import {type Address, addressFromNumber, addressNumber, familyOf} from '../../net/index.ts'
import {StepFailure} from '../failure.ts'
import {attribute, attributesOf, nested, text, textOf, u8, u16, u16be, u32} from './attributes.ts'

/**
 * rtnetlink messages of links and addresses, encoded and decoded attribute by attribute: to the library a tunnel's kind
 * and data (IFLA_LINKINFO) are opaque bytes, so nothing would be left for it to do.
 */
export const RTM = {newLink: 16, delLink: 17, getLink: 18, newAddress: 20, delAddress: 21, getAddress: 22} as const

const IFLA = {ifname: 3, mtu: 4, linkinfo: 18, ifalias: 20, group: 27} as const
const INFO = {kind: 1, data: 2} as const
const IPTUN = {
  local: 2,
  remote: 3,
  ttl: 4,
  flags: 8,
  protocol: 9,
  pmtudisc: 10,
  encapType: 15,
  sourcePort: 17,
  port: 18,
} as const
/** What is inside: IPv6, or either. */
const PROTOCOL = {ip6: 41, any: 0} as const
/** linux/ip6_tunnel.h: no destination option that says how often a packet may be wrapped. */
const IGNORE_ENCAP_LIMIT = 1
/** linux/if_tunnel.h */
const ENCAP = {none: 0, fou: 1} as const
const VXLAN = {
  id: 1,
  group: 2,
  local: 4,
  ttl: 5,
  learning: 7,
  port: 15,
  group6: 16,
  local6: 17,
  metadata: 25,
  df: 29,
} as const
const VXLAN_DF_SET = 1
const IFA = {address: 1, local: 2, flags: 8} as const
const IFF_UP = 1
const IFA_F_NODAD = 2
const AF = {4: 2, 6: 10} as const
const SCOPE_LINK = 253

/** Marks a device between its creation and its alias (the kernel takes no alias at creation), see `driver.ts`. */
export const HALF_MADE_GROUP = 0x69737468

const join = (...parts: Uint8Array[]) => Buffer.concat(parts)

export function addressBytes(address: Address): Buffer {
  const width = familyOf(address) === 4 ? 8 : 32
  return Buffer.from(addressNumber(address).toString(16).padStart(width, '0'), 'hex')
}

export function addressOf(bytes: Buffer | undefined): Address | null {
  if (bytes?.length !== 4 && bytes?.length !== 16) return null
  return addressFromNumber(BigInt(`0x${bytes.toString('hex')}`), bytes.length === 4 ? 4 : 6)
}

/** struct ifinfomsg */
function linkHeader(index: number, up: boolean): Buffer {
  const header = Buffer.alloc(16)
  header.set(u32(index), 4)
  if (up) {
    header.set(u32(IFF_UP), 8)
    header.set(u32(IFF_UP), 12)
  }
  return header
}

export const allLinks = (): Buffer => linkHeader(0, false)
export const linkNamed = (name: string): Buffer => join(linkHeader(0, false), attribute(IFLA.ifname, text(name)))
export const linkIndexed = (index: number): Buffer => linkHeader(index, false)

/** Makes the device, down and marked as half made. */
export function linkCreate(link: LinkSpec): Buffer {
  return join(
    linkHeader(0, false),
    attribute(IFLA.ifname, text(link.name)),
    attribute(IFLA.mtu, u32(link.mtu)),
    attribute(IFLA.group, u32(HALF_MADE_GROUP)),
    nested(IFLA.linkinfo, attribute(INFO.kind, Buffer.from(link.kind)), nested(INFO.data, ...linkData(link))),
  )
}

/** What a living device takes: MTU, alias, up; of IPIP also whether it is sent in UDP, with all else that its kind has. */
export function linkUpdate(index: number, link: LinkSpec, whole = false): Buffer {
  const info = [attribute(INFO.kind, Buffer.from(link.kind)), nested(INFO.data, ...linkData(link))]
  return join(
    linkHeader(index, true),
    attribute(IFLA.mtu, u32(link.mtu)),
    attribute(IFLA.ifalias, Buffer.from(link.alias)),
    attribute(IFLA.group, u32(0)),
    ...(whole ? [nested(IFLA.linkinfo, ...info)] : []),
  )
}

function linkData(link: LinkSpec): Buffer[] {
  switch (link.kind) {
    case 'ip6tnl':
      return [
        attribute(IPTUN.local, addressBytes(link.local)),
        attribute(IPTUN.remote, addressBytes(link.remote)),
        attribute(IPTUN.ttl, u8(link.ttl)),
        attribute(IPTUN.flags, u32(IGNORE_ENCAP_LIMIT)),
        attribute(IPTUN.protocol, u8(PROTOCOL.any)),
      ]
    case 'ipip':
    case 'sit':
      if (familyOf(link.local) !== 4 || familyOf(link.remote) !== 4) {
        throw new StepFailure('unsupported', `${link.kind} over IPv6, ${link.local} to ${link.remote}`)
      }
      return [
        attribute(IPTUN.local, addressBytes(link.local)),
        attribute(IPTUN.remote, addressBytes(link.remote)),
        attribute(IPTUN.ttl, u8(link.ttl)),
        attribute(IPTUN.pmtudisc, u8(1)),
        ...(link.kind === 'sit' ? [attribute(IPTUN.protocol, u8(PROTOCOL.ip6))] : []),
        // Source port 0: one a flow, so that routers with several links spread flows over them.
        ...(link.fou === undefined
          ? [attribute(IPTUN.encapType, u16(ENCAP.none))]
          : [attribute(IPTUN.encapType, u16(ENCAP.fou)), attribute(IPTUN.port, u16be(link.fou))]),
      ]
    case 'vxlan':
      return [
        attribute(VXLAN.id, u32(link.vni)),
        attribute(familyOf(link.remote) === 4 ? VXLAN.group : VXLAN.group6, addressBytes(link.remote)),
        attribute(familyOf(link.local) === 4 ? VXLAN.local : VXLAN.local6, addressBytes(link.local)),
        attribute(VXLAN.ttl, u8(link.ttl)),
        attribute(VXLAN.learning, u8(0)),
        attribute(VXLAN.port, u16be(link.port)),
        // As pmtudisc of ipip: the path is asked, never split on.
        attribute(VXLAN.df, u8(VXLAN_DF_SET)),
      ]
    case 'wireguard':
      return []
  }
}

/** A device as the kernel tells it, ours or not. */
export interface KernelLink {
  readonly index: number
  readonly name: string
  readonly up: boolean
  readonly ours: boolean
  /** Made by us, and we were killed before it had its alias. */
  readonly halfMade: boolean
  readonly actual: ActualLink
}

export function parseLink(message: Buffer): KernelLink {
  const attributes = attributesOf(message.subarray(16))
  const index = message.readInt32LE(4)
  const name = textOf(attributes.get(IFLA.ifname))
  const alias = textOf(attributes.get(IFLA.ifalias))
  const up = (message.readUInt32LE(8) & IFF_UP) !== 0
  const mtu = attributes.get(IFLA.mtu)?.readUInt32LE() ?? 0
  const group = attributes.get(IFLA.group)?.readUInt32LE() ?? 0
  const named = name.startsWith(DEVICE_PREFIX)
  return {
    index,
    name,
    up,
    ours: named && alias.startsWith(ALIAS_PREFIX),
    halfMade: named && alias === '' && group === HALF_MADE_GROUP,
    actual: {name, index, up, spec: parseSpec({name, alias, mtu}, attributes.get(IFLA.linkinfo))},
  }
}

function parseSpec(base: {name: string; alias: string; mtu: number}, info: Buffer | undefined): LinkSpec | null {
  if (!info) return null
  const outer = attributesOf(info)
  const kind = textOf(outer.get(INFO.kind))
  const data = attributesOf(outer.get(INFO.data) ?? Buffer.alloc(0))
  const flag = (type: number) => data.get(type)?.readUInt8() ?? 0
  switch (kind) {
    case 'ip6tnl': {
      const [local, remote] = [addressOf(data.get(IPTUN.local)), addressOf(data.get(IPTUN.remote))]
      const flags = data.get(IPTUN.flags)?.readUInt32LE() ?? 0
      if (!local || !remote || flag(IPTUN.protocol) !== PROTOCOL.any) return null
      if ((flags & IGNORE_ENCAP_LIMIT) === 0) return null
      return {...base, kind, local, remote, ttl: flag(IPTUN.ttl)}
    }
    case 'ipip':
    case 'sit': {
      const local = addressOf(data.get(IPTUN.local))
      const remote = addressOf(data.get(IPTUN.remote))
      if (!local || !remote || flag(IPTUN.pmtudisc) !== 1) return null
      if (kind === 'sit' && flag(IPTUN.protocol) !== PROTOCOL.ip6) return null
      const found = {...base, kind, local, remote, ttl: flag(IPTUN.ttl)} as const
      const encap = data.get(IPTUN.encapType)?.readUInt16LE() ?? ENCAP.none
      if (encap === ENCAP.none) return found
      const [from, to] = [IPTUN.sourcePort, IPTUN.port].map((type) => data.get(type)?.readUInt16BE() ?? 0)
      return encap === ENCAP.fou && from === 0 ? {...found, fou: to!} : null
    }
    case 'vxlan': {
      const local = addressOf(data.get(VXLAN.local) ?? data.get(VXLAN.local6))
      const remote = addressOf(data.get(VXLAN.group) ?? data.get(VXLAN.group6))
      const vni = data.get(VXLAN.id)?.readUInt32LE()
      const port = data.get(VXLAN.port)?.readUInt16BE()
      if (!local || !remote || vni === undefined || port === undefined) return null
      if (flag(VXLAN.learning) !== 0 || flag(VXLAN.metadata) !== 0) return null
      if (flag(VXLAN.df) !== VXLAN_DF_SET) return null
      return {...base, kind, local, remote, ttl: flag(VXLAN.ttl), vni, port}
    }
    case 'wireguard':
      return {...base, kind}
    default:
      return null
  }
}

export interface KernelAddress {
  readonly index: number
  readonly prefixLength: number
  readonly local: Address
  readonly peer: Address
  /** fe80::/10, which the kernel gives by itself. */
  readonly automatic: boolean
}

export const allAddresses = (): Buffer => Buffer.alloc(8)

export function addressMessage(index: number, {local, peer}: Pick<AddressSpec, 'local' | 'peer'>, length?: number) {
  const family = familyOf(local)
  const header = Buffer.alloc(8)
  header[0] = AF[family]
  header[1] = length ?? (family === 4 ? 32 : 128)
  header.set(u32(index), 4)
  return join(
    header,
    attribute(IFA.local, addressBytes(local)),
    attribute(IFA.address, addressBytes(peer)),
    // A point-to-point address is unique by plan; without this it is not usable for a second.
    ...(family === 6 ? [attribute(IFA.flags, u32(IFA_F_NODAD))] : []),
  )
}

export function parseAddressMessage(message: Buffer): KernelAddress | null {
  const attributes = attributesOf(message.subarray(8))
  const peer = addressOf(attributes.get(IFA.address))
  if (!peer) return null
  return {
    index: message.readUInt32LE(4),
    prefixLength: message.readUInt8(1),
    local: addressOf(attributes.get(IFA.local)) ?? peer,
    peer,
    automatic: message.readUInt8(0) === AF[6] && message.readUInt8(3) === SCOPE_LINK,
  }
}
