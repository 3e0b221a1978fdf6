import {REMEMBER_MARK} from '../../model/index.ts'
import type {Family} from '../../net/index.ts'
import {
  alu,
  assemble,
  call,
  exit,
  type Instruction,
  jump,
  jumpIf,
  jumpIf32,
  label,
  load,
  loadMap,
  loadMapValue,
  move,
  R0,
  R1,
  R2,
  R3,
  R4,
  R6,
  R7,
  R8,
  R9,
  R10,
  type Register,
  store,
  swap16,
} from './assemble.ts'

/** struct __sk_buff (linux/bpf.h), fields of 32 bits. */
const SKB = {
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
const HELPER = {
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
const PACKET_HOST = 0
const UDP = 17
const UDP_BYTES = 8
/** An entry holds so long; then the flow's next packet passes conntrack and all rules again. */
const HOLDS_NS = 1_000_000_000
/** BPF_FIB_LKUP_RET_NO_NEIGH: so it is of a device without neighbours. */
const NO_NEIGHBOUR = 7

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
const HEADERS: Readonly<Record<Family, Header>> = {
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
const IPV4 = {versionAndLength: 0x45, tos: 1, length: 2, fragment: 6, checksum: 10} as const
const FRAGMENT = 0xff3f
/** And IPv6: the version's bits, traffic class and flow label in the packet's order, the payload's length. */
const IPV6 = {version: 0x60, flowInfo: 0xffffff0f, length: 4} as const

/** A flow: source, destination, both ports as they are in the packet, the device that it comes by. */
export const keyBytes = (family: Family): number => 2 * HEADERS[family].addressBytes + 8
/** When it was last seen behind all rules (ns), the device that it leaves by, the epoch that its packet came in. */
export const ENTRY_BYTES = 16
const ENTRY = {at: 0, out: 8, epoch: 12} as const

/** struct bpf_fib_lookup */
const FIB = {
  bytes: 64,
  family: 0,
  protocol: 1,
  ports: 2,
  length: 6,
  index: 8,
  tos: 12,
  source: 16,
  destination: 32,
} as const
/** struct bpf_redir_neigh: the family, and the next hop. */
const NEIGHBOUR_BYTES = 20

/** The stack. */
const FIB_AT = -keyBytes(6) - FIB.bytes
const NEIGHBOUR_AT = FIB_AT - NEIGHBOUR_BYTES - 4
const VALUE_AT = -keyBytes(6) - ENTRY_BYTES

/** A device's frames begin with an Ethernet header, or with the packet itself (ipip, WireGuard). */
export type Framing = 'ethernet' | 'bare'
const ETHERNET_BYTES = 14
const headerAt = (framing: Framing): number => (framing === 'ethernet' ? ETHERNET_BYTES : 0)

/** File descriptors. */
export interface ProgramMaps {
  /** Array of one number of 32 bits: the epoch, 0 while nothing may pass. */
  readonly gate: number
  /** LRU hashes of `ENTRY_BYTES` by `keyBytes`. */
  readonly flows: Readonly<Record<Family, number>>
  /** Array of one number of 64 bits for each processor: packets that left here. */
  readonly count: number
}

type Code = readonly Instruction[]

const OUT = 'out'
const goOn: Code = [label(OUT), move(R0, GO_ON), exit()]

const stackAddress = (to: Register, at: number): Code => [move(to, {register: R10}), alu('add', to, at)]

/** A field of the packet that R9 is, in words, to the stack. */
const copied = (from: number, to: number, bytes: number): Code =>
  Array.from({length: bytes / 4}, (_, word) => [
    load(4, R1, R9, from + 4 * word),
    store(4, R10, to + 4 * word, {register: R1}),
  ]).flat()

/** One piece of code for each family, of which a packet passes its own; all that is neither goes on. */
const eachFamily = (code: (family: Family) => Code): Code => [
  load(4, R1, R6, SKB.protocol),
  jumpIf(R1, 'equal', HEADERS[6].etherType, 'six'),
  jumpIf(R1, 'notEqual', HEADERS[4].etherType, OUT),
  ...code(4),
  label('six'),
  ...code(6),
]

/** R9 is the packet, of which the headers may be read; all but UDP that is whole, without options, goes on. */
function findUdp(ip: number, family: Family): Code {
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
function writeKey(ip: number, family: Family, device: number): Code {
  const {bytes, addressBytes, source, destination} = HEADERS[family]
  const key = -keyBytes(family)
  return [
    ...copied(ip + source, key, addressBytes),
    ...copied(ip + destination, key + addressBytes, addressBytes),
    ...copied(ip + bytes, -8, 4),
    load(4, R1, R6, device),
    store(4, R10, -4, {register: R1}),
  ]
}

/** R8 is the device that a remembered flow leaves by; a packet of any other goes on. R7 is the epoch. */
const findFlow = (family: Family, {flows}: ProgramMaps): Code => [
  loadMap(R1, flows[family]),
  ...stackAddress(R2, -keyBytes(family)),
  call(HELPER.lookup),
  jumpIf(R0, 'equal', 0, OUT),
  load(4, R1, R0, ENTRY.epoch),
  jumpIf(R1, 'notEqual', {register: R7}, OUT),
  move(R8, {register: R0}),
  call(HELPER.ktime),
  load(8, R1, R8, ENTRY.at),
  alu('sub', R0, {register: R1}),
  jumpIf(R0, 'above', HOLDS_NS, OUT),
  load(4, R8, R8, ENTRY.out),
]

/** Goes on unless the routes lead a packet of this size to the device R8 now. The next hop is in the answer on the stack. */
function findRoute(ip: number, family: Family): Code {
  const {addressFamily, bytes, addressBytes, source, destination} = HEADERS[family]
  const routed = `routed${family}`
  return [
    ...Array.from({length: FIB.bytes / 8}, (_, word) => store(8, R10, FIB_AT + 8 * word, 0)),
    store(1, R10, FIB_AT + FIB.family, addressFamily),
    store(1, R10, FIB_AT + FIB.protocol, UDP),
    ...[0, 2].flatMap((port) => [
      load(2, R1, R9, ip + bytes + port),
      store(2, R10, FIB_AT + FIB.ports + port, {register: R1}),
    ]),
    load(2, R1, R9, ip + (family === 4 ? IPV4.length : IPV6.length)),
    swap16(R1),
    ...(family === 4 ? [] : [alu('add', R1, bytes)]),
    store(2, R10, FIB_AT + FIB.length, {register: R1}),
    load(4, R1, R6, SKB.index),
    store(4, R10, FIB_AT + FIB.index, {register: R1}),
    ...(family === 4
      ? [load(1, R1, R9, ip + IPV4.tos), store(1, R10, FIB_AT + FIB.tos, {register: R1})]
      : [load(4, R1, R9, ip), alu('and', R1, IPV6.flowInfo), store(4, R10, FIB_AT + FIB.tos, {register: R1})]),
    ...copied(ip + source, FIB_AT + FIB.source, addressBytes),
    ...copied(ip + destination, FIB_AT + FIB.destination, addressBytes),
    move(R1, {register: R6}),
    ...stackAddress(R2, FIB_AT),
    move(R3, FIB.bytes),
    move(R4, 0),
    call(HELPER.fibLookup),
    jumpIf(R0, 'equal', 0, routed),
    jumpIf(R0, 'notEqual', NO_NEIGHBOUR, OUT),
    label(routed),
    load(4, R1, R10, FIB_AT + FIB.index),
    jumpIf(R1, 'notEqual', {register: R8}, OUT),
    load(1, R1, R10, FIB_AT + FIB.family),
    jumpIf(R1, 'notEqual', addressFamily, OUT),
  ]
}

const lessTtl = (ip: number, family: Family): Code => [
  load(1, R1, R9, ip + HEADERS[family].ttl),
  alu('sub', R1, 1),
  store(1, R9, ip + HEADERS[family].ttl, {register: R1}),
  // RFC 1624: the word that TTL is the upper half of is less by one there.
  ...(family === 4
    ? [
        load(2, R1, R9, ip + IPV4.checksum),
        alu('add', R1, 1),
        jumpIf32(R1, 'below', 0xffff, 'summed'),
        alu('add', R1, 1),
        label('summed'),
        store(2, R9, ip + IPV4.checksum, {register: R1}),
      ]
    : []),
]

const countOne = (family: Family, {count}: ProgramMaps): Code => [
  store(4, R10, NEIGHBOUR_AT, 0),
  loadMap(R1, count),
  ...stackAddress(R2, NEIGHBOUR_AT),
  call(HELPER.lookup),
  jumpIf(R0, 'equal', 0, `counted${family}`),
  load(8, R1, R0, 0),
  alu('add', R1, 1),
  store(8, R0, 0, {register: R1}),
  label(`counted${family}`),
]

/** To the next hop that `findRoute` found, by the device R8. */
function handOn(framing: Framing, family: Family): Code {
  const nextHop = Array.from({length: 4}, (_, word) => [
    load(4, R1, R10, FIB_AT + FIB.destination + 4 * word),
    store(4, R10, NEIGHBOUR_AT + 4 + 4 * word, {register: R1}),
  ]).flat()
  return [
    // The kernel takes the header of Ethernet off, so there must be one.
    ...(framing === 'bare'
      ? [move(R1, {register: R6}), move(R2, ETHERNET_BYTES), move(R3, 0), call(HELPER.changeHead)]
      : []),
    store(4, R10, NEIGHBOUR_AT, HEADERS[family].addressFamily),
    ...nextHop,
    move(R1, {register: R8}),
    ...stackAddress(R2, NEIGHBOUR_AT),
    move(R3, NEIGHBOUR_BYTES),
    move(R4, 0),
    call(HELPER.redirectNeighbour),
    exit(),
  ]
}

/**
 * What comes in by a device. A packet of a flow that passed all rules within a second, in this epoch, leaves by the device
 * that it left by then, if the routes say so still. All else goes on, with the epoch that it came in.
 */
export function arriving(framing: Framing, maps: ProgramMaps): Buffer {
  const ip = headerAt(framing)
  return assemble([
    move(R6, {register: R1}),
    loadMapValue(R1, maps.gate),
    load(4, R7, R1, 0),
    store(4, R6, SKB.tcIndex, {register: R7}),
    jumpIf(R7, 'equal', 0, OUT),
    load(4, R1, R6, SKB.packetType),
    jumpIf(R1, 'notEqual', PACKET_HOST, OUT),
    load(4, R1, R6, SKB.vlanPresent),
    jumpIf(R1, 'notEqual', 0, OUT),
    ...eachFamily((family) => [
      ...findUdp(ip, family),
      load(1, R1, R9, ip + HEADERS[family].ttl),
      jumpIf(R1, 'below', 2, OUT),
      ...writeKey(ip, family, SKB.index),
      ...findFlow(family, maps),
      ...findRoute(ip, family),
      ...lessTtl(ip, family),
      ...countOne(family, maps),
      ...handOn(framing, family),
    ]),
    ...goOn,
  ])
}

/**
 * What leaves by a device: the flow of a packet that bears the mark is remembered, as it is now, with the epoch that the
 * packet came in. The mark ends here.
 */
export function leaving(framing: Framing, {gate, flows}: Pick<ProgramMaps, 'gate' | 'flows'>): Buffer {
  const ip = headerAt(framing)
  return assemble([
    move(R6, {register: R1}),
    load(4, R1, R6, SKB.mark),
    jumpIf32(R1, 'notEqual', REMEMBER_MARK, OUT),
    // Older kernels take no constant here.
    move(R2, 0),
    store(4, R6, SKB.mark, {register: R2}),
    loadMapValue(R1, gate),
    load(4, R1, R1, 0),
    load(4, R7, R6, SKB.tcIndex),
    jumpIf(R7, 'equal', 0, OUT),
    jumpIf(R7, 'notEqual', {register: R1}, OUT),
    ...eachFamily((family) => [
      ...findUdp(ip, family),
      ...writeKey(ip, family, SKB.ingressIndex),
      call(HELPER.ktime),
      store(8, R10, VALUE_AT + ENTRY.at, {register: R0}),
      load(4, R1, R6, SKB.index),
      store(4, R10, VALUE_AT + ENTRY.out, {register: R1}),
      store(4, R10, VALUE_AT + ENTRY.epoch, {register: R7}),
      loadMap(R1, flows[family]),
      ...stackAddress(R2, -keyBytes(family)),
      ...stackAddress(R3, VALUE_AT),
      move(R4, 0),
      call(HELPER.update),
      jump(OUT),
    ]),
    ...goOn,
  ])
}
