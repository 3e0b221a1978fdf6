import assert from 'node:assert/strict'
import fc from 'fast-check'
import {Held} from '../../../src/apply/nft/held.ts'
import {diffNft} from '../../../src/diff/index.ts'
import type {Policy} from '../../../src/model/index.ts'
import {type Compiled, compilePolicy, GATEWAY_BOUNDS} from '../../../src/policy/compile/index.ts'
import {judge, type Packet} from '../../../src/policy/oracle/index.ts'
import {chainOf} from '../nft-interpreter.ts'
import {packets, placed, policies, seed, tiers, verdicts, worlds} from '../random-world.ts'
import {checkWay, tableOf} from '../ways.ts'
import {attributes, policy, rule, tier, world} from '../worlds.ts'

const numRuns = Math.ceil(Number(process.env.RUNS ?? 250) / 5)

describe(`the way from one policy to the next (SEED=${seed})`, () => {
  const check = (
    [first, standard]: readonly [Parameters<typeof judge>[0], 'allow' | 'deny'],
    [second, nextStandard]: readonly [Parameters<typeof judge>[0], 'allow' | 'deny'],
    flows: readonly Packet[],
  ): number => {
    const before = compilePolicy(first, {default: standard, previous: null, firstClass: 7})
    const after = compilePolicy(
      {...second, memberRevision: 2},
      {default: nextStandard, previous: before, firstClass: 7},
    )
    const states = [before, ...after.stages, after].map(tableOf)
    for (const packet of flows) {
      checkWay(states, packet, [chainOf(judge(first, standard, packet)), chainOf(judge(second, nextStandard, packet))])
    }
    // The kernel gets there by differences; each must be one that it takes.
    const held = new Held()
    for (const state of states) {
      held.apply(diffNft(state, held))
      assert.deepEqual(diffNft(state, held), [])
    }
    return after.stages.length
  }

  it('gives no packet a verdict that neither gives, whatever changes', () => {
    let staged = 0
    const side = fc.tuple(worlds, verdicts)
    fc.assert(
      fc.property(side, side, fc.array(packets, {minLength: 10, maxLength: 30, size: 'max'}), (a, b, flows) => {
        staged += check(a, b, flows)
      }),
      {seed, numRuns},
    )
    assert.ok(staged > numRuns)
  }).timeout(Math.max(120_000, numRuns * 1000))

  it('is one transaction where its maps would pass the bound', () => {
    const ends = ['10.1.0.1', '10.1.0.2', '10.1.0.3'].map((at, index) => ({
      at: `${at}/32`,
      site: 'a',
      set: attributes('pod', {labels: {app: `app${index}`}}),
    }))
    const allow = policy('p', {ingress: [rule('Allow')], egress: [rule('Allow')]})
    const apart = policy('q', {selector: "app == 'app1'", types: ['ingress'], ingress: [rule('Deny')], order: 1})
    const compile = (policies: Policy[], previous: Compiled | null, maxPairs: number) =>
      compilePolicy(
        {...world(ends, [tier('default', 1)], policies), memberRevision: policies.length},
        {default: 'deny', previous, firstClass: 7, bounds: {...GATEWAY_BOUNDS, maxPairs}},
      )
    const stagesWithin = (maxPairs: number): number =>
      compile([allow, apart], compile([allow], null, maxPairs), maxPairs).stages.length
    assert.ok(stagesWithin(100) > 0)
    const {pairCount} = compile([allow, apart], null, 100).verdicts
    assert.equal(stagesWithin(pairCount), 0)
  })

  it('nor where only policies change', () => {
    fc.assert(
      fc.property(
        placed,
        fc.tuple(tiers, policies),
        fc.tuple(tiers, policies),
        verdicts,
        fc.array(packets, {minLength: 10, maxLength: 30, size: 'max'}),
        (members, a, b, standard, flows) => {
          check([world(members, ...a), standard], [world(members, ...b), standard], flows)
        },
      ),
      {seed, numRuns},
    )
  }).timeout(Math.max(120_000, numRuns * 1000))
})
