import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  boxSpace,
  FULL_SPACE,
  holdsPair,
  intersect,
  isEmptySpace,
  isFullSpace,
  NO_SPACE,
  type PortSpace,
  spaceText,
  subtract,
  unite,
} from '../../../src/policy/proof/port-space.ts'
import {seed} from '../random-world.ts'

/** Ports at which the boxes below begin or end, and their neighbours: elsewhere no function changes. */
const EDGES = [0, 1, 2, 5, 6, 7, 80, 81, 65534, 65535]
const edge = fc.constantFrom(...EDGES)
const range = fc.tuple(edge, edge).map(([a, b]) => ({first: Math.min(a, b), last: Math.max(a, b)}))
const box = fc.tuple(fc.option(range), fc.option(range)).map(([source, destination]) => boxSpace(source, destination))

/** A space with, beside it, what it must hold, told pair by pair. */
type Told = {readonly space: PortSpace; readonly pairs: ReadonlySet<string>}
const PORTS = [...EDGES, 3, 4, 500].sort((a, b) => a - b)
const told = (space: PortSpace, has: (pair: string) => boolean): Told => ({
  space,
  pairs: new Set(PORTS.flatMap((from) => PORTS.map((to) => `${from} ${to}`)).filter(has)),
})
const one = box.map((space) =>
  told(space, (pair) => holdsPair(space, ...(pair.split(' ').map(Number) as [number, number]))),
)
const spaces: fc.Arbitrary<Told> = fc
  .tuple(one, fc.array(fc.tuple(fc.constantFrom('or', 'and', 'but'), one), {maxLength: 6}))
  .map(([first, steps]) =>
    steps.reduce((before, [operation, {space, pairs}]) => {
      const a = before.pairs
      if (operation === 'or') return told(unite(before.space, space), (pair) => a.has(pair) || pairs.has(pair))
      if (operation === 'and') return told(intersect(before.space, space), (pair) => a.has(pair) && pairs.has(pair))
      return told(subtract(before.space, space), (pair) => a.has(pair) && !pairs.has(pair))
    }, first),
  )

describe(`port spaces (SEED=${seed})`, () => {
  it('hold exactly the pairs that set algebra gives, told pair by pair', () => {
    fc.assert(
      fc.property(spaces, ({space, pairs}) => {
        for (const from of PORTS) {
          for (const to of PORTS) assert.equal(holdsPair(space, from, to), pairs.has(`${from} ${to}`), `${from} ${to}`)
        }
      }),
      {seed, numRuns: 300},
    )
  })

  it('of equal content have equal text, however they were made', () => {
    fc.assert(
      fc.property(spaces, spaces, ({space: a}, {space: b}) => {
        const same = isEmptySpace(subtract(a, b)) && isEmptySpace(subtract(b, a))
        assert.equal(spaceText(a) === spaceText(b), same)
        assert.equal(spaceText(unite(subtract(a, b), intersect(a, b))), spaceText(a))
        assert.equal(spaceText(subtract(FULL_SPACE, subtract(FULL_SPACE, a))), spaceText(a))
      }),
      {seed, numRuns: 300},
    )
  })

  it('knows all and nothing', () => {
    assert.ok(isFullSpace(unite(boxSpace({first: 0, last: 9}, null), boxSpace({first: 10, last: 65535}, null))))
    assert.ok(!isFullSpace(boxSpace(null, {first: 1, last: 65535})))
    assert.ok(isEmptySpace(subtract(NO_SPACE, FULL_SPACE)))
    assert.equal(spaceText(boxSpace(null, {first: 80, last: 80})), '0-65535:80')
  })
})
