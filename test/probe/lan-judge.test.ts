import assert from 'node:assert/strict'
import {createLanJudge} from '../../src/probe/index.ts'

const TWIN = '192.168.1.2'
const NODE = '192.168.1.10'

/** Rounds of 50 ms; of each the neighbours that answer, all others do not. */
function play(rounds: readonly (readonly string[])[], wasLost = false, all = [TWIN, NODE]): boolean[] {
  const judge = createLanJudge(wasLost)
  return rounds.map((answering, round) => {
    let lost = wasLost
    for (const target of all) {
      lost = judge.note({target, sequence: round, rttMs: answering.includes(target) ? 0.1 : null}, round * 50)
    }
    return lost
  })
}
const times = (count: number, answering: readonly string[]): (readonly string[])[] => Array(count).fill(answering)

describe('who of two gateways is cut off from the LAN', () => {
  const cases: {
    name: string
    rounds: (readonly string[])[]
    all?: string[]
    wasLost?: boolean
    lostAt: number | null
  }[] = [
    {name: 'nobody is while all answer', rounds: times(100, [TWIN, NODE]), lostAt: null},
    {name: 'this one, when neither twin nor node answers twice', rounds: [[TWIN, NODE], ...times(3, [])], lostAt: 2},
    {name: 'not for one lost answer of each', rounds: [[TWIN, NODE], [], [TWIN, NODE], [], [NODE], []], lostAt: null},
    {name: 'the twin, when the node still answers', rounds: [[TWIN, NODE], ...times(99, [NODE])], lostAt: null},
    {name: 'the node, when the twin still answers', rounds: [[TWIN, NODE], ...times(99, [TWIN])], lostAt: null},
    {name: 'nobody knows while nobody has ever answered', rounds: times(99, []), lostAt: null},
    {name: 'nobody knows by one neighbour alone', rounds: [[TWIN], ...times(99, [])], all: [TWIN], lostAt: null},
    {
      name: 'one that is gone for a minute is no witness',
      rounds: [[TWIN, NODE], ...times(1300, [NODE]), ...times(9, [])],
      lostAt: null,
    },
    {name: 'a restart of the watch changes nothing', rounds: times(5, []), wasLost: true, lostAt: 0},
  ]
  for (const {name, rounds, all, wasLost, lostAt} of cases) {
    it(name, () => {
      const at = play(rounds, wasLost, all).indexOf(true)
      assert.equal(at === -1 ? null : at, lostAt)
    })
  }

  it('is back when answers have come for three seconds without a break, by whomever', () => {
    const rounds = [[TWIN, NODE], ...times(4, []), ...times(30, [NODE]), ...times(3, []), ...times(70, [NODE])]
    const seen = play(rounds)
    assert.deepEqual([seen.indexOf(true), seen.indexOf(false, 2)], [2, 1 + 4 + 30 + 3 + 60])
  })
})
