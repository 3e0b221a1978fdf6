import assert from 'node:assert/strict'
import fc from 'fast-check'
import {type HoldDown, heldDown, NO_HOLD_DOWN, nextHoldDown, type SeenSession} from '../../src/routing/index.ts'

const SECOND = 1000

/** A look: when, and of each session since when it is up; absent: it is not. null: BIRD is away. */
interface Look {
  readonly atMs: number
  readonly up: Readonly<Record<string, number>> | null
}

const seen = (up: Readonly<Record<string, number>>): SeenSession[] =>
  ['t1', 't2'].map((name) => ({name, up: up[name] !== undefined, sinceMs: (up[name] ?? 0) * SECOND}))

/** What is held after each look. */
function play(looks: readonly Look[]): string[] {
  let state: HoldDown = NO_HOLD_DOWN
  return looks.map(({atMs, up}) => {
    state = nextHoldDown(state, up && seen(up), atMs)
    return heldDown(state, atMs).join(' ')
  })
}

/** The rule itself, over all looks: two losses within a minute, and for half a minute after the second. */
function heldByRule(looks: readonly Look[], name: string): boolean[] {
  const losses: number[] = []
  return looks.map(({atMs, up}, index) => {
    const before = looks[index - 1]?.up?.[name]
    if (up !== null && before !== undefined && (up[name] === undefined || up[name] > before + 1)) losses.push(atMs)
    return losses.some((loss, at) => at > 0 && loss - losses[at - 1]! <= 60 * SECOND && atMs - loss < 30 * SECOND)
  })
}

describe('a session over a tunnel that comes and goes', () => {
  const cases: {name: string; looks: [atSeconds: number, up: Look['up']][]; held: string[]}[] = [
    {
      name: 'one loss is none too many',
      looks: [
        [0, {t1: 1}],
        [1, {}],
        [2, {t1: 2}],
      ],
      held: ['', '', ''],
    },
    {
      name: 'lost twice within a minute it is held, for half a minute from then',
      looks: [
        [0, {t1: 1, t2: 1}],
        [1, {t2: 1}],
        [9, {t1: 9, t2: 1}],
        [61, {t2: 1}],
        [62, {t1: 62, t2: 1}],
        [90, {t1: 62, t2: 1}],
        [91, {t1: 62, t2: 1}],
      ],
      held: ['', '', '', 't1', 't1', 't1', ''],
    },
    {
      name: 'two losses further apart are none too many',
      looks: [
        [0, {t1: 1}],
        [1, {}],
        [9, {t1: 9}],
        [62, {}],
      ],
      held: ['', '', '', ''],
    },
    {
      name: 'lost and back between two looks is a loss',
      looks: [
        [0, {t1: 1}],
        [1, {t1: 3}],
        [2, {t1: 5}],
      ],
      held: ['', '', 't1'],
    },
    {
      name: 'a beginning of which BIRD tells now the one second and now the next is none',
      looks: [
        [0, {t1: 1}],
        [1, {t1: 2}],
        [2, {t1: 1}],
        [3, {t1: 2}],
      ],
      held: ['', '', '', ''],
    },
    {
      name: 'each further loss prolongs it',
      looks: [
        [0, {t1: 1}],
        [1, {t1: 3}],
        [2, {t1: 5}],
        [30, {}],
        [59, {t1: 40}],
        [60, {t1: 40}],
      ],
      held: ['', '', 't1', 't1', 't1', ''],
    },
    {
      name: 'a BIRD that is away is no loss, and its sessions begin anew',
      looks: [
        [0, {t1: 1}],
        [1, null],
        [2, {}],
        [3, {t1: 3}],
        [4, null],
        [5, {t1: 5}],
      ],
      held: ['', '', '', '', '', ''],
    },
  ]
  for (const {name, looks, held} of cases) {
    it(name, () => assert.deepEqual(play(looks.map(([seconds, up]) => ({atMs: seconds * SECOND, up}))), held))
  }

  const since = fc.option(fc.integer({min: 1, max: 5}), {nil: undefined, freq: 3})
  const up = fc.option(
    fc.record({t1: since, t2: since}).map((pair) => {
      const entries = Object.entries(pair).filter((entry): entry is [string, number] => entry[1] !== undefined)
      return Object.fromEntries(entries)
    }),
    {nil: null, freq: 8},
  )
  const looks = fc
    .array(fc.record({stepMs: fc.oneof(fc.constant(SECOND), fc.integer({min: 1, max: 70 * SECOND})), up}), {
      maxLength: 60,
    })
    .map((steps) => {
      let atMs = 0
      return steps.map(({stepMs, up}) => {
        atMs += stepMs
        return {atMs, up}
      })
    })

  it('is held exactly by the rule, whatever was seen, and each by its own losses', () => {
    fc.assert(
      fc.property(looks, (looks) => {
        const expected = looks.map((_, index) =>
          ['t1', 't2'].filter((name) => heldByRule(looks, name)[index]).join(' '),
        )
        assert.deepEqual(play(looks), expected)
      }),
    )
  })

  it('is forgotten when nothing is left to remember', () => {
    fc.assert(
      fc.property(looks, (looks) => {
        let state: HoldDown = NO_HOLD_DOWN
        for (const {atMs, up} of looks) state = nextHoldDown(state, up && seen(up), atMs)
        const later = nextHoldDown(state, null, (looks.at(-1)?.atMs ?? 0) + 90 * SECOND)
        assert.deepEqual(later, NO_HOLD_DOWN)
      }),
    )
  })
})
