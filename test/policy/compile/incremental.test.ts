import assert from 'node:assert/strict'
import fc from 'fast-check'
import {Held} from '../../../src/apply/nft/held.ts'
import {diffNft} from '../../../src/diff/diff-nft.ts'
import type {World} from '../../../src/model/index.ts'
import type {Prefix} from '../../../src/net/index.ts'
import {type ChangedMembers, type Compiled, compilePolicy} from '../../../src/policy/index.ts'
import {judge} from '../../../src/policy/oracle/index.ts'
import {chainOf, interpret} from '../nft-interpreter.ts'
import {packets, placed, policies, seed, tiers, verdicts} from '../random-world.ts'
import {tableOf, unversioned} from '../ways.ts'
import {attributes, policy, prefix, rule, world} from '../worlds.ts'

const numRuns = Math.ceil(Number(process.env.RUNS ?? 250) / 4)

function changesBetween(before: World, after: World): Map<Prefix, ChangedMembers> {
  const changes = new Map<Prefix, ChangedMembers>()
  for (const at of new Set([...before.members.keys(), ...after.members.keys()])) {
    const now = after.members.get(at)
    if (JSON.stringify(before.members.get(at)) !== JSON.stringify(now)) changes.set(at, {after: now})
  }
  return changes
}

describe(`endpoints that come, go and change (SEED=${seed})`, () => {
  it('are judged as if compiled anew, and the kernel is told of all that changed', () => {
    fc.assert(
      fc.property(
        fc.array(placed, {minLength: 2, maxLength: 5, size: 'max'}),
        tiers,
        policies,
        verdicts,
        fc.array(packets, {minLength: 20, maxLength: 40, size: 'max'}),
        (steps, someTiers, somePolicies, standard, flows) => {
          // Wider prefixes stay, but for the last step, which has its own.
          const wide = steps[0]!.filter(({at}) => !isHost(at))
          const worlds = steps.map((all, index) =>
            world(
              index === steps.length - 1 ? all : [...wide, ...all.filter(({at}) => isHost(at))],
              someTiers,
              somePolicies,
            ),
          )
          const {policies: same, sites} = worlds[0]!
          const held = new Held()
          let last: {world: World; compiled: Compiled} | null = null
          for (const [index, one] of worlds.entries()) {
            const now = {...one, policies: same, sites, memberRevision: index}
            const compiled: Compiled = compilePolicy(now, {
              default: standard,
              previous: last?.compiled ?? null,
              changes: last && changesBetween(last.world, now),
              firstClass: 7,
            })
            for (const packet of flows) {
              assert.equal(interpret(compiled, packet), chainOf(judge(now, standard, packet)), JSON.stringify(packet))
            }
            held.apply(diffNft(tableOf(compiled), held))
            assert.deepEqual(diffNft(unversioned(tableOf(compiled)), held), [])
            last = {world: now, compiled}
          }
        },
      ),
      {seed, numRuns},
    )
  }).timeout(Math.max(60_000, numRuns * 400))

  it('of a combination that is known cost one element in each direction, and nothing is compiled', () => {
    const web = {site: 'a', set: attributes('pod', {labels: {app: 'web'}})}
    const db = {site: 'a', set: attributes('pod', {labels: {app: 'db'}})}
    const rules = [policy('p', {selector: "app == 'db'", ingress: [rule('Allow')], types: ['ingress']})]
    const before = world(
      [
        {at: '10.1.0.1/32', ...web},
        {at: '10.1.0.2/32', ...db},
      ],
      [],
      rules,
    )
    const first = compilePolicy(before, {default: 'deny', previous: null, firstClass: 7})
    const held = new Held()
    held.apply(diffNft(tableOf(first), held))

    const after = world(
      [
        {at: '10.1.0.1/32', ...db},
        {at: '10.1.0.2/32', ...db},
        {at: '10.1.0.3/32', ...web},
      ],
      [],
      [],
    )
    const now = {...after, policies: before.policies, sites: before.sites, memberRevision: 2}
    const changes = changesBetween(before, now)
    const next = compilePolicy(now, {default: 'deny', previous: first, changes, firstClass: 7})
    assert.equal(next.verdicts, first.verdicts)
    assert.deepEqual(
      diffNft(tableOf(next), held).map((step) => step.do === 'elements' && [step.set, [...step.add.keys()]]),
      [
        ['class4', ['10.1.0.3', '10.1.0.1']],
        ['class4d', ['10.1.0.3', '10.1.0.1']],
      ],
    )
    assert.equal(next.statistics.endpoints, 3)
  })

  it('beside a wider prefix that changes are classified anew', () => {
    const web = {site: 'a', set: attributes('pod')}
    const before = world([{at: '10.1.0.1/32', ...web}], [], [])
    const first = compilePolicy(before, {default: 'deny', previous: null, firstClass: 7})
    const rack = {at: '10.1.0.0/24', site: 'b', set: attributes('prefix')}
    const now = {
      ...world([{at: '10.1.0.1/32', ...web}, rack], [], []),
      policies: before.policies,
      sites: before.sites,
      memberRevision: 2,
    }
    const changes = changesBetween(before, now)
    assert.deepEqual([...changes.keys()], [prefix('10.1.0.0/24')])
    const next = compilePolicy(now, {default: 'deny', previous: first, changes, firstClass: 7})
    assert.equal(next.sets.get('cidr4')!.elements.size, 1)
  })
})

const isHost = (at: string): boolean => at.endsWith('/32') || at.endsWith('/128')
