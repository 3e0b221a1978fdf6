import koffi from 'koffi'
import {loadCLibrary, orErrno} from '../../src/apply/c-library.ts'
import {
  assemble,
  exit,
  jump,
  label,
  load,
  loadMapValue,
  move,
  R0,
  R1,
  R6,
  R7,
  R10,
  store,
} from '../../src/apply/fast-path/assemble.ts'
import {BPF_CALL, MAP_TYPE, openBpf} from '../../src/apply/fast-path/bpf.ts'
import {createJudgeMaps, type JudgeMaps} from '../../src/apply/fast-path/judge-maps.ts'
import {DIRECTION, DIRECTION_AT, type JudgeFds, judge} from '../../src/apply/fast-path/judging.ts'
import {eachFamily, findUdp, goOn, SKB, writeKey} from '../../src/apply/fast-path/packet.ts'
import {GATE_BYTES} from '../../src/apply/fast-path/programs.ts'

const TEST_RUN = 10
const ALLOWS = 1
const ETHERNET_BYTES = 14

const RUN = koffi.struct({
  program: 'uint32',
  result: 'uint32',
  bytesIn: 'uint32',
  bytesOut: 'uint32',
  dataIn: 'void *',
  dataOut: 'void *',
  repeat: 'uint32',
  duration: 'uint32',
})

/** What the fast path judges by, and its judgement of single packets, by the kernel but without a network. */
export interface JudgeProgram {
  readonly maps: JudgeMaps
  /** Whether it allows the packet of a frame, as one of the flow's that goes this way. */
  allows(frame: Buffer, direction: 'original' | 'reply'): boolean
  /** What the gate is before the judgement, and behind it; both are 0. */
  setGates(before: number, behind: number): void
  close(): void
}

export function createJudgeProgram(): JudgeProgram {
  const bpf = openBpf()
  const maps = createJudgeMaps(bpf)
  const gate = {name: 'gate', type: MAP_TYPE.array, keyBytes: 4, valueBytes: GATE_BYTES, most: 1}
  const gates = [bpf.createMap(gate), bpf.createMap(gate)] as const
  const programs = {
    original: bpf.loadProgram('original', program(gates, maps.fds, DIRECTION.original)),
    reply: bpf.loadProgram('reply', program(gates, maps.fds, DIRECTION.reply)),
  }
  const call = loadCLibrary()!.func('syscall', 'long', ['long', 'int', koffi.inout(koffi.pointer(RUN)), 'uint'])
  return {
    maps,
    allows(frame, direction) {
      const run = {
        ...{program: programs[direction], result: 0, bytesIn: frame.length, dataIn: frame},
        ...{bytesOut: 0, dataOut: null, repeat: 1, duration: 0},
      }
      const result = orErrno(call(BPF_CALL[process.arch], TEST_RUN, run, koffi.sizeof(RUN)) as number)
      if (result < 0) throw new Error(`the program does not run (errno ${-result})`)
      return run.result === ALLOWS
    },
    setGates(...epochs) {
      for (const [index, epoch] of epochs.entries()) {
        const value = Buffer.alloc(GATE_BYTES)
        value.writeUInt32LE(epoch)
        bpf.update(gates[index]!, Buffer.alloc(4), value)
      }
    },
    close() {
      maps.close()
      for (const fd of [...gates, ...Object.values(programs)]) bpf.close(fd)
    },
  }
}

/** The judgement between the beginning and the end of the fast path's own program. */
function program([before, behind]: readonly [number, number], maps: JudgeFds, direction: number): Buffer {
  return assemble([
    move(R6, {register: R1}),
    loadMapValue(R1, before),
    load(8, R7, R1, 0),
    ...eachFamily((family) => [
      ...findUdp(ETHERNET_BYTES, family),
      ...writeKey(ETHERNET_BYTES, family, SKB.index),
      store(4, R10, DIRECTION_AT, direction),
      ...judge(family, maps, behind),
      jump('allowed'),
    ]),
    label('allowed'),
    move(R0, ALLOWS),
    exit(),
    ...goOn,
  ])
}
