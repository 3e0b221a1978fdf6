import {REMEMBER_MARK} from '../../model/index.ts'
import type {Family} from '../../net/index.ts'
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
  store,
  swap16,
} from './assemble.ts'
import {DIRECTION, DIRECTION_AT, type JudgeFds, judge} from './judging.ts'
import {
  type Code,
  copied,
  eachFamily,
  findUdp,
  goOn,
  HEADERS,
  HELPER,
  IPV4,
  IPV6,
  keyBytes,
  OUT,
  SKB,
  stackAddress,
  UDP,
  writeKey,
} from './packet.ts'

const PACKET_HOST = 0
/** An entry holds so long; then the flow's next packet passes conntrack and all rules again. */
const HOLDS_NS = 1_000_000_000
/** BPF_FIB_LKUP_RET_NO_NEIGH: so it is of a device without neighbours. */
const NO_NEIGHBOUR = 7

/**
 * Of a flow (`keyBytes`): when it was last seen behind all rules (ns), the device that it leaves by, the epoch that its packet
 * came in, whether that was a reply (1).
 */
export const ENTRY_BYTES = 16
const ENTRY = {at: 0, out: 8, epoch: 12, reply: 14} as const
/** The epoch, 0 while nothing may pass, and the one since which only what judges has changed; of 16 bits both. */
export const GATE_BYTES = 8
const EPOCH_MASK = 0xffff
/** Packets that left here: of trusted flows, and judged ones. */
export const COUNTS = {trusted: 0, judged: 1} as const

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
  /** Array of one value of `GATE_BYTES`. */
  readonly gate: number
  /** LRU hashes of `ENTRY_BYTES` by `keyBytes`. */
  readonly flows: Readonly<Record<Family, number>>
  /** Array of `COUNTS`, 64 bits for each processor. */
  readonly count: number
  readonly judge: JudgeFds
}

/**
 * R8 is the device that a remembered flow leaves by, and on the stack is how its packet is to be judged; of any other flow it
 * goes on. R7 is the gate. Of another epoch than this one a flow is trusted no more, but has passed all that has not
 * changed since. `trusts`: otherwise each packet is judged.
 */
const findFlow = (family: Family, {flows}: ProgramMaps, trusts: boolean): Code => {
  const known = `known${family}`
  return [
    loadMap(R1, flows[family]),
    ...stackAddress(R2, -keyBytes(family)),
    call(HELPER.lookup),
    jumpIf(R0, 'equal', 0, OUT),
    store(4, R10, DIRECTION_AT, DIRECTION.trusted),
    load(2, R1, R0, ENTRY.epoch),
    move(R2, {register: R7}),
    alu('and', R2, EPOCH_MASK),
    ...(trusts ? [jumpIf(R1, 'equal', {register: R2}, known)] : []),
    // How many epochs ago the flow was seen, and since how many only what judges has changed.
    move(R3, {register: R7}),
    alu('shiftRight', R3, 32),
    move(R4, {register: R2}),
    alu('sub', R4, {register: R3}),
    alu('and', R4, EPOCH_MASK),
    alu('sub', R2, {register: R1}),
    alu('and', R2, EPOCH_MASK),
    jumpIf(R2, 'above', {register: R4}, OUT),
    load(2, R1, R0, ENTRY.reply),
    alu('add', R1, DIRECTION.original),
    store(4, R10, DIRECTION_AT, {register: R1}),
    label(known),
    move(R8, {register: R0}),
    call(HELPER.ktime),
    load(8, R1, R8, ENTRY.at),
    alu('sub', R0, {register: R1}),
    jumpIf(R0, 'above', HOLDS_NS, OUT),
    load(4, R8, R8, ENTRY.out),
  ]
}

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
  load(4, R1, R10, DIRECTION_AT),
  jumpIf(R1, 'equal', DIRECTION.trusted, `index${family}`),
  move(R1, COUNTS.judged),
  label(`index${family}`),
  store(4, R10, NEIGHBOUR_AT, {register: R1}),
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
 * What comes in by a device. A packet of a flow that passed all rules within a second leaves by the device that it left by
 * then, if the routes say so still, and if that was in this epoch, or the policy of now allows it. All else goes on, with
 * the epoch that it came in.
 */
export function arriving(framing: Framing, maps: ProgramMaps, {trusts = true} = {}): Buffer {
  const ip = headerAt(framing)
  return assemble([
    move(R6, {register: R1}),
    loadMapValue(R1, maps.gate),
    load(8, R7, R1, 0),
    store(4, R6, SKB.tcIndex, {register: R7}),
    jumpIf32(R7, 'equal', 0, OUT),
    load(4, R1, R6, SKB.packetType),
    jumpIf(R1, 'notEqual', PACKET_HOST, OUT),
    load(4, R1, R6, SKB.vlanPresent),
    jumpIf(R1, 'notEqual', 0, OUT),
    ...eachFamily((family) => [
      ...findUdp(ip, family),
      load(1, R1, R9, ip + HEADERS[family].ttl),
      jumpIf(R1, 'below', 2, OUT),
      ...writeKey(ip, family, SKB.index),
      ...findFlow(family, maps, trusts),
      ...judge(family, maps.judge, maps.gate),
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
 * packet came in. The mark, of which the lowest bit says that it is a reply, ends here.
 */
export function leaving(framing: Framing, {gate, flows}: Pick<ProgramMaps, 'gate' | 'flows'>): Buffer {
  const ip = headerAt(framing)
  return assemble([
    move(R6, {register: R1}),
    load(4, R1, R6, SKB.mark),
    move(R8, {register: R1}),
    alu('and', R8, 1),
    alu('sub', R1, {register: R8}),
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
      store(2, R10, VALUE_AT + ENTRY.epoch, {register: R7}),
      store(2, R10, VALUE_AT + ENTRY.reply, {register: R8}),
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
