/** Instructions of eBPF (RFC 9669), as far as the two programs need them. `R10` is the frame, which grows down. */
export type Register = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10
export const [R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10] as const
export type Bytes = 1 | 2 | 4 | 8

/** Encoded, or a jump whose label is not placed yet. */
export type Instruction = Buffer | {readonly jump: string; readonly bytes: Buffer} | {readonly label: string}

const CLASS = {load: 0x61, storeImmediate: 0x62, store: 0x63, alu64: 0x07, alu32: 0x04, jump: 0x05, jump32: 0x06}
const SIZE: Readonly<Record<Bytes, number>> = {1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18}
const FROM_REGISTER = 0x08
const ALU = {add: 0x00, sub: 0x10, and: 0x50, shiftRight: 0x70, move: 0xb0} as const
const SWAP = 0xdc
/** BPF_STX | BPF_ATOMIC | BPF_DW, and in its immediate BPF_FETCH: an addition. */
const ATOMIC = 0xdb
const FETCH = 0x01
const CONDITION = {equal: 0x10, above: 0x20, notEqual: 0x50, below: 0xa0} as const
const MAP_FD = 1
const MAP_VALUE = 2

export type Operation = keyof typeof ALU
export type Condition = keyof typeof CONDITION

/** What the right side is: a register or a number of 32 bits. */
export type Operand = {readonly register: Register} | number

const encode = (code: number, to: number, from: number, offset: number, immediate: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes[0] = code
  bytes[1] = to | (from << 4)
  bytes.writeInt16LE(offset, 2)
  bytes.writeInt32LE(immediate | 0, 4)
  return bytes
}

const withOperand = (code: number, to: Register, right: Operand, offset = 0): Buffer =>
  typeof right === 'number'
    ? encode(code, to, 0, offset, right)
    : encode(code | FROM_REGISTER, to, right.register, offset, 0)

export const load = (size: Bytes, to: Register, from: Register, offset: number): Instruction =>
  encode((CLASS.load & ~0x18) | SIZE[size], to, from, offset, 0)

export const store = (size: Bytes, to: Register, offset: number, from: Operand): Instruction =>
  typeof from === 'number'
    ? encode((CLASS.storeImmediate & ~0x18) | SIZE[size], to, 0, offset, from)
    : encode((CLASS.store & ~0x18) | SIZE[size], to, from.register, offset, 0)

export const alu = (operation: Operation, to: Register, right: Operand): Instruction =>
  withOperand(CLASS.alu64 | ALU[operation], to, right)

export const move = (to: Register, right: Operand): Instruction => alu('move', to, right)

/** What is there comes into the register, and its sum into its place, in one step that all others stand before or behind. */
export const fetchAdd = (to: Register, offset: number, from: Register): Instruction =>
  encode(ATOMIC, to, from, offset, FETCH)

/** Two bytes of a packet as a number, or back; the upper bits become 0. */
export const swap16 = (to: Register): Instruction => encode(SWAP, to, 0, 0, 16)

/** Compares 64 bits without a sign, and jumps to the label where it holds. */
export const jumpIf = (left: Register, condition: Condition, right: Operand, label: string): Instruction => ({
  jump: label,
  bytes: withOperand(CLASS.jump | CONDITION[condition], left, right),
})

/** The same of the lower 32 bits. */
export const jumpIf32 = (left: Register, condition: Condition, right: Operand, label: string): Instruction => ({
  jump: label,
  bytes: withOperand(CLASS.jump32 | CONDITION[condition], left, right),
})

export const jump = (to: string): Instruction => ({jump: to, bytes: encode(0x05, 0, 0, 0, 0)})
export const label = (name: string): Instruction => ({label: name})
export const call = (helper: number): Instruction => encode(0x85, 0, 0, 0, helper)
export const exit = (): Instruction => encode(0x95, 0, 0, 0, 0)

const wide = (to: Register, kind: number, fd: number): Instruction =>
  Buffer.concat([encode(0x18, to, kind, 0, fd), encode(0, 0, 0, 0, 0)])

/** A map, for a helper. */
export const loadMap = (to: Register, fd: number): Instruction => wide(to, MAP_FD, fd)
/** The address of the first value of an array. */
export const loadMapValue = (to: Register, fd: number): Instruction => wide(to, MAP_VALUE, fd)

/** The program's bytes, each jump with its distance. */
export function assemble(instructions: readonly Instruction[]): Buffer {
  const places = new Map<string, number>()
  let length = 0
  for (const one of instructions) {
    if ('label' in one) places.set(one.label, length)
    else length += ('jump' in one ? one.bytes : one).length / 8
  }
  let at = 0
  return Buffer.concat(
    instructions.flatMap((one) => {
      if ('label' in one) return []
      const bytes = 'jump' in one ? one.bytes : one
      at += bytes.length / 8
      if ('jump' in one) {
        const place = places.get(one.jump)
        if (place === undefined) throw new Error(`no label ${one.jump}`)
        bytes.writeInt16LE(place - at, 2)
      }
      return [bytes]
    }),
  )
}
