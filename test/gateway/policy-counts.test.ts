import assert from 'node:assert/strict'
import {createPolicyCounts, type JudgedSource} from '../../src/gateway/policy-counts.ts'
import type {JudgedElement, Policy} from '../../src/model/index.ts'
import {type Compiled, compilePolicy} from '../../src/policy/index.ts'
import {elementOf} from '../policy/counting/judged-elements.ts'
import {address, attributes, policy, rule, tier, world} from '../policy/worlds.ts'

const PACKET = {from: address('10.1.0.5'), to: address('10.2.0.7'), protocol: 6, destinationPort: 80}

const compiledOf = (policies: readonly Policy[], previous: Compiled | null = null): Compiled =>
  compilePolicy(
    world(
      [
        {at: '10.1.0.5', site: 'a', set: attributes('pod')},
        {at: '10.2.0.7', site: 'b', set: attributes('pod')},
      ],
      [tier('default', 1)],
      policies,
    ),
    {default: 'deny', previous, firstClass: 7},
  )
const denies = (name: string): Policy => policy(name, {types: ['egress'], egress: [rule('Deny')]})

/** What the driver promises: each packet is given once, and a take that fails gives it the next time. */
function fakeSource() {
  let elements: JudgedElement[] = []
  let beyond = 0
  let failing: Error | null = null
  const source: JudgedSource = {
    takeJudged: async () => {
      if (failing) throw failing
      const taken = {elements, beyond}
      elements = []
      beyond = 0
      return taken
    },
  }
  return {
    source,
    count: (...more: JudgedElement[]) => elements.push(...more),
    countBeyond: (packets: number) => {
      beyond += packets
    },
    fail: (error: Error | null) => {
      failing = error
    },
  }
}

/** `time.wake` ends the sleep that somebody is in. */
function counting() {
  const kernel = fakeSource()
  const errors: unknown[] = []
  const time = {nowMs: 5, wake: () => {}}
  const sleep = (): Promise<void> =>
    new Promise((resolve) => {
      time.wake = resolve
    })
  const clock = {nowMs: () => time.nowMs, sleep}
  const counts = createPolicyCounts({source: kernel.source, clock, onError: (error) => errors.push(error)})
  return {kernel, counts, errors, time}
}

describe('policy counts of a gateway', () => {
  it('are sums of all that was taken', async () => {
    const {kernel, counts} = counting()
    const compiled = compiledOf([denies('p')])
    for (const packets of [2, 3]) {
      kernel.count(elementOf(compiled, PACKET, {packets, bytes: packets * 10}))
      kernel.countBeyond(1)
      await counts.take(() => compiled)
    }
    const [only, ...rest] = counts.totals.rules()
    assert.deepEqual([only?.policy, only?.flows, only?.bytes, rest], ['p', 5, 50, []])
    assert.equal(counts.totals.beyond(), 2)
  })

  it('are of the policy that is in force when they are taken', async () => {
    const {kernel, counts} = counting()
    let compiled = compiledOf([denies('p')])
    kernel.count(elementOf(compiled, PACKET))
    await counts.take(() => compiled)
    compiled = compiledOf([denies('q')], compiled)
    kernel.count(elementOf(compiled, PACKET))
    await counts.take(() => compiled)
    assert.deepEqual(
      counts.totals.rules().map(({policy, flows}) => [policy, flows]),
      [
        ['p', 1],
        ['q', 1],
      ],
    )
  })

  it('a policy that changes in the middle is asked for from there on', async () => {
    const {kernel, counts, time} = counting()
    let compiled = compiledOf([denies('p')])
    const element = elementOf(compiled, PACKET)
    kernel.count(element, element, element)
    let asked = 0
    let change: Promise<void> | null = null
    const done = counts.take(() => {
      // Before anything is taken, then for each element.
      if (++asked === 3) {
        time.nowMs += 5
        change = Promise.resolve().then(() => {
          compiled = compiledOf([denies('q')], compiled)
        })
      }
      return compiled
    })
    await done
    await change
    assert.deepEqual(
      counts.totals.rules().map(({policy, flows}) => [policy, flows]),
      [
        ['p', 2],
        ['q', 1],
      ],
    )
  })

  it('nothing is taken before there is a policy: nobody knew what it is', async () => {
    const {kernel, counts} = counting()
    kernel.countBeyond(1)
    await counts.take(() => null)
    assert.equal(counts.totals.beyond(), 0)
    await counts.take(() => compiledOf([]))
    assert.equal(counts.totals.beyond(), 1)
  })

  it('a kernel that cannot be read is told once, counted each time, and nothing is lost', async () => {
    const {kernel, counts, errors} = counting()
    const compiled = compiledOf([denies('p')])
    kernel.count(elementOf(compiled, PACKET))
    kernel.fail(new Error('busy'))
    await counts.take(() => compiled)
    await counts.take(() => compiled)
    assert.deepEqual([errors.length, counts.failures(), counts.totals.rules()], [1, 2, []])
    kernel.fail(null)
    await counts.take(() => compiled)
    assert.equal(counts.totals.rules()[0]?.flows, 1)
    kernel.fail(new Error('again'))
    await counts.take(() => compiled)
    assert.deepEqual([errors.length, counts.failures()], [2, 3])
  })

  it('who comes while one takes waits for that one', async () => {
    const {counts} = counting()
    const compiled = compiledOf([])
    assert.equal(
      counts.take(() => compiled),
      counts.take(() => compiled),
    )
    await counts.take(() => compiled)
  })

  describe('before a compilation', () => {
    const compiled = compiledOf([denies('p')])
    const {policies, staged} = compiled.state.understood
    const changed = {policies: {...policies}, staged}
    const count = (kernel: ReturnType<typeof fakeSource>) => kernel.count(elementOf(compiled, PACKET))

    it('are taken where policies change, or staged ones do', async () => {
      for (const next of [changed, {policies, staged: []}]) {
        const {kernel, counts} = counting()
        count(kernel)
        await counts.beforeCompile(() => compiled, next)
        assert.equal(counts.totals.rules()[0]?.flows, 1)
      }
    })

    it('are not where they stay, and not before there are any', async () => {
      const {kernel, counts} = counting()
      count(kernel)
      await counts.beforeCompile(() => compiled, {policies, staged})
      await counts.beforeCompile(() => null, changed)
      assert.deepEqual(counts.totals.rules(), [])
    })

    it('are not where they were just taken', async () => {
      const {kernel, counts, time} = counting()
      await counts.take(() => compiled)
      count(kernel)
      time.nowMs += 999
      await counts.beforeCompile(() => compiled, changed)
      assert.deepEqual(counts.totals.rules(), [])
      time.nowMs += 1
      await counts.beforeCompile(() => compiled, changed)
      assert.equal(counts.totals.rules()[0]?.flows, 1)
    })

    it('a kernel that does not answer holds up no change', async () => {
      const {kernel, counts, time} = counting()
      kernel.source.takeJudged = () => new Promise(() => {})
      const waited = counts.beforeCompile(() => compiled, changed)
      time.wake()
      await waited
    })
  })
})
