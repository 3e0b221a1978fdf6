import assert from 'node:assert/strict'
import fc from 'fast-check'
import type {Policy, World} from '../../../src/model/index.ts'
import {type Compiled, compilePolicy} from '../../../src/policy/compile/index.ts'
import {attributor, attributors, createPolicyTotals} from '../../../src/policy/counting/index.ts'
import {directions, judge} from '../../../src/policy/oracle/index.ts'
import {packets, policies, seed, verdicts, worlds} from '../random-world.ts'
import {stagedIn, stagedInForce} from '../staged-world.ts'
import {elementOf} from './judged-elements.ts'
import {metKey, oracleMeets, oracleSays, ruleKey, withoutSourcePorts} from './oracle-says.ts'

const numRuns = Math.ceil(Number(process.env.RUNS ?? 250) / 3)

const compiledOf = (known: World, standard: 'allow' | 'deny' = 'deny', previous: Compiled | null = null): Compiled =>
  compilePolicy(known, {default: standard, previous, firstClass: 7})

const some = fc.array(packets, {minLength: 20, maxLength: 60, size: 'max'})

describe(`attribution of judged packets and oracle (SEED=${seed} RUNS=${numRuns})`, () => {
  it('totals by policy and rule are those of the oracle, packet by packet, where no source port is asked for', () => {
    let met = 0
    fc.assert(
      fc.property(worlds.map(withoutSourcePorts), verdicts, some, (known, standard, flows) => {
        const compiled = compiledOf(known, standard)
        const attribute = attributor(compiled)
        const totals = createPolicyTotals()
        const expected = new Map<string, number>()
        const meets = new Map<string, number>()
        for (const packet of flows) {
          const element = elementOf(compiled, packet)
          totals.add(element, attribute(element))
          for (const one of oracleMeets(known, standard, packet, compiled)) {
            met++
            meets.set(metKey(one), (meets.get(metKey(one)) ?? 0) + 1)
          }
          for (const decided of oracleSays(known, standard, packet)) {
            const key = ruleKey(decided)
            expected.set(key, (expected.get(key) ?? 0) + 1)
          }
        }
        const counted = totals.rules().map((total): [string, number] => [ruleKey(total), total.flows])
        assert.deepEqual(new Map(counted.sort()), new Map([...expected].sort()))
        const passed = totals.met().map((total): [string, number] => [metKey(total), total.flows])
        assert.deepEqual(new Map(passed.sort()), new Map([...meets].sort()))
        assert.equal(totals.unknown().packets, 0)
      }),
      {seed, numRuns},
    )
    assert.ok(met > numRuns, 'the worlds have Pass and Log rules that match')
  }).timeout(Math.max(20_000, numRuns * 100))

  it('where source ports are asked for the rule is the same, or told to depend, and then nothing contradicts', () => {
    let depending = 0
    fc.assert(
      fc.property(worlds, verdicts, some, (known, standard, flows) => {
        const compiled = compiledOf(known, standard)
        const attribute = attributor(compiled)
        for (const packet of flows) {
          const says = oracleSays(known, standard, packet)
          const {decided, met} = attribute(elementOf(compiled, packet)) ?? assert.fail('numbers that nobody knows')
          const meets = new Set(oracleMeets(known, standard, packet, compiled).map(metKey))
          for (const one of met) assert.ok(meets.has(metKey(one)), JSON.stringify({packet, one}))
          for (const [index, one] of decided.entries()) {
            const said = says[index]
            if (one.reason !== 'depends') assert.deepEqual(one, said, JSON.stringify(packet))
            else {
              depending++
              assert.equal(one.rule, null)
              assert.notEqual(one.policy, null)
              if (one.action !== 'depends') assert.equal(one.action, said?.action, JSON.stringify(packet))
            }
          }
          if (decided.at(-1)?.action !== 'depends') assert.equal(decided.length, says.length)
        }
      }),
      {seed, numRuns},
    )
    assert.ok(numRuns < 50 || depending > 0, 'the worlds ask for no source port')
  }).timeout(Math.max(20_000, numRuns * 100))

  it('a staged policy changes what the oracle says that it would, and the policy that decides is blamed', () => {
    const actions = fc.array(fc.constantFrom(undefined, undefined, undefined, 'Delete' as const, 'Ignore' as const), {
      minLength: 4,
      maxLength: 4,
    })
    let changed = 0
    fc.assert(
      fc.property(worlds, policies, actions, verdicts, some, (base, drawn, kinds, standard, flows) => {
        const known = withoutSourcePorts({...base, policies: {...base.policies}})
        const drawnOnes = withoutSourcePorts({...base, policies: {tiers: [], policies: drawn}}).policies.policies
        const staged = stagedIn(known, drawnOnes, kinds)
        const would = stagedInForce({...known, staged})
        const compiled = compiledOf({...known, staged}, standard)
        const attribute = attributor(compiled)
        for (const packet of flows) {
          const [is, will] = [judge(known, standard, packet), judge(would, standard, packet)]
          const changes = attribute(elementOf(compiled, packet))?.changes ?? assert.fail()
          const told = JSON.stringify({packet, is, will, changes})
          assert.equal(changes.length > 0, is.verdict !== will.verdict, told)
          for (const change of changes) {
            changed++
            assert.equal(change.would, will.verdict, told)
            assert.ok(
              staged.some(({meta, tier}) => meta.name === change.policy && tier === change.tier),
              told,
            )
          }
          const [first] = changes
          if (!first) continue
          assert.equal(first.direction, (will.verdict === 'deny' ? will : is).direction, told)
          const decider = directions(would, standard, packet)[first.direction]()
          const isStaged = staged.some(({meta, tier, stagedAction}) => {
            return meta.name === decider?.policy && tier === decider.tier && !stagedAction
          })
          if (isStaged) assert.equal(first.policy, decider?.policy, told)
        }
      }),
      {seed, numRuns},
    )
    assert.ok(numRuns < 50 || changed > 20, 'staged policies change nothing')
  }).timeout(Math.max(20_000, numRuns * 100))
})

describe('attribution over changes of policy', () => {
  it('goes on with what it knows, and gives what one that was made anew gives', () => {
    const changes = fc.array(fc.tuple(policies, fc.boolean(), some), {minLength: 2, maxLength: 3})
    fc.assert(
      fc.property(worlds, verdicts, changes, (base, standard, steps) => {
        const attributorFor = attributors()
        let compiled: Compiled | null = null
        let staged: readonly Policy[] = []
        for (const [inForce, isStaged, flows] of steps) {
          // Some stay over the change, so that their classes do.
          const kept = [...base.policies.policies.slice(0, 4), ...inForce.slice(0, 3)]
          if (isStaged) staged = inForce.slice(-2).map((one) => ({...one, kind: 'StagedGlobalNetworkPolicy'}))
          const unique = [...new Map(kept.map((one) => [one.keyName, one])).values()]
          const next = {...base, staged, policies: {tiers: base.policies.tiers, policies: unique}}
          compiled = compiledOf(next, standard, compiled)
          const elements = flows.map((packet) => elementOf(compiled!, packet))
          const [goingOn, anew] = [attributorFor(compiled), attributor(compiled)]
          for (const element of elements) {
            const {decided, met, changes} = goingOn(element) ?? assert.fail('numbers that nobody knows')
            const fresh = anew(element) ?? assert.fail()
            assert.deepEqual({decided, met, changes}, {decided: fresh.decided, met: fresh.met, changes: fresh.changes})
          }
        }
      }),
      {seed, numRuns: Math.ceil(numRuns / 2)},
    )
  }).timeout(Math.max(20_000, numRuns * 100))
})
