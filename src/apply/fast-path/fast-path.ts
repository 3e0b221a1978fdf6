import {randomUUID} from 'node:crypto'
import {readFileSync} from 'node:fs'
import type {Family} from '../../net/index.ts'
import {failureOf} from '../failure.ts'
import {linkIndexed, RTM} from '../netlink/messages.ts'
import {RouteSocket} from '../netlink/socket.ts'
import {type Bpf, MAP_TYPE, openBpf} from './bpf.ts'
import {deleteFilter, filterName, type Side, setFilter} from './filters.ts'
import {arriving, ENTRY_BYTES, type Framing, keyBytes, leaving} from './programs.ts'

/** Of flows at once, of a family; of more the oldest pass the rules again. Some 30 MiB. */
const MOST_FLOWS = 131_072
/** What a packet can carry of an epoch (`tc_index`); 0 is none. */
const HIGHEST_EPOCH = 0xffff
const SIDES: readonly Side[] = ['arriving', 'leaving']
/** linux/if_arp.h: Ethernet, then ipip, ip6tnl, sit, and what has no header at all (wireguard). */
const FRAMING: ReadonlyMap<number, Framing> = new Map([
  [1, 'ethernet'],
  ...[768, 769, 776, 0xfffe].map((type): [number, Framing] => [type, 'bare']),
])
const FIRST = Buffer.alloc(4)

interface Programs {
  readonly bpf: Bpf
  readonly gate: number
  readonly count: number
  readonly of: Readonly<Record<Framing, Readonly<Record<Side, number>>>>
}

/**
 * The programs of this process on devices of its network namespace. They stay there when it ends, as they were, and the
 * next process puts its own in their place.
 */
export interface FastPath {
  /** Why this machine has none; null: it has. */
  readonly missing: string | null
  /** Takes off what a process before has left, whose gate nobody can shut any more. Throws StepFailure. */
  takeOver(): Promise<void>
  /** Devices with this process's programs, by index; those that can bear none count too. Throws StepFailure. */
  devices(): Promise<readonly number[]>
  /** Puts the programs on these devices and no other. Throws StepFailure. */
  follow(devices: readonly number[]): Promise<void>
  /** From its return on every packet that comes passes all rules. */
  shut(): void
  /** Flows of packets that come from now on may be remembered; what was remembered before is not known any more. */
  open(): void
  /** How many devices it is on. */
  size(): number
  /** Packets that left by it so far. */
  packets(): number
  close(): void
}

export function createFastPath(): FastPath {
  const socket = new RouteSocket()
  const name = randomUUID().slice(0, 8)
  /** Without framing: a device that bears none. */
  const followed = new Map<number, Framing | null>()
  let epoch = 0
  let programs: Programs | null = null
  let missing: string | null = null
  try {
    programs = load()
  } catch (error) {
    missing = failureOf(error).message
  }

  async function put(index: number, {of}: Programs): Promise<void> {
    const framing = await framingOf(index)
    followed.set(index, framing)
    if (!framing) return
    for (const side of SIDES) await setFilter(socket, {index, side, program: of[framing][side], name})
  }

  /** Null for a device that is neither, and for one that went away. */
  async function framingOf(index: number): Promise<Framing | null> {
    const link = await socket.get(RTM.getLink, linkIndexed(index))
    return (link && FRAMING.get(link.readUInt16LE(2))) ?? null
  }

  async function takeOff(index: number): Promise<void> {
    for (const side of SIDES) {
      if ((await filterName(socket, index, side)) !== null) await deleteFilter(socket, index, side)
    }
  }

  async function hasAll(index: number): Promise<boolean> {
    if ((await framingOf(index)) === null) return true
    for (const side of SIDES) if ((await filterName(socket, index, side)) !== name) return false
    return true
  }

  function setGate(value: number): void {
    if (!programs) return
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(value)
    programs.bpf.update(programs.gate, FIRST, bytes)
  }

  return {
    missing,

    async takeOver() {
      for (const link of await socket.dump(RTM.getLink, linkIndexed(0))) {
        const index = link.readInt32LE(4)
        if (!followed.has(index)) await takeOff(index)
      }
    },

    async devices() {
      const found: number[] = []
      for (const index of followed.keys()) if (await hasAll(index)) found.push(index)
      return found
    },

    async follow(devices) {
      if (!programs) return
      for (const index of [...followed.keys()].filter((one) => !devices.includes(one))) {
        await takeOff(index)
        followed.delete(index)
      }
      for (const index of devices) {
        if (followed.has(index) && (await hasAll(index))) continue
        await put(index, programs)
      }
    },

    shut: () => setGate(0),

    open() {
      epoch = epoch === HIGHEST_EPOCH ? 1 : epoch + 1
      setGate(epoch)
    },

    size: () => [...followed.values()].filter((framing) => framing !== null).length,

    packets() {
      if (!programs) return 0
      const values = Buffer.alloc(8 * possibleProcessors())
      programs.bpf.lookUp(programs.count, FIRST, values)
      let sum = 0
      for (let at = 0; at < values.length; at += 8) sum += Number(values.readBigUInt64LE(at))
      return sum
    },

    close() {
      socket.close()
      if (!programs) return
      const {bpf, gate, count, of} = programs
      for (const fd of [gate, count, ...Object.values(of).flatMap((sides) => Object.values(sides))]) bpf.close(fd)
    },
  }
}

/** Shut until they are opened. Throws StepFailure where the kernel, or what this process may do, forbids it. */
function load(): Programs {
  const bpf = openBpf()
  const one = {keyBytes: 4, most: 1}
  const gate = bpf.createMap({name: 'isthmus_gate', type: MAP_TYPE.array, valueBytes: 4, ...one})
  const count = bpf.createMap({name: 'isthmus_count', type: MAP_TYPE.perProcessorArray, valueBytes: 8, ...one})
  const flowsOf = (family: Family): number =>
    bpf.createMap({
      ...{name: `isthmus_flows${family}`, type: MAP_TYPE.lruHash},
      ...{keyBytes: keyBytes(family), valueBytes: ENTRY_BYTES, most: MOST_FLOWS},
    })
  const flows = {4: flowsOf(4), 6: flowsOf(6)}
  const maps = {gate, flows, count}
  const both = (framing: Framing) => ({
    arriving: bpf.loadProgram('isthmus_in', arriving(framing, maps)),
    leaving: bpf.loadProgram('isthmus_out', leaving(framing, maps)),
  })
  const of = {ethernet: both('ethernet'), bare: both('bare')}
  // The programs hold them.
  for (const fd of Object.values(flows)) bpf.close(fd)
  return {bpf, gate, count, of}
}

/** A value for each processor that the machine could have: `0-3`, `0,2-5`. */
function possibleProcessors(): number {
  const text = readFileSync('/sys/devices/system/cpu/possible', 'utf8').trim()
  return text.split(',').reduce((sum, range) => {
    const [first, last = first] = range.split('-').map(Number)
    return sum + last! - first! + 1
  }, 0)
}
