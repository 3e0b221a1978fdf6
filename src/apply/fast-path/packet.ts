import type {Family} from '../../net/index.ts'
import {
  alu,
  call,
  exit,
  type Instruction,
  jump,
  jumpIf,
  label,
  load,
  move,
  R0,
  R1,
  R2,
  R6,
  R9,
  R10,
  type Register,
  store,
} from './assemble.ts'

/** struct __sk_buff (linux/bpf.h), fields of 32 bits. */
export const SKB = {
  length: 0,
  packetType: 4,
  mark: 8,
  protocol: 16,
  vlanPresent: 20,
  ingressIndex: 36,
  index: 40,
  tcIndex: 44,
  data: 76,
  dataEnd: 80,
} as const
export const HELPER = {
  lookup: 1,
  update: 2,
  ktime: 5,
  pullData: 39,
  changeHead: 43,
  fibLookup: 69,
  redirectNeighbour: 152,
} as const
/** TC_ACT_UNSPEC: whatever else is on the device goes on with it. */
const GO_ON = -1
export const UDP = 17
const UDP_BYTES = 8

/** Where the fields of a header are (RFC 791, RFC 8200); numbers of more than a byte in the packet's order. */
interface Header {
  readonly etherType: number
  readonly addressFamily: number
  readonly bytes: number
  readonly addressBytes: number
  readonly protocol: number
  readonly ttl: number
  readonly source: number
  readonly destination: number
}
export const HEADERS: Readonly<Record<Family, Header>> = {
  4: {
    etherType: 0x0008,
    addressFamily: 2,
    bytes: 20,
    addressBytes: 4,
    protocol: 9,
    ttl: 8,
    source: 12,
    destination: 16,
  },
  6: {
    etherType: 0xdd86,
    addressFamily: 10,
    bytes: 40,
    addressBytes: 16,
    protocol: 6,
    ttl: 7,
    source: 8,
    destination: 24,
  },
}
/** What only IPv4 has. */
export const IPV4 = {versionAndLength: 0x45, tos: 1, length: 2, fragment: 6, checksum: 10} as const
const FRAGMENT = 0xff3f
/** And IPv6: the version's bits, traffic class and flow label in the packet's order, the payload's length. */
export const IPV6 = {version: 0x60, flowInfo: 0xffffff0f, length: 4} as const

/** A flow: source, destination, both ports as they are in the packet, the device that it comes by. At the end of the stack. */
export const keyBytes = (family: Family): number => 2 * HEADERS[family].addressBytes + 8
export const keyAt = (family: Family) => ({
  source: -keyBytes(family),
  destination: -keyBytes(family) + HEADERS[family].addressBytes,
  sourcePort: -8,
  destinationPort: -6,
  device: -4,
})

export type Code = readonly Instruction[]

/** All that a program does not take goes on. */
export const OUT = 'out'
export const goOn: Code = [label(OUT), move(R0, GO_ON), exit()]

export const stackAddress = (to: Register, at: number): Code => [move(to, {register: R10}), alu('add', to, at)]

/** A field of the packet that R9 is, in words, to the stack. */
export const copied = (from: number, to: number, bytes: number): Code =>
  Array.from({length: bytes / 4}, (_, word) => [
    load(4, R1, R9, from + 4 * word),
    store(4, R10, to + 4 * word, {register: R1}),
  ]).flat()

/** One piece of code for each family, of which a packet passes its own; all that is neither goes on. */
export const eachFamily = (code: (family: Family) => Code): Code => [
  load(4, R1, R6, SKB.protocol),
  jumpIf(R1, 'equal', HEADERS[6].etherType, 'six'),
  jumpIf(R1, 'notEqual', HEADERS[4].etherType, OUT),
  ...code(4),
  label('six'),
  ...code(6),
]

/** R9 is the packet, of which the headers may be read; all but UDP that is whole, without options, goes on. */
export function findUdp(ip: number, family: Family): Code {
  const {bytes, protocol} = HEADERS[family]
  const least = ip + bytes + UDP_BYTES
  const [pull, read] = [`pull${family}`, `read${family}`]
  const place = (otherwise: string): Code => [
    load(4, R9, R6, SKB.data),
    load(4, R2, R6, SKB.dataEnd),
    move(R1, {register: R9}),
    alu('add', R1, least),
    jumpIf(R1, 'above', {register: R2}, otherwise),
  ]
  return [
    ...place(pull),
    jump(read),
    label(pull),
    load(4, R1, R6, SKB.length),
    jumpIf(R1, 'below', least, OUT),
    move(R1, {register: R6}),
    move(R2, least),
    call(HELPER.pullData),
    ...place(OUT),
    label(read),
    load(1, R1, R9, ip),
    ...(family === 4
      ? [
          jumpIf(R1, 'notEqual', IPV4.versionAndLength, OUT),
          load(2, R1, R9, ip + IPV4.fragment),
          alu('and', R1, FRAGMENT),
          jumpIf(R1, 'notEqual', 0, OUT),
        ]
      : [alu('and', R1, 0xf0), jumpIf(R1, 'notEqual', IPV6.version, OUT)]),
    load(1, R1, R9, ip + protocol),
    jumpIf(R1, 'notEqual', UDP, OUT),
  ]
}

/** The flow's key, at the end of the stack. `device`: the field of the packet's that it came by. */
export function writeKey(ip: number, family: Family, device: number): Code {
  const {bytes, addressBytes, source, destination} = HEADERS[family]
  const key = keyAt(family)
  return [
    ...copied(ip + source, key.source, addressBytes),
    ...copied(ip + destination, key.destination, addressBytes),
    ...copied(ip + bytes, key.sourcePort, 4),
    load(4, R1, R6, device),
    store(4, R10, key.device, {register: R1}),
  ]
}
