import assert from 'node:assert/strict'
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
  R6,
  R10,
  store,
  swap16,
} from '../../../src/apply/fast-path/assemble.ts'

/** As clang and llvm-mc have them. */
const ENCODED: readonly [words: string, instruction: Instruction, bytes: string][] = [
  ['r6 = r1', move(R6, {register: R1}), 'bf16000000000000'],
  ['r0 = -1', move(R0, -1), 'b7000000ffffffff'],
  ['r1 += 42', alu('add', R1, 42), '070100002a000000'],
  ['r0 -= r1', alu('sub', R0, {register: R1}), '1f10000000000000'],
  ['r1 &= 0xff3f', alu('and', R1, 0xff3f), '570100003fff0000'],
  ['r1 = *(u8 *)(r6 + 22)', load(1, R1, R6, 22), '7161160000000000'],
  ['r1 = *(u16 *)(r6 + 22)', load(2, R1, R6, 22), '6961160000000000'],
  ['r1 = *(u32 *)(r6 + 76)', load(4, R1, R6, 76), '61614c0000000000'],
  ['r1 = *(u64 *)(r6 + 0)', load(8, R1, R6, 0), '7961000000000000'],
  ['*(u32 *)(r10 - 4) = r1', store(4, R10, -4, {register: R1}), '631afcff00000000'],
  ['*(u64 *)(r10 - 64) = 0', store(8, R10, -64, 0), '7a0ac0ff00000000'],
  ['*(u8 *)(r10 - 64) = 2', store(1, R10, -64, 2), '720ac0ff02000000'],
  ['r1 = be16 r1', swap16(R1), 'dc01000010000000'],
  ['call 69', call(69), '8500000045000000'],
  ['exit', exit(), '9500000000000000'],
  ['r1 = map of fd 7', loadMap(R1, 7), '18110000070000000000000000000000'],
  ['r1 = value of map of fd 7', loadMapValue(R1, 7), '18210000070000000000000000000000'],
]

describe('assemble', () => {
  for (const [words, instruction, bytes] of ENCODED) {
    it(words, () => assert.equal(assemble([instruction]).toString('hex'), bytes))
  }

  it('jumps count instructions from the next one on, forth and back, and a map’s takes two', () => {
    const code = assemble([
      label('top'),
      jumpIf(R1, 'equal', 0, 'end'),
      loadMap(R1, 7),
      jumpIf32(R2, 'above', {register: R1}, 'top'),
      jump('end'),
      label('end'),
      exit(),
    ])
    const jumps = [0, 3, 4].map((at) => [code[8 * at], code.readInt16LE(8 * at + 2)])
    assert.deepEqual(jumps, [
      [0x15, 4],
      [0x2e, -4],
      [0x05, 0],
    ])
  })

  it('knows no label that is not there', () =>
    assert.throws(() => assemble([jump('nowhere'), exit()]), /no label nowhere/))
})
