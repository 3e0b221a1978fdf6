import assert from 'node:assert/strict'
import {createLanJudge} from '../../src/probe/index.ts'

const TWIN = '192.168.1.2'
const NODE = '192.168.1.10'

/** Rounds of 50 ms; of each the neighbours that answer, all others do not. */
function play(rounds: readonly (readonly string[])[], wasLost = false, all = [TWIN, NODE]): boolean[] {
  const judge = createLanJudge(wasLost)
  return rounds.map((answering, round) => {
    const lines = all.map((target) => ({target, sequence: round, rttMs: answering.includes(target) ? 0.1 : null}))
    return judge.note(lines, round * 50)
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
    {
      name: 'this one, when neither twin nor node answers for 0.3 s',
      rounds: [[TWIN, NODE], ...times(9, [])],
      lostAt: 6,
    },
    {
      name: 'not for some lost answers of each',
      rounds: [[TWIN, NODE], ...times(5, []), [NODE], ...times(5, []), [TWIN]],
      lostAt: null,
    },
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

  const answers = [TWIN, NODE].map((target) => ({target, sequence: 0, rttMs: 0.1}))

  it('of probes without an answer fping need not speak at all: that it lives is enough', () => {
    const judge = createLanJudge(false)
    judge.note(answers, 0)
    assert.deepEqual(
      [50, 100, 150, 200, 250, 300].map((nowMs) => judge.note([], nowMs)),
      [false, false, false, false, false, true],
    )
  })

  it('while nobody asked, or nobody read, nobody was silent: not the first word after a pause decides', () => {
    const judge = createLanJudge(false)
    judge.note(answers, 0)
    assert.deepEqual(
      [judge.note([], 5000), judge.note(answers, 5001), judge.note([], 9000), judge.note([], 9050)],
      [false, false, false, false],
    )
    assert.deepEqual([judge.note([], 9100), judge.note([], 9150), judge.note([], 9200)], [false, false, true])
  })

  it('is back when answers have come for three seconds without a break, by whomever', () => {
    const rounds = [[TWIN, NODE], ...times(9, []), ...times(30, [NODE]), ...times(9, []), ...times(70, [NODE])]
    const seen = play(rounds)
    assert.deepEqual([seen.indexOf(true), seen.indexOf(false, 6)], [6, 1 + 9 + 30 + 9 + 60])
  })
})
