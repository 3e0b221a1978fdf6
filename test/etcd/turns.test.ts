import assert from 'node:assert/strict'
import {createTurns} from '../../src/etcd/index.ts'

describe('createTurns', () => {
  it('lets in so many at a time, in the order in which they came', async () => {
    const turns = createTurns(2)
    const came: number[] = []
    const leaves: (() => void)[] = []
    const enter = async (who: number): Promise<void> => {
      leaves[who] = await turns.enter()
      came.push(who)
    }
    const all = [0, 1, 2, 3].map(enter)
    await Promise.all([all[0], all[1]])
    assert.deepEqual(came, [0, 1])
    leaves[1]!()
    await all[2]
    assert.deepEqual(came, [0, 1, 2])
    leaves[0]!()
    await all[3]
    leaves[2]!()
    leaves[3]!()
    await Promise.all([enter(4), enter(5)])
    assert.deepEqual(came, [0, 1, 2, 3, 4, 5])
  })
})
