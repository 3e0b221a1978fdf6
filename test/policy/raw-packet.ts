import {readFileSync} from 'node:fs'
import koffi from 'koffi'
import {addressNumber, familyOf} from '../../src/net/index.ts'
import type {Packet} from '../../src/policy/oracle/index.ts'

/**
 * An Ethernet frame with the packet: SYN, datagram, INIT, ICMP or 8 zero bytes. `label` comes out as IPv4's identification
 * or IPv6's flow label, so that the far end can tell which packets came through.
 */
export function frameOf(packet: Packet, label: number, destinationMac: string): Buffer {
  const family = familyOf(packet.from)
  const payload = payloadOf(packet)
  const mac = Buffer.from(destinationMac.replaceAll(':', ''), 'hex')
  const ethernet = Buffer.concat([mac, Buffer.from(family === 4 ? '0200000000010800' : '02000000000186dd', 'hex')])
  return Buffer.concat([
    ethernet,
    family === 4 ? header4(packet, label, payload) : header6(packet, label, payload),
    payload,
  ])
}

function header4(packet: Packet, label: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(20)
  header[0] = 0x45
  header.writeUInt16BE(20 + payload.length, 2)
  header.writeUInt16BE(label, 4)
  header[8] = 64
  header[9] = packet.protocol
  addressBytes(packet.from).copy(header, 12)
  addressBytes(packet.to).copy(header, 16)
  header.writeUInt16BE(checksum(header), 10)
  return header
}

function header6(packet: Packet, label: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(40)
  header.writeUInt32BE(0x60000000 + label, 0)
  header.writeUInt16BE(payload.length, 4)
  header[6] = packet.protocol
  header[7] = 64
  addressBytes(packet.from).copy(header, 8)
  addressBytes(packet.to).copy(header, 24)
  return header
}

/** With right checksums: conntrack takes a packet with a wrong one for invalid. */
function payloadOf(packet: Packet): Buffer {
  const {protocol, sourcePort = 0, destinationPort = 0, icmpType = 0, icmpCode = 0} = packet
  if (protocol === 132) return sctpInit(sourcePort, destinationPort)
  const length = protocol === 6 ? 20 : 8
  const payload = Buffer.alloc(length)
  const icmp = protocol === (familyOf(packet.from) === 4 ? 1 : 58)
  if (protocol === 6 || protocol === 17) {
    payload.writeUInt16BE(sourcePort, 0)
    payload.writeUInt16BE(destinationPort, 2)
  }
  if (protocol === 6) {
    payload[12] = 0x50
    payload[13] = 0x02
    payload.writeUInt16BE(8192, 14)
  }
  // UDP-Lite has there how many bytes the checksum covers: all.
  if (protocol === 17 || protocol === 136) payload.writeUInt16BE(length, 4)
  if (icmp) {
    payload[0] = icmpType
    payload[1] = icmpCode
  }
  const pseudo = Buffer.concat([
    addressBytes(packet.from),
    addressBytes(packet.to),
    // The kernel's conntrack takes UDP's number also for UDP-Lite.
    Buffer.from([0, protocol === 136 ? 17 : protocol, 0, length]),
  ])
  if (protocol === 1 && icmp) payload.writeUInt16BE(checksum(payload), 2)
  else if (icmp) payload.writeUInt16BE(checksum(Buffer.concat([pseudo, payload])), 2)
  else if (protocol === 6) payload.writeUInt16BE(checksum(Buffer.concat([pseudo, payload])), 16)
  else if (protocol === 17 || protocol === 136)
    payload.writeUInt16BE(checksum(Buffer.concat([pseudo, payload])) || 0xffff, 6)
  return payload
}

/** The first packet of an association: the common header, and a chunk INIT of a host that takes one stream. */
function sctpInit(sourcePort: number, destinationPort: number): Buffer {
  const packet = Buffer.alloc(32)
  packet.writeUInt16BE(sourcePort, 0)
  packet.writeUInt16BE(destinationPort, 2)
  packet[12] = 1
  packet.writeUInt16BE(20, 14)
  packet.writeUInt32BE(1, 16)
  packet.writeUInt32BE(1500, 20)
  packet.writeUInt16BE(1, 24)
  packet.writeUInt16BE(1, 26)
  packet.writeUInt32BE(1, 28)
  packet.writeUInt32LE(crc32c(packet), 8)
  return packet
}

function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

function addressBytes(address: Packet['from']): Buffer {
  const family = familyOf(address)
  return Buffer.from(
    addressNumber(address)
      .toString(16)
      .padStart(family === 4 ? 8 : 32, '0'),
    'hex',
  )
}

function checksum(bytes: Buffer): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/** Sends frames from a device of this process's network namespace. */
export function frameSender(device: string): {send(frame: Buffer): void; close(): void} {
  const libc = koffi.load('libc.so.6')
  const socket = libc.func('int socket(int, int, int)')
  const sendto = libc.func('long sendto(int, const void *, size_t, int, const void *, uint32_t)')
  const close = libc.func('int close(int)')
  const [AF_PACKET, SOCK_RAW] = [17, 3]
  const handle: number = socket(AF_PACKET, SOCK_RAW, 0)
  if (handle < 0) throw new Error('no packet socket: not root?')
  const to = Buffer.alloc(20)
  to.writeUInt16LE(AF_PACKET, 0)
  to.writeInt32LE(Number(readFileSync(`/sys/class/net/${device}/ifindex`, 'utf8')), 4)
  return {
    send(frame) {
      if (sendto(handle, frame, frame.length, 0, to, to.length) !== frame.length) throw new Error('frame was not sent')
    },
    close: () => close(handle),
  }
}
