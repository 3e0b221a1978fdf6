import assert from 'node:assert/strict'
import fc from 'fast-check'
import {judgedChains, judgedNftSets, judgedSets} from '../../../src/model/index.ts'
import {type Compiled, compilePolicy} from '../../../src/policy/compile/index.ts'
import {judge} from '../../../src/policy/oracle/index.ts'
import {type Counted, chainOf, interpret} from '../nft-interpreter.ts'
import {packets, seed, verdicts, worlds} from '../random-world.ts'

const numRuns = Math.ceil(Number(process.env.RUNS ?? 250) / 4)

describe(`chains that count (SEED=${seed})`, () => {
  it('change no verdict, also where their sets are full', () => {
    let beyond = 0
    fc.assert(
      fc.property(
        worlds,
        verdicts,
        fc.array(packets, {minLength: 20, maxLength: 60, size: 'max'}),
        fc.constantFrom(0, 1, 3),
        (world, standard, flows, size) => {
          const compiled = compilePolicy(world, {default: standard, previous: null, firstClass: 0x1fff0})
          const small = new Map([...compiled.sets, ...judgedNftSets(size).map((set) => [set.name, set] as const)])
          const counted: Counted = new Map()
          for (const packet of flows) {
            const end = interpret({...compiled, sets: small}, packet, [], counted)
            assert.equal(end, chainOf(judge(world, standard, packet)), JSON.stringify(packet))
          }
          for (const {name} of judgedSets('a')) {
            assert.ok((counted.get(name)?.size ?? 0) <= size)
            counted.delete(name)
          }
          beyond += [...counted.values()].reduce((sum, {size: rules}) => sum + rules, 0)
        },
      ),
      {seed, numRuns},
    )
    assert.ok(beyond > 0)
  }).timeout(Math.max(60_000, numRuns * 500))

  it('are asked first where the pair is complete, on the way to another policy too', () => {
    fc.assert(
      fc.property(fc.tuple(worlds, verdicts), fc.tuple(worlds, verdicts), ([first, standard], [second, next]) => {
        const before = compilePolicy(first, {default: standard, previous: null, firstClass: 7})
        const after: Compiled = compilePolicy(
          {...second, memberRevision: 2},
          {default: next, previous: before, firstClass: 7},
        )
        for (const {chains, sets} of [before, ...after.stages, after]) {
          assert.equal(chains.get('judge_pair')?.rules[0], 'jump count')
          for (const set of judgedNftSets()) assert.deepEqual(sets.get(set.name), set)
        }
      }),
      {seed, numRuns: Math.ceil(numRuns / 4)},
    )
  }).timeout(30_000)

  it('have no verdict but return', () => {
    for (const {rules} of [...judgedChains('a'), ...judgedChains('b')]) {
      for (const rule of rules) assert.doesNotMatch(rule, /\b(accept|drop|reject|goto|jump|queue|vmap)\b/)
    }
  })
})
