import {REMEMBER_MARK} from '../../model/index.ts'
import {
  alu,
  assemble,
  call,
  exit,
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

/** struct __sk_buff, fields of 32 bits. */
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
  changeHead: 43,
  pullData: 39,
  fibLookup: 69,
  redirectNeighbour: 152,
} as const
/** TC_ACT_UNSPEC: whatever else is on the device goes on with it. */
const GO_ON = -1
const PACKET_HOST = 0
/** In the packet's order. */
const ETHERTYPE_IP = 0x0008
const FRAGMENT = 0xff3f
const UDP = 17
const AF_INET = 2
/** An entry holds so long; then the flow's next packet passes conntrack and all rules again. */
const HOLDS_NS = 1_000_000_000
const NO_NEIGHBOUR = 7

const IP = {bytes: 20, tos: 1, length: 2, fragment: 6, ttl: 8, protocol: 9, checksum: 10, source: 12, destination: 16}
const UDP_BYTES = 8

/** A flow: source, destination, both ports as they are in the packet, the device that it comes by. */
export const KEY_BYTES = 16
/** When it was last seen behind all rules (ns), the device that it leaves by, the epoch that its packet came in. */
export const ENTRY_BYTES = 16
const ENTRY = {at: 0, out: 8, epoch: 12} as const

/** struct bpf_fib_lookup */
const FIB = {
  bytes: 64,
  family: 0,
  protocol: 1,
  sourcePort: 2,
  destinationPort: 4,
  length: 6,
  index: 8,
  tos: 12,
  source: 16,
  destination: 32,
} as const
/** struct bpf_redir_neigh */
const NEIGHBOUR_BYTES = 20

const KEY = -KEY_BYTES
const FIB_AT = KEY - FIB.bytes
const NEIGHBOUR_AT = FIB_AT - NEIGHBOUR_BYTES - 4
const VALUE_AT = KEY - ENTRY_BYTES

/** A device's frames begin with an Ethernet header, or with the packet itself (ipip, WireGuard). */
export type Framing = 'ethernet' | 'bare'
const ETHERNET_BYTES = 14
const headerBytes = (framing: Framing): number => (framing === 'ethernet' ? ETHERNET_BYTES : 0)

export interface ProgramMaps {
  /** Array of one number of 32 bits: the epoch, 0 while nothing may pass. */
  readonly gate: number
  readonly flows: number
  /** Array of one number of 64 bits for each processor: packets that left here. */
  readonly count: number
}

type Code = ReturnType<typeof move>[]

const toOut = 'out'
const goOn = (): Code => [label(toOut), move(R0, GO_ON), exit()]

/** R9 is the packet, of which the headers may be read; all but UDP in IPv4 that is whole goes on. */
function findUdp(ip: number): Code {
  const least = ip + IP.bytes + UDP_BYTES
  const place = (wherefrom: string): Code => [
    load(4, R9, R6, SKB.data),
    load(4, R2, R6, SKB.dataEnd),
    move(R1, {register: R9}),
    alu('add', R1, least),
    jumpIf(R1, 'above', {register: R2}, wherefrom),
  ]
  return [
    load(4, R1, R6, SKB.protocol),
    jumpIf(R1, 'notEqual', ETHERTYPE_IP, toOut),
    ...place('pull'),
    jump('read'),
    label('pull'),
    load(4, R1, R6, SKB.length),
    jumpIf(R1, 'below', least, toOut),
    move(R1, {register: R6}),
    move(R2, least),
    call(HELPER.pullData),
    ...place(toOut),
    label('read'),
    load(1, R1, R9, ip),
    jumpIf(R1, 'notEqual', 0x45, toOut),
    load(1, R1, R9, ip + IP.protocol),
    jumpIf(R1, 'notEqual', UDP, toOut),
    load(2, R1, R9, ip + IP.fragment),
    alu('and', R1, FRAGMENT),
    jumpIf(R1, 'notEqual', 0, toOut),
  ]
}

/** The flow's key, on the stack. */
const writeKey = (ip: number, device: number): Code => [
  load(4, R1, R9, ip + IP.source),
  store(4, R10, KEY, {register: R1}),
  load(4, R1, R9, ip + IP.destination),
  store(4, R10, KEY + 4, {register: R1}),
  load(4, R1, R9, ip + IP.bytes),
  store(4, R10, KEY + 8, {register: R1}),
  load(4, R1, R6, device),
  store(4, R10, KEY + 12, {register: R1}),
]

const stackAddress = (to: Register, at: number): Code => [move(to, {register: R10}), alu('add', to, at)]

/**
 * What comes in by a device. A packet of a flow that passed all rules within a second, in this epoch, leaves by the device
 * that it left by then, if the routes say so still. All else goes on, with the epoch that it came in.
 */
