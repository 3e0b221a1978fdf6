import {MOST_PORT_RANGES} from '../../model/index.ts'
import type {Family} from '../../net/index.ts'
import {
  call,
  fetchAdd,
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
  R7,
  R10,
  store,
  swap16,
} from './assemble.ts'
import {type Code, HELPER, keyAt, OUT, stackAddress} from './packet.ts'

/** File descriptors of the maps that packets are judged by; hashes, of what the sets of these names hold (policy/compile). */
export interface JudgeFds {
  /** Address → class, of hosts. */
  readonly hosts: Readonly<Record<Family, number>>
  /** Class of the source, class of the destination → target. */
  readonly pairs: number
  /** Class → target, of pairs that are not there: the source's word, the destination's. */
  readonly sources: number
  readonly destinations: number
  /** Target → `MOST_PORT_RANGES` ranges of UDP ports that it allows. */
  readonly ports: number
}
export const PORTS_BYTES = 4 * MOST_PORT_RANGES

/** Numbers of targets that are the same in every policy (policy/compile/target-numbers.ts). */
const [ALLOWED, PASSED, UNOWNED] = [0x80000000, 0x80000001, 0x80000002]

/** Whether a packet is judged, and as what of its flow. */
export const DIRECTION = {trusted: 0, original: 1, reply: 2} as const

/** The stack below all that the other parts have on it. */
const PAIR_AT = -160
const PORT_AT = -152
const TARGET_AT = -148
export const DIRECTION_AT = -144
const BARRIER_AT = -136

/** R0 is the value; none: the packet goes on to the rules. */
const mustFind = (map: number, keyPlace: number): Code => [...lookUp(map, keyPlace), jumpIf(R0, 'equal', 0, OUT)]
const lookUp = (map: number, keyPlace: number): Code => [
  loadMap(R1, map),
  ...stackAddress(R2, keyPlace),
  call(HELPER.lookup),
]

/** The classes of both ends of a flow whose packet's key is on the stack, and the port that it was opened to. */
function ends(family: Family, {hosts}: JudgeFds, direction: 'original' | 'reply'): Code {
  const key = keyAt(family)
  const [from, to, port] =
    direction === 'original'
      ? [key.source, key.destination, key.destinationPort]
      : [key.destination, key.source, key.sourcePort]
  const classOf = (address: number, place: number): Code => [
    ...mustFind(hosts[family], address),
    load(4, R1, R0, 0),
    store(4, R10, place, {register: R1}),
  ]
  return [...classOf(from, PAIR_AT), ...classOf(to, PAIR_AT + 4), load(2, R1, R10, port)]
}

/**
 * Goes on from here with a packet that the policy in force allows, or that need not be judged; any other is left to the rules.
 * Only one of flows that passed all else in this frame may come here. R7 is the gate: where it was shut meanwhile the
 * maps may have been half changed.
 */
export function judge(family: Family, maps: JudgeFds, gate: number): Code {
  const [reply, ported, bare, unowned, allowed, judged] = [
    'reply',
    'ported',
    'bare',
    'unowned',
    'allowed',
    'judged',
  ].map((name) => `${name}${family}`) as [string, string, string, string, string, string]
  const ranges = Array.from({length: MOST_PORT_RANGES}, (_, index) => {
    const next = `port${family}_${index}`
    return [
      load(2, R2, R0, 4 * index),
      load(2, R3, R0, 4 * index + 2),
      jumpIf(R1, 'below', {register: R2}, next),
      jumpIf(R3, 'below', {register: R1}, next),
      jump(allowed),
      label(next),
    ]
  }).flat()
  return [
    load(4, R1, R10, DIRECTION_AT),
    jumpIf(R1, 'equal', DIRECTION.trusted, judged),
    jumpIf(R1, 'equal', DIRECTION.reply, reply),
    ...ends(family, maps, 'original'),
    jump(ported),
    label(reply),
    ...ends(family, maps, 'reply'),
    label(ported),
    swap16(R1),
    store(4, R10, PORT_AT, {register: R1}),

    ...lookUp(maps.pairs, PAIR_AT),
    jumpIf(R0, 'equal', 0, bare),
    load(4, R1, R0, 0),
    jumpIf32(R1, 'equal', ALLOWED, allowed),
    store(4, R10, TARGET_AT, {register: R1}),
    ...mustFind(maps.ports, TARGET_AT),
    load(4, R1, R10, PORT_AT),
    ...ranges,
    jump(OUT),

    label(bare),
    ...mustFind(maps.sources, PAIR_AT),
    load(4, R1, R0, 0),
    store(4, R10, TARGET_AT, {register: R1}),
    ...mustFind(maps.destinations, PAIR_AT + 4),
    load(4, R2, R0, 0),
    load(4, R1, R10, TARGET_AT),
    jumpIf32(R1, 'equal', UNOWNED, unowned),
    jumpIf32(R1, 'notEqual', PASSED, OUT),
    jumpIf32(R2, 'equal', UNOWNED, allowed),
    label(unowned),
    jumpIf32(R2, 'notEqual', ALLOWED, OUT),

    label(allowed),
    // What was read above was read before what is read below, also where the processor orders reads as it likes (arm64).
    store(8, R10, BARRIER_AT, 0),
    move(R0, 0),
    fetchAdd(R10, BARRIER_AT, R0),
    loadMapValue(R1, gate),
    load(8, R1, R1, 0),
    jumpIf(R1, 'notEqual', {register: R7}, OUT),
    label(judged),
  ]
}
