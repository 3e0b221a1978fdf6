import assert from 'node:assert/strict'
import {type Appliers, applySteps} from '../../src/gateway/reconcile.ts'
import {type NodeStep, type Outcome, stepKey} from '../../src/model/index.ts'

const netlink = (key: string, ...needs: string[]): NodeStep => ({
  key: stepKey(key),
  needs: needs.map(stepKey),
  reason: 'test',
  driver: 'netlink',
  do: 'link-delete',
  name: key,
})
const bird = (key: string, ...needs: string[]): NodeStep => ({
  key: stepKey(key),
  needs: needs.map(stepKey),
  reason: 'test',
  driver: 'bird',
  text: '',
})

/** Drivers that fail the steps named and write down the batches they were given. */
function drivers(failing: string[]) {
  const batches: string[] = []
  const applier = (name: string) => ({
    apply: async (steps: readonly NodeStep[]): Promise<Outcome[]> => {
      batches.push(`${name}: ${steps.map(({key}) => key).join(' ')}`)
      return steps.map(({key}) =>
        failing.includes(key) ? {ok: false, step: key, code: 'failed', cause: 'test'} : {ok: true, step: key},
      )
    },
  })
  const appliers: Appliers = {
    sysctl: applier('sysctl'),
    fou: applier('fou'),
    nft: applier('nft'),
    netlink: applier('netlink'),
    wireguard: applier('wireguard'),
    bird: applier('bird'),
  }
  return {appliers, batches}
}

describe('applySteps', () => {
  const cases: {name: string; steps: NodeStep[]; failing: string[]; batches: string[]; bad: string[]}[] = [
    {name: 'nothing to do calls nobody', steps: [], failing: [], batches: [], bad: []},
    {
      name: 'one batch a driver, in order',
      steps: [netlink('a'), netlink('b'), bird('c')],
      failing: [],
      batches: ['netlink: a b', 'bird: c'],
      bad: [],
    },
    {
      name: 'a failed step leaves out only what needs it',
      steps: [netlink('a'), netlink('b'), netlink('a2', 'a'), netlink('b2', 'b'), bird('c', 'a2'), bird('d')],
      failing: ['a'],
      batches: ['netlink: a b', 'netlink: b2', 'bird: d'],
      bad: ['a failed', 'a2 skipped', 'c skipped'],
    },
    {
      name: 'a need that is not among the steps is met already',
      steps: [bird('c', 'elsewhere')],
      failing: [],
      batches: ['bird: c'],
      bad: [],
    },
  ]
  for (const {name, steps, failing, batches, bad} of cases) {
    it(name, async () => {
      const fake = drivers(failing)
      const outcomes = await applySteps(steps, fake.appliers, new AbortController().signal)
      assert.deepEqual(fake.batches, batches)
      const failures = [...outcomes.values()].flatMap((outcome) =>
        outcome.ok ? [] : [`${outcome.step} ${outcome.code}`],
      )
      assert.deepEqual(failures, bad)
      assert.equal(outcomes.size, steps.length)
    })
  }
})
