import koffi from 'koffi'
import {loadCLibrary, must, orErrno} from '../c-library.ts'
import {StepFailure} from '../failure.ts'

/** The kernel's numbers of bpf(2), by processor. */
export const BPF_CALL: Readonly<Record<string, number>> = {x64: 321, arm64: 280}
const COMMAND = {
  createMap: 0,
  lookUp: 1,
  update: 2,
  delete: 3,
  loadProgram: 5,
  takeBatch: 25,
  updateBatch: 26,
} as const
/** Hashes take memory as they fill, up to `most`. */
export const MAP_TYPE = {hash: 1, array: 2, perProcessorArray: 6, lruHash: 9} as const
const NO_PREALLOC = 1
const SCHED_CLS = 3
/** fib_lookup is for programs that may be had under the GPL too: those of `programs.ts` may be, and under the MIT licence. */
const LICENSE = Buffer.from('Dual MIT/GPL\0')
const LOG_BYTES = 1 << 20
const [ENOENT, E2BIG, EAGAIN] = [2, 7, 11]
const MOST_ATTEMPTS = 100

const MAP_ATTRIBUTES = koffi.struct({
  type: 'uint32',
  keyBytes: 'uint32',
  valueBytes: 'uint32',
  most: 'uint32',
  flags: 'uint32',
  inner: 'uint32',
  node: 'uint32',
  name: koffi.array('char', 16),
})
const ELEMENT_ATTRIBUTES = koffi.struct({fd: 'uint32', gap: 'uint32', key: 'void *', value: 'void *', flags: 'uint64'})
const BATCH_ATTRIBUTES = koffi.struct({
  from: 'void *',
  next: 'void *',
  keys: 'void *',
  values: 'void *',
  count: 'uint32',
  fd: 'uint32',
  elementFlags: 'uint64',
  flags: 'uint64',
})
const BATCH = {from: null, next: null, elementFlags: 0, flags: 0}
const TAKEN = 16_384
const PROGRAM_ATTRIBUTES = koffi.struct({
  type: 'uint32',
  count: 'uint32',
  instructions: 'void *',
  license: 'void *',
  logLevel: 'uint32',
  logBytes: 'uint32',
  log: 'void *',
  kernelVersion: 'uint32',
  flags: 'uint32',
  name: koffi.array('char', 16),
})

export interface MapShape {
  readonly name: string
  readonly type: number
  readonly keyBytes: number
  readonly valueBytes: number
  readonly most: number
}

/** bpf(2). What it gives are file descriptors, which hold what they stand for until they are closed. */
export interface Bpf {
  createMap(shape: MapShape): number
  loadProgram(name: string, instructions: Buffer): number
  /** Another value for a key; whoever reads it meanwhile reads one or the other. */
  update(map: number, key: Buffer, value: Buffer): void
  /** New values for keys, of the map's sizes one behind the other; false where the map is full, and has some of them. */
  updateAll(map: number, count: number, keys: Buffer, values: Buffer): boolean
  /** Whether or not it is there. */
  delete(map: number, key: Buffer): void
  /** Takes some elements of a hash out; false when none is left. */
  takeSome(map: number, shape: Pick<MapShape, 'keyBytes' | 'valueBytes'>): boolean
  /** Fills `value`, of an array for each processor all values in a row. */
  lookUp(map: number, key: Buffer, value: Buffer): void
  close(fd: number): void
}

/** Throws StepFailure where the machine has no such call. */
export function openBpf(): Bpf {
  const library = loadCLibrary()
  const number = BPF_CALL[process.arch]
  if (!library || number === undefined) throw new StepFailure('unsupported', `no bpf(2) on ${process.arch}`)
  const bpf = (attributes: typeof MAP_ATTRIBUTES) => {
    const call = library.func('syscall', 'long', ['long', 'int', koffi.pointer(attributes), 'uint'])
    const bytes = koffi.sizeof(attributes)
    return (command: number, value: object): number => orErrno(call(number, command, value, bytes) as number)
  }
  const [onMap, onElement, onBatch, onProgram] = [
    bpf(MAP_ATTRIBUTES),
    bpf(ELEMENT_ATTRIBUTES),
    bpf(BATCH_ATTRIBUTES),
    bpf(PROGRAM_ATTRIBUTES),
  ]
  const closeFd = library.func('close', 'int', ['int'])

  return {
    createMap({name, type, keyBytes, valueBytes, most}) {
      const flags = type === MAP_TYPE.hash ? NO_PREALLOC : 0
      const fd = onMap(COMMAND.createMap, {...{type, keyBytes, valueBytes, most, name}, flags, inner: 0, node: 0})
      must(fd, `making the map ${name}`)
      return fd
    },

    loadProgram(name, instructions) {
      const program = {
        ...{type: SCHED_CLS, count: instructions.length / 8, instructions, license: LICENSE, name},
        ...{kernelVersion: 0, flags: 0},
      }
      // A signal that is waiting, such as the end of a child, ends the kernel's look at the program.
      for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
        const fd = onProgram(COMMAND.loadProgram, {...program, logLevel: 0, logBytes: 0, log: null})
        if (fd >= 0) return fd
        if (fd !== -EAGAIN) break
      }
      // Once more for the kernel's words.
      const log = Buffer.alloc(LOG_BYTES)
      const fd = onProgram(COMMAND.loadProgram, {...program, logLevel: 1, logBytes: LOG_BYTES, log})
      if (fd >= 0) return fd
      const words = log.toString('latin1', 0, log.indexOf(0)).trim().split('\n')
      throw new StepFailure(
        'refused',
        `the kernel refuses the program ${name} (errno ${-fd}): ${words.slice(-3).join('; ')}`,
      )
    },

    update(map, key, value) {
      must(onElement(COMMAND.update, {fd: map, gap: 0, key, value, flags: 0}), 'writing to a map')
    },

    updateAll(fd, count, keys, values) {
      const result = onBatch(COMMAND.updateBatch, {...BATCH, keys, values, count, fd})
      if (result === -E2BIG) return false
      must(result, 'writing to a map')
      return true
    },

    delete(fd, key) {
      const result = onElement(COMMAND.delete, {fd, gap: 0, key, value: null, flags: 0})
      if (result !== -ENOENT) must(result, 'deleting from a map')
    },

    takeSome(fd, {keyBytes, valueBytes}) {
      const [keys, values] = [keyBytes, valueBytes].map((bytes) => Buffer.alloc(bytes * TAKEN))
      const next = Buffer.alloc(4)
      const result = onBatch(COMMAND.takeBatch, {...BATCH, next, keys, values, count: TAKEN, fd})
      if (result === -ENOENT) return false
      must(result, 'emptying a map')
      return true
    },

    lookUp(map, key, value) {
      must(onElement(COMMAND.lookUp, {fd: map, gap: 0, key, value, flags: 0}), 'reading a map')
    },

    close: (fd) => void closeFd(fd),
  }
}
