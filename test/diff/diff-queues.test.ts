import assert from 'node:assert/strict'
import {diffQueues, foreignQueues} from '../../src/diff/index.ts'
import type {ActualQueue, QueueSpec} from '../../src/model/index.ts'
import {FakeNode} from '../support/fake-node.ts'

const WAN: QueueSpec = {device: 'wan0', rateMbit: 50}
const ours = (rateMbit: number | null, device = 'wan0'): ActualQueue => ({device, ours: true, rateMbit})
const theirs = (device = 'wan0'): ActualQueue => ({device, ours: false, kind: 'fq_codel'})

describe('queues of uplinks', () => {
  const cases: [what: string, wanted: QueueSpec[], held: ActualQueue[], steps: string[]][] = [
    ['none is made', [WAN], [], ['queue wan0: missing']],
    ['one that is right stays', [WAN], [ours(50)], []],
    ['another rate is changed', [WAN], [ours(20)], ['queue wan0: 20 ⇒ 50 Mbit/s']],
    ['other classes are mended', [WAN], [ours(null)], ['queue wan0: other classes ⇒ 50 Mbit/s']],
    ['one that nobody wants goes', [], [ours(50)], ['unqueue wan0: no longer wanted']],
    ['one of another device goes', [WAN], [ours(50), ours(50, 'wan1')], ['unqueue wan1: no longer wanted']],
    ['somebody else’s stays, wanted or not', [WAN], [theirs(), theirs('lan0')], []],
  ]
  for (const [what, wanted, held, steps] of cases) {
    it(what, () => {
      assert.deepEqual(
        diffQueues(wanted, held).map(({key, reason}) => `${key}: ${reason}`),
        steps,
      )
    })
  }

  it('what was done is not done again', () => {
    const node = new FakeNode()
    node.apply(diffQueues([WAN], []))
    assert.deepEqual(diffQueues([WAN], node.actual().queues), [])
  })

  it('somebody else’s on an uplink that is to be shaped is said, elsewhere it is none of ours', () => {
    const found = foreignQueues([WAN], [theirs(), theirs('lan0')])
    assert.deepEqual(
      found.map(({code, severity, where}) => [code, severity, where.key]),
      [['queue-foreign', 'warning', 'device wan0']],
    )
    assert.match(found[0]!.detail, /fq_codel.* 50 Mbit/)
  })
})
