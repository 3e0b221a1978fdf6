import {randomUUID} from 'node:crypto'
import {readFileSync} from 'node:fs'
import type {UdpPorts} from '../../model/index.ts'
import type {Family} from '../../net/index.ts'
import {failureOf} from '../failure.ts'
import {linkIndexed, RTM} from '../netlink/messages.ts'
import {RouteSocket} from '../netlink/socket.ts'
import {inSlices} from '../slices.ts'
import {type Bpf, MAP_TYPE, openBpf} from './bpf.ts'
import {deleteFilter, filterName, type Side, setFilter} from './filters.ts'
import {createJudgeMaps, type JudgeMaps} from './judge-maps.ts'
import {keyBytes} from './packet.ts'
import {arriving, COUNTS, ENTRY_BYTES, type Framing, GATE_BYTES, leaving} from './programs.ts'

/** Of flows at once, of a family; of more the oldest pass the rules again. Some 30 MiB. */
const MOST_FLOWS = 131_072
/** What a packet can carry of an epoch (`tc_index`); 0 is none. */
const HIGHEST_EPOCH = 0xffff
/** A flow is remembered for far fewer, so older ones need not be told apart. */
const MOST_EPOCHS = 0x4000
const SIDES: readonly Side[] = ['arriving', 'leaving']
/** linux/if_arp.h: Ethernet, then ipip, ip6tnl, sit, and what has no header at all (wireguard). */
const FRAMING: ReadonlyMap<number, Framing> = new Map([
  [1, 'ethernet'],
  ...[768, 769, 776, 0xfffe].map((type): [number, Framing] => [type, 'bare']),
])
const FIRST = Buffer.alloc(4)

type JudgeLoad = Parameters<JudgeMaps['load']>[0]
type JudgeChange = Parameters<JudgeMaps['change']>[1]

interface Programs {
  readonly bpf: Bpf
  readonly gate: number
  readonly count: number
  readonly judge: JudgeMaps
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
  /**
   * Flows of packets that come from now on may be remembered; what was remembered before is trusted no more.
   * `onlyJudgement`: since it was open last nothing has changed but what flows are judged by, so that they need only be judged.
   */
  open(onlyJudgement?: boolean): void
  /** What flows are judged by is not known any more, so none is judged here. */
  forgetJudgement(): void
  /** What flows are judged by, where that is not known. Throws StepFailure; so do the next two. */
  loadJudgement(sets: JudgeLoad): Promise<void>
  /** What a step changes of it; sets that do not matter too. */
  changeJudgement(set: string, change: JudgeChange): Promise<void>
  /** Which ports targets allow; null: nothing is judged here, all is left to the rules. */
  setPorts(ports: UdpPorts | null): void
  /** Whether it judges: there are ports, and all fits. */
  judges(): boolean
  /** How many devices it is on. */
  size(): number
  /** Packets that left by it so far; and those of them that were judged here. */
  packets(): number
  judgedPackets(): number
  close(): void
}

export interface FastPathOptions {
  /** False: each packet is judged, whatever has changed. */
  readonly trusts?: boolean
}

export function createFastPath(options: FastPathOptions = {}): FastPath {
  const socket = new RouteSocket()
  const name = randomUUID().slice(0, 8)
  /** Without framing: a device that bears none. */
  const followed = new Map<number, Framing | null>()
  let epoch = 0
  /** The epoch since which nothing has changed but what flows are judged by. */
  let since = 0
  /** The judge's maps are what the table's sets are. */
  let isLoaded = false
  let ports: UdpPorts | null = null
  let programs: Programs | null = null
  let missing: string | null = null
  try {
    programs = load(options)
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
    const bytes = Buffer.alloc(GATE_BYTES)
    bytes.writeUInt32LE(value)
    bytes.writeUInt32LE(since, 4)
    programs.bpf.update(programs.gate, FIRST, bytes)
  }

  function countOf(index: number): number {
    if (!programs) return 0
    const key = Buffer.alloc(4)
    key.writeUInt32LE(index)
    const values = Buffer.alloc(8 * possibleProcessors())
    programs.bpf.lookUp(programs.count, key, values)
    let sum = 0
    for (let at = 0; at < values.length; at += 8) sum += Number(values.readBigUInt64LE(at))
    return sum
  }

  const judges = (): boolean => isLoaded && ports !== null

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

    open(onlyJudgement = false) {
      epoch = epoch === HIGHEST_EPOCH ? 1 : epoch + 1
      if (!onlyJudgement || !judges()) since = epoch
      else if (((epoch - since) & HIGHEST_EPOCH) > MOST_EPOCHS) since = (epoch - MOST_EPOCHS) & HIGHEST_EPOCH
      setGate(epoch)
    },

    forgetJudgement() {
      isLoaded = false
      ports = null
    },

    async loadJudgement(sets) {
      if (programs && !isLoaded) isLoaded = await inSlices(programs.judge.load(sets))
    },

    async changeJudgement(set, change) {
      if (!programs || !isLoaded) return
      isLoaded = false
      isLoaded = await inSlices(programs.judge.change(set, change))
    },

    setPorts(wanted) {
      ports = null
      if (programs && wanted && programs.judge.setPorts(wanted)) ports = wanted
    },

    judges,

    size: () => [...followed.values()].filter((framing) => framing !== null).length,

    packets: () => countOf(COUNTS.trusted) + countOf(COUNTS.judged),
    judgedPackets: () => countOf(COUNTS.judged),

    close() {
      socket.close()
      if (!programs) return
      const {bpf, gate, count, judge, of} = programs
      judge.close()
      for (const fd of [gate, count, ...Object.values(of).flatMap((sides) => Object.values(sides))]) bpf.close(fd)
    },
  }
}

/** Shut until they are opened. Throws StepFailure where the kernel, or what this process may do, forbids it. */
function load(options: FastPathOptions): Programs {
  const bpf = openBpf()
  const gate = bpf.createMap({
    ...{name: 'isthmus_gate', type: MAP_TYPE.array},
    ...{keyBytes: 4, valueBytes: GATE_BYTES, most: 1},
  })
  const count = bpf.createMap({
    ...{name: 'isthmus_count', type: MAP_TYPE.perProcessorArray},
    ...{keyBytes: 4, valueBytes: 8, most: Object.keys(COUNTS).length},
  })
  const flowsOf = (family: Family): number =>
    bpf.createMap({
      ...{name: `isthmus_flows${family}`, type: MAP_TYPE.lruHash},
      ...{keyBytes: keyBytes(family), valueBytes: ENTRY_BYTES, most: MOST_FLOWS},
    })
  const flows = {4: flowsOf(4), 6: flowsOf(6)}
  const judge = createJudgeMaps(bpf)
  const maps = {gate, flows, count, judge: judge.fds}
  const both = (framing: Framing) => ({
    arriving: bpf.loadProgram('isthmus_in', arriving(framing, maps, options)),
    leaving: bpf.loadProgram('isthmus_out', leaving(framing, maps)),
  })
  const of = {ethernet: both('ethernet'), bare: both('bare')}
  // The programs hold them.
  for (const fd of Object.values(flows)) bpf.close(fd)
  return {bpf, gate, count, judge, of}
}

/** A value for each processor that the machine could have: `0-3`, `0,2-5`. */
function possibleProcessors(): number {
  const text = readFileSync('/sys/devices/system/cpu/possible', 'utf8').trim()
  return text.split(',').reduce((sum, range) => {
    const [first, last = first] = range.split('-').map(Number)
    return sum + last! - first! + 1
  }, 0)
}
