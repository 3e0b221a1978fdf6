import assert from 'node:assert/strict'
import fc from 'fast-check'
import {type Compiled, compilePolicy} from '../../../src/policy/compile/index.ts'
import {judge} from '../../../src/policy/oracle/index.ts'
import {chainOf, interpret} from '../nft-interpreter.ts'
import {packets, seed, verdicts, worlds} from '../random-world.ts'

const numRuns = Number(process.env.RUNS ?? 250)

describe(`compiled policy and oracle (SEED=${seed} RUNS=${numRuns})`, () => {
  it('give one verdict for any world and packet', () => {
    fc.assert(
      fc.property(
        worlds,
        verdicts,
        fc.array(packets, {minLength: 20, maxLength: 60, size: 'max'}),
        (world, standard, flows) => {
          const compiled = compilePolicy(world, {default: standard, previous: null, firstClass: 0x1fff0})
          for (const packet of flows) {
            const judgement = judge(world, standard, packet)
            assert.equal(interpret(compiled, packet), chainOf(judgement), JSON.stringify({packet, judgement}))
          }
        },
      ),
      {seed, numRuns},
    )
  }).timeout(Math.max(60_000, numRuns * 100))

  it('also after a chain of changes from other worlds', () => {
    const step = fc.tuple(worlds, verdicts)
    fc.assert(
      fc.property(fc.array(step, {minLength: 2, maxLength: 4}), fc.array(packets, {minLength: 20}), (steps, flows) => {
        let previous: Compiled | null = null
        for (const [index, [world, standard]] of steps.entries()) {
          const now = {...world, memberRevision: index}
          previous = compilePolicy(now, {default: standard, previous, firstClass: 7})
          for (const packet of flows) {
            assert.equal(interpret(previous, packet), chainOf(judge(now, standard, packet)), JSON.stringify(packet))
          }
        }
      }),
      {seed, numRuns: Math.ceil(numRuns / 8)},
    )
  }).timeout(Math.max(60_000, numRuns * 100))
})