export function arriving(framing: Framing, {gate, flows, count}: ProgramMaps): Buffer {
  const ip = headerBytes(framing)
  const same = (size: 1 | 2 | 4, from: number, to: number): Code => [
    load(size, R1, R9, from),
    store(size, R10, FIB_AT + to, {register: R1}),
  ]
  return assemble([
    move(R6, {register: R1}),
    loadMapValue(R1, gate),
    load(4, R7, R1, 0),
    store(4, R6, SKB.tcIndex, {register: R7}),
    jumpIf(R7, 'equal', 0, toOut),
    load(4, R1, R6, SKB.packetType),
    jumpIf(R1, 'notEqual', PACKET_HOST, toOut),
    load(4, R1, R6, SKB.vlanPresent),
    jumpIf(R1, 'notEqual', 0, toOut),
    ...findUdp(ip),
    load(1, R1, R9, ip + IP.ttl),
    jumpIf(R1, 'below', 2, toOut),
    ...writeKey(ip, SKB.index),
    loadMap(R1, flows),
    ...stackAddress(R2, KEY),
    call(HELPER.lookup),
    jumpIf(R0, 'equal', 0, toOut),
    load(4, R1, R0, ENTRY.epoch),
    jumpIf(R1, 'notEqual', {register: R7}, toOut),
    move(R8, {register: R0}),
    call(HELPER.ktime),
    load(8, R1, R8, ENTRY.at),
    alu('sub', R0, {register: R1}),
    jumpIf(R0, 'above', HOLDS_NS, toOut),
    load(4, R8, R8, ENTRY.out),

    ...Array.from({length: FIB.bytes / 8}, (_, index) => store(8, R10, FIB_AT + 8 * index, 0)),
    store(1, R10, FIB_AT + FIB.family, AF_INET),
    store(1, R10, FIB_AT + FIB.protocol, UDP),
    ...same(2, ip + IP.bytes, FIB.sourcePort),
    ...same(2, ip + IP.bytes + 2, FIB.destinationPort),
    load(2, R1, R9, ip + IP.length),
    swap16(R1),
    store(2, R10, FIB_AT + FIB.length, {register: R1}),
    load(4, R1, R6, SKB.index),
    store(4, R10, FIB_AT + FIB.index, {register: R1}),
    ...same(1, ip + IP.tos, FIB.tos),
    ...same(4, ip + IP.source, FIB.source),
    ...same(4, ip + IP.destination, FIB.destination),
    move(R1, {register: R6}),
    ...stackAddress(R2, FIB_AT),
    move(R3, FIB.bytes),
    move(R4, 0),
    call(HELPER.fibLookup),
    // On a device without neighbours none is found.
    jumpIf(R0, 'equal', 0, 'routed'),
    jumpIf(R0, 'notEqual', NO_NEIGHBOUR, toOut),
    label('routed'),
    load(4, R1, R10, FIB_AT + FIB.index),
    jumpIf(R1, 'notEqual', {register: R8}, toOut),
    load(1, R1, R10, FIB_AT + FIB.family),
    jumpIf(R1, 'notEqual', AF_INET, toOut),

    load(1, R1, R9, ip + IP.ttl),
    alu('sub', R1, 1),
    store(1, R9, ip + IP.ttl, {register: R1}),
    // RFC 1624: the word that TTL is the upper half of has become less by one there.
    load(2, R1, R9, ip + IP.checksum),
    alu('add', R1, 1),
    jumpIf32(R1, 'below', 0xffff, 'summed'),
    alu('add', R1, 1),
    label('summed'),
    store(2, R9, ip + IP.checksum, {register: R1}),
    store(4, R10, NEIGHBOUR_AT, 0),
    loadMap(R1, count),
    ...stackAddress(R2, NEIGHBOUR_AT),
    call(HELPER.lookup),
    jumpIf(R0, 'equal', 0, 'counted'),
    load(8, R1, R0, 0),
    alu('add', R1, 1),
    store(8, R0, 0, {register: R1}),
    label('counted'),
    // The kernel takes the header of Ethernet off, so there must be one.
    ...(framing === 'bare'
      ? [move(R1, {register: R6}), move(R2, ETHERNET_BYTES), move(R3, 0), call(HELPER.changeHead)]
      : []),
    store(4, R10, NEIGHBOUR_AT, AF_INET),
    load(4, R1, R10, FIB_AT + FIB.destination),
    store(4, R10, NEIGHBOUR_AT + 4, {register: R1}),
    ...[8, 12, 16].map((at) => store(4, R10, NEIGHBOUR_AT + at, 0)),
    move(R1, {register: R8}),
    ...stackAddress(R2, NEIGHBOUR_AT),
    move(R3, NEIGHBOUR_BYTES),
    move(R4, 0),
    call(HELPER.redirectNeighbour),
    exit(),
    ...goOn(),
  ])
}

/**
 * What leaves by a device: the flow of a packet that bears the mark is remembered, as it is now, with the epoch that the
 * packet came in. The mark ends here.
 */
export function leaving(framing: Framing, {gate, flows}: Pick<ProgramMaps, 'gate' | 'flows'>): Buffer {
  const ip = headerBytes(framing)
  return assemble([
    move(R6, {register: R1}),
    load(4, R1, R6, SKB.mark),
    jumpIf32(R1, 'notEqual', REMEMBER_MARK, toOut),
    store(4, R6, SKB.mark, 0),
    loadMapValue(R1, gate),
    load(4, R1, R1, 0),
    load(4, R7, R6, SKB.tcIndex),
    jumpIf(R7, 'equal', 0, toOut),
    jumpIf(R7, 'notEqual', {register: R1}, toOut),
    ...findUdp(ip),
    ...writeKey(ip, SKB.ingressIndex),
    call(HELPER.ktime),
    store(8, R10, VALUE_AT + ENTRY.at, {register: R0}),
    load(4, R1, R6, SKB.index),
    store(4, R10, VALUE_AT + ENTRY.out, {register: R1}),
    store(4, R10, VALUE_AT + ENTRY.epoch, {register: R7}),
    loadMap(R1, flows),
    ...stackAddress(R2, KEY),
    ...stackAddress(R3, VALUE_AT),
    move(R4, 0),
    call(HELPER.update),
    ...goOn(),
  ])
}
