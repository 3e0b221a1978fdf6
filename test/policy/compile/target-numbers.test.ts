import assert from 'node:assert/strict'
import type {ActualNft, World} from '../../../src/model/index.ts'
import {targetNumber, targetNumbers, targetText} from '../../../src/policy/compile/target-numbers.ts'
import {type Compiled, compilePolicy} from '../../../src/policy/index.ts'
import {attributes, entity, policy, rule, tier, world} from '../worlds.ts'

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

  it('of chains that are gone are forgotten when all is made anew, and given to nobody', () => {
    const withPort = (port: number): World => {
      const ports = {ranges: [{first: port, last: port}], names: []}
      const open = policy('p', {ingress: [rule('Allow', {protocol: 6, destination: entity({ports})})], tier: 'first'})
      const pod = {at: '10.1.0.1', site: 'a', set: attributes('pod')}
      // Another tier, though it says the same.
      return world([pod], [tier('first', 1)], [open])
    }
    let previous: Compiled | null = null
    const given = new Map<number, string>()
    for (let port = 1; port <= 50; port++) {
      previous = compilePolicy(withPort(port), {default: 'deny', previous, firstClass: 7})
      const {numbers} = previous.state.targets
      for (const [target, number] of numbers) assert.equal(given.get(number) ?? target, target)
      for (const [target, number] of numbers) given.set(number, target)
      for (const {name} of previous.verdicts.chains) assert.ok(numbers.has(name))
      // Those of the policy before are still on the way.
      assert.ok(numbers.size < 12, `${numbers.size} after ${port} changes`)
    }
  })
})
