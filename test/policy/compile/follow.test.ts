import assert from 'node:assert/strict'
import fc from 'fast-check'
import {Held} from '../../../src/apply/nft/held.ts'
import {diffNft} from '../../../src/diff/index.ts'
import type {Policy, World} from '../../../src/model/index.ts'
import type {Prefix} from '../../../src/net/index.ts'
import {type ChangedMembers, type Compiled, compilePolicy} from '../../../src/policy/index.ts'
import {judge} from '../../../src/policy/oracle/index.ts'
import {chainOf, interpret} from '../nft-interpreter.ts'
import {packets, placed, policies, seed, tiers, verdicts} from '../random-world.ts'
import {checkWay, tableOf, unversioned} from '../ways.ts'
import {type Placed, world} from '../worlds.ts'

const numRuns = Math.ceil(Number(process.env.RUNS ?? 250) / 8)

/** A step of a gateway's life: some policies leave, some come, and members too if it says so. */
interface Step {
  readonly leave: readonly number[]
  readonly come: readonly Policy[]
  readonly members: readonly Placed[] | null
}

const steps = fc.array(
  fc.record({
    leave: fc.array(fc.nat(9), {maxLength: 2}),
    come: policies.map((all) => all.slice(0, 3)),
    members: fc.oneof({weight: 2, arbitrary: fc.constant(null)}, placed),
  }),
  {minLength: 2, maxLength: 5, size: 'max'},
)

const isHost = (at: string): boolean => at.endsWith('/32') || at.endsWith('/128')

function changesBetween(before: World, after: World): Map<Prefix, ChangedMembers> {
  const changes = new Map<Prefix, ChangedMembers>()
  for (const at of new Set([...before.members.keys(), ...after.members.keys()])) {
    const now = after.members.get(at)
    if (JSON.stringify(before.members.get(at)) !== JSON.stringify(now)) changes.set(at, {after: now})
  }
  return changes
}

/** The next world, with the objects of the last one for all that stays. */
function after(before: World, {leave, come, members}: Step, wideToo: boolean, revision: number): World {
  const kept = before.policies.policies.filter((_, index) => !leave.includes(index))
  const names = new Set(come.map(({keyName}) => keyName))
  const policies = {
    tiers: before.policies.tiers,
    policies: [...kept.filter(({keyName}) => !names.has(keyName)), ...come],
  }
  if (!members) return {...before, policies}
  const placedNow = world(
    members.filter(({at}) => wideToo || isHost(at)),
    [],
    [],
  )
  const wide = wideToo ? [] : [...before.members].filter(([at]) => !isHost(at))
  return {
    ...before,
    policies,
    members: new Map([...wide, ...placedNow.members]),
    attributes: new Map([...before.attributes, ...placedNow.attributes]),
    memberRevision: revision,
  }
}

describe(`policies that change while the gateway runs (SEED=${seed})`, () => {
  for (const wideToo of [false, true]) {
    const what = wideToo ? ', with wider prefixes' : ''
    it(`go on from what is known${what}: judged as if compiled anew, on no way by neither policy`, () => {
      let staged = 0
      fc.assert(
        fc.property(
          placed,
          tiers,
          policies,
          steps,
          verdicts,
          fc.array(packets, {minLength: 10, maxLength: 25, size: 'max'}),
          (members, someTiers, somePolicies, all, standard, flows) => {
            let now = world(members, someTiers, somePolicies)
            let compiled: Compiled = compilePolicy(now, {default: standard, previous: null, firstClass: 7})
            const held = new Held()
            held.apply(diffNft(tableOf(compiled), held))
            for (const [index, step] of all.entries()) {
              const next = after(now, step, wideToo, 2 + index)
              const before = unversioned(tableOf(compiled))
              const {live} = compiled.state
              const changes = changesBetween(now, next)
              compiled = compilePolicy(next, {default: standard, previous: compiled, changes, firstClass: 7})
              assert.equal(compiled.state.live, live, 'made anew')
              staged += compiled.stages.length

              const states = [before, ...compiled.stages.map(tableOf), tableOf(compiled)].map(unversioned)
              for (const packet of flows) {
                const wanted = chainOf(judge(next, standard, packet))
                assert.equal(interpret(compiled, packet), wanted, JSON.stringify(packet))
                if (compiled.stages.length > 0) {
                  checkWay(states, packet, [chainOf(judge(now, standard, packet)), wanted])
                }
              }
              for (const table of [...compiled.stages, compiled].map(tableOf)) {
                held.apply(diffNft(table, held))
                assert.deepEqual(diffNft(unversioned(table), held), [])
              }
              now = next
            }
          },
        ),
        {seed, numRuns},
      )
      assert.ok(staged > numRuns)
    }).timeout(Math.max(120_000, numRuns * 2000))
  }
})
