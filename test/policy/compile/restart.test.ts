import assert from 'node:assert/strict'
import fc from 'fast-check'
import type {ActualNft} from '../../../src/model/index.ts'
import {type Compiled, compilePolicy} from '../../../src/policy/compile/index.ts'
import {seed, verdicts, worlds} from '../random-world.ts'

/** What a kernel that took the compiled policy tells of it. */
const heldOf = ({sets, counters}: Compiled): ActualNft => ({counters, sets, chains: new Map()})

const contentOf = ({sets, chains}: Compiled) => ({
  sets: [...sets].map(([name, {elements}]) => [name, [...elements].sort()]),
  chains: [...chains].map(([name, {rules}]) => [name, rules]),
})

describe(`a start on a kernel that is already programmed (SEED=${seed})`, () => {
  it('goes on with its class numbers: where nothing changed, nothing is to be done', () => {
    fc.assert(
      fc.property(worlds, verdicts, (world, standard) => {
        const before = compilePolicy(world, {default: standard, previous: null, firstClass: 7})
        const after = compilePolicy(world, {
          default: standard,
          previous: null,
          firstClass: 1_000_000,
          held: heldOf(before),
        })
        assert.deepEqual(contentOf(after), contentOf(before))
      }),
      {seed, numRuns: 60},
    )
  }).timeout(60_000)

  it('never gives a number of the kernel to other addresses', () => {
    fc.assert(
      fc.property(worlds, worlds, verdicts, (old, now, standard) => {
        const before = compilePolicy(old, {default: standard, previous: null, firstClass: 7})
        const held = heldOf(before)
        const after = compilePolicy(now, {default: standard, previous: null, firstClass: 1_000_000, held})
        const elements = (compiled: Compiled): Map<string, string> => new Map(compiled.sets.get('class4')!.elements)
        const meant = new Map<string, Set<string>>()
        for (const [address, number] of elements(before))
          meant.set(number, (meant.get(number) ?? new Set()).add(address))
        const kept = new Map<string, string[]>()
        for (const [address, number] of elements(after)) kept.set(number, [...(kept.get(number) ?? []), address])
        for (const [number, addresses] of meant) {
          const present = [...addresses].filter((address) => elements(after).has(address))
          const now = new Set(present.map((address) => elements(after).get(address)))
          // All that bore the number and are still there bear it together, or none of them does.
          if (kept.has(number)) assert.ok(now.size <= 1, `${number} was split`)
        }
      }),
      {seed, numRuns: 60},
    )
  }).timeout(60_000)

  it('a kernel without our maps gives nothing', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const empty: ActualNft = {counters: [], sets: new Map(), chains: new Map()}
        const [a, b] = [null, empty].map((held) =>
          compilePolicy(world, {default: 'deny', previous: null, firstClass: 7, held}),
        )
        assert.deepEqual(contentOf(a!), contentOf(b!))
      }),
      {seed, numRuns: 20},
    )
  })
})
