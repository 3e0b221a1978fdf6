import assert from 'node:assert/strict'
import fc from 'fast-check'
import {evaluateSelector, parseSelector} from '../../src/selectors/index.ts'
import {seed} from '../policy/random-world.ts'

type Labels = ReadonlyMap<string, string>

/** A selector as a person might write it, and what it means, said without the parser: functions of the labels. */
interface Written {
  readonly text: string
  readonly holds: (labels: Labels) => boolean
}

const pick = fc.constantFrom
const label: fc.Arbitrary<string> = pick('a', 'b', 'in', 'not', 'has', 'x/y.z-0')
const value: fc.Arbitrary<string> = pick('', 'x', 'xy', 'yx', 'a && b', '}')
const space = pick('', ' ', '\t', '  ')
const gap = pick(' ', '\t', ' \t')
const quoted = (text: string, double: boolean): string => (double ? `"${text}"` : `'${text}'`)

const COMPARISONS: {word: string; needsGap: boolean; holds: (mine: string | undefined, asked: string) => boolean}[] = [
  {word: '==', needsGap: false, holds: (mine, asked) => mine === asked},
  {word: '!=', needsGap: false, holds: (mine, asked) => mine !== asked},
  {word: 'contains', needsGap: true, holds: (mine, asked) => mine !== undefined && mine.indexOf(asked) >= 0},
  {word: 'starts with', needsGap: true, holds: (mine, asked) => mine !== undefined && mine.indexOf(asked) === 0},
  {word: 'startswith', needsGap: true, holds: (mine, asked) => mine?.startsWith(asked) ?? false},
  {word: 'ends with', needsGap: true, holds: (mine, asked) => mine?.endsWith(asked) ?? false},
  {word: 'endswith', needsGap: true, holds: (mine, asked) => mine?.slice(mine.length - asked.length) === asked},
]

const comparison: fc.Arbitrary<Written> = fc
  .tuple(label, pick(...COMPARISONS), value, fc.boolean(), space, gap, space)
  .map(([name, {word, needsGap, holds}, asked, double, before, must, after]) => ({
    text: `${name}${needsGap ? must : before}${word}${after}${quoted(asked, double)}`,
    holds: (labels) => holds(labels.get(name), asked),
  }))
const membership: fc.Arbitrary<Written> = fc
  .tuple(label, pick('in', 'not in', 'notin'), fc.array(value, {maxLength: 3}), fc.boolean(), space, fc.boolean())
  .map(([name, word, values, double, around, trailing]) => {
    const list = values.map((one) => `${around}${quoted(one, double)}${around}`).join(',')
    return {
      text: `${name} ${word}${around}{${list}${trailing && values.length > 0 ? ',' : ''}${around}}`,
      holds: (labels) => {
        const mine = labels.get(name)
        const inside = mine !== undefined && values.indexOf(mine) >= 0
        return word === 'in' ? inside : !inside
      },
    }
  })
const call: fc.Arbitrary<Written> = fc
  .tuple(label, space, fc.boolean())
  .map(([name, inner, all]) =>
    all
      ? {text: `all(${inner})`, holds: () => true}
      : {text: `has(${inner}${name}${inner})`, holds: (labels) => labels.has(name)},
  )

const {written} = fc.letrec<{written: Written; and: Written; operand: Written}>((tie) => ({
  operand: fc.oneof(
    {maxDepth: 4},
    fc.oneof(comparison, membership, call),
    fc.tuple(tie('written'), space).map(([{text, holds}, inner]) => ({text: `(${inner}${text}${inner})`, holds})),
    fc.tuple(tie('operand'), space).map(([{text, holds}, inner]) => ({
      text: `!${inner}${text}`,
      holds: (labels: Labels) => !holds(labels),
    })),
  ),
  and: fc.tuple(fc.array(tie('operand'), {minLength: 1, maxLength: 3}), space).map(([parts, around]) => ({
    text: parts.map(({text}) => text).join(`${around}&&${around}`),
    holds: (labels) => parts.every(({holds}) => holds(labels)),
  })),
  // Without parentheses: `&&` must bind tighter.
  written: fc.tuple(fc.array(tie('and'), {minLength: 1, maxLength: 3}), space).map(([parts, around]) => ({
    text: parts.map(({text}) => text).join(`${around}||${around}`),
    holds: (labels) => parts.some(({holds}) => holds(labels)),
  })),
}))

const labels = fc.dictionary(label, value, {maxKeys: 4}).map((entries): Labels => new Map(Object.entries(entries)))

describe(`selectors as people write them (SEED=${seed})`, () => {
  it('mean what they say, for any labels, there or missing', () => {
    fc.assert(
      fc.property(written, fc.array(labels, {minLength: 1, maxLength: 6}), ({text, holds}, many) => {
        const parsed = parseSelector(text)
        assert.ok(parsed.ok, `${JSON.stringify(text)}: ${JSON.stringify(parsed)}`)
        for (const some of many) {
          const found = evaluateSelector(parsed.ast, (name) => some.get(name))
          assert.equal(found, holds(some), `${text} with ${JSON.stringify([...some])}`)
        }
      }),
      {seed, numRuns: 3000},
    )
  })
})
