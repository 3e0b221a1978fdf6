import assert from 'node:assert/strict'
import type {ActualNft} from '../../../src/model/index.ts'
import {targetNumber, targetNumbers, targetText} from '../../../src/policy/compile/target-numbers.ts'

const heldWith = (maps: Record<string, [string, string][]>): ActualNft => ({
  counters: [],
  chains: new Map(),
  sets: new Map(
    Object.entries(maps).map(([name, elements]) => [
      name,
      {name, key: 'mark', value: 'verdict', interval: false, elements: new Map(elements)},
    ]),
  ),
})

describe('numbers of targets', () => {
  it('are beyond all classes, one for each', () => {
    const numbers = targetNumbers(null)
    const all = ['allowed', 'passed', 'unowned', 'deny_unowned', 'v_1', 'v_2'].map((one) => targetNumber(numbers, one))
    assert.equal(new Set(all).size, all.length)
    for (const number of all) assert.ok(number > 0x7fffffff && number <= 0xffffffff)
    assert.equal(targetNumber(numbers, 'v_1'), all[4])
    assert.equal(targetText(numbers, 'allowed'), '0x80000000')
  })

  it('go on with those in the kernel, and give none of them to another', () => {
    const held = heldWith({
      verdicts: [
        ['0x80000009', 'goto v_9'],
        ['0x80000000', 'goto allowed'],
      ],
      outs: [
        ['0x80000001', 'goto judge_destination'],
        ['0x80000007', 'goto deny_egress_a'],
      ],
    })
    const numbers = targetNumbers(held)
    assert.equal(targetText(numbers, 'v_9'), '0x80000009')
    assert.equal(targetText(numbers, 'deny_egress_a'), '0x80000007')
    assert.equal(targetText(numbers, 'v_10'), '0x8000000a')
    assert.equal(targetText(numbers, 'passed'), '0x80000001')
  })
})
