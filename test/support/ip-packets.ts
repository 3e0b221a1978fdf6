import {type Address, addressNumber, familyOf, parseAddress} from '../../src/net/index.ts'

/** Whole IP packets as bytes, for what no well-behaved sender sends. */
export interface PacketFields {
  readonly source: string
  readonly destination: string
  readonly protocol: number
  /** Bytes of the datagram before these. */
  readonly offset?: number
  readonly moreFragments?: boolean
  readonly id?: number
}

const FRAGMENT_HEADER = 44
export const PROTOCOL = {icmp: 1, ipip: 4, tcp: 6, udp: 17, icmp6: 58} as const

export function ipPacket(fields: PacketFields, payload: Buffer): Buffer {
  return fields.destination.includes(':') ? packet6(fields, payload) : packet4(fields, payload)
}

function packet4({source, destination, protocol, offset = 0, moreFragments, id = 7}: PacketFields, payload: Buffer) {
  const header = Buffer.alloc(20)
  header.set([0x45, 0], 0)
  header.writeUInt16BE(20 + payload.length, 2)
  header.writeUInt16BE(id, 4)
  header.writeUInt16BE(offset / 8 + (moreFragments ? 0x2000 : 0), 6)
  header.set([64, protocol], 8)
  header.set(addressBytes(source), 12)
  header.set(addressBytes(destination), 16)
  header.writeUInt16BE(checksum(header), 10)
  return Buffer.concat([header, payload])
}

function packet6({source, destination, protocol, offset = 0, moreFragments, id = 7}: PacketFields, payload: Buffer) {
  const isFragment = offset > 0 || moreFragments === true
  const fragment = Buffer.alloc(isFragment ? 8 : 0)
  if (isFragment) {
    fragment.set([protocol], 0)
    fragment.writeUInt16BE(offset + (moreFragments ? 1 : 0), 2)
    fragment.writeUInt32BE(id, 4)
  }
  const header = Buffer.alloc(8)
  header[0] = 0x60
  header.writeUInt16BE(fragment.length + payload.length, 4)
  header.set([isFragment ? FRAGMENT_HEADER : protocol, 64], 6)
  return Buffer.concat([header, addressBytes(source), addressBytes(destination), fragment, payload])
}

/** A datagram with the checksum that IPv6 insists on. */
export function udpDatagram(
  {source, destination}: Pick<PacketFields, 'source' | 'destination'>,
  [fromPort, toPort]: readonly [number, number],
  content: Buffer,
): Buffer {
  const header = Buffer.alloc(8)
  for (const [at, value] of [fromPort, toPort, 8 + content.length].entries()) header.writeUInt16BE(value, 2 * at)
  const datagram = Buffer.concat([header, content])
  datagram.writeUInt16BE(
    checksum(Buffer.concat([pseudoHeader(source, destination, PROTOCOL.udp, datagram), datagram])),
    6,
  )
  return datagram
}

/** "Too big" about a packet, as a router says it. */
export function tooBig({source, destination}: Pick<PacketFields, 'source' | 'destination'>, about: Buffer): Buffer {
  const isSix = destination.includes(':')
  const message = Buffer.concat([Buffer.from(isSix ? [2, 0, 0, 0, 0, 0, 5, 0] : [3, 4, 0, 0, 0, 0, 5, 0]), about])
  const covered = isSix ? [pseudoHeader(source, destination, PROTOCOL.icmp6, message), message] : [message]
  message.writeUInt16BE(checksum(Buffer.concat(covered)), 2)
  return ipPacket({source, destination, protocol: isSix ? PROTOCOL.icmp6 : PROTOCOL.icmp}, message)
}

function pseudoHeader(source: string, destination: string, protocol: number, content: Buffer): Buffer {
  const end = Buffer.alloc(8)
  end.writeUInt32BE(content.length, 0)
  end[7] = protocol
  return Buffer.concat([addressBytes(source), addressBytes(destination), end])
}

function addressBytes(text: string): Buffer {
  const address: Address = parseAddress(text)!
  return Buffer.from(
    addressNumber(address)
      .toString(16)
      .padStart(familyOf(address) === 4 ? 8 : 32, '0'),
    'hex',
  )
}

export function checksum(bytes: Buffer): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += at + 1 < bytes.length ? bytes.readUInt16BE(at) : bytes[at]! << 8
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
