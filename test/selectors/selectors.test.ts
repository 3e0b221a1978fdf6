import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import fc from 'fast-check'
import type {EntityRule, Policy} from '../../src/model/index.ts'
import {
  evaluateSelector,
  foldPeer,
  foldSubject,
  parseSelector,
  printSelector,
  type Selector,
} from '../../src/selectors/index.ts'
import {seed} from '../policy/random-world.ts'
import {entity, policy} from '../policy/worlds.ts'

const corpus = readFileSync(new URL('../corpus/selectors.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const parts = line.split('|')
    const verdict = parts.pop()!.trim()
    const labels = parts.pop()!.trim()
    const text = parts
      .join('|')
      .replace(/ $/, '')
      .replaceAll('\\n', '\n')
      .replaceAll('\\t', '\t')
      .replaceAll('\\r', '\r')
    return {text, verdict, labels: new Map(labels.split(' ').map((pair) => pair.split('=') as [string, string]))}
  })

const valueText = fc.string({maxLength: 4}).filter((value) => !(value.includes('"') && value.includes("'")))
const labelText = fc.stringMatching(/^[a-zA-Z0-9_./-]{1,6}$/)
const comparison = fc.constantFrom('equal', 'not-equal', 'contains', 'starts-with', 'ends-with')
const {tree} = fc.letrec<{tree: Selector}>((tie) => ({
  tree: fc.oneof(
    {maxDepth: 4, withCrossShrink: true},
    fc.constantFrom<Selector>({kind: 'all'}, {kind: 'global'}),
    fc.record({kind: fc.constant('has'), label: labelText}),
    fc.record({kind: comparison, label: labelText, value: valueText}),
    fc.record({kind: fc.constantFrom('in', 'not-in'), label: labelText, values: fc.array(valueText, {maxLength: 3})}),
    fc.record({kind: fc.constant('not'), operand: tie('tree')}),
    fc.record({
      kind: fc.constantFrom('and', 'or'),
      operands: fc.array(tie('tree'), {minLength: 2, maxLength: 3}),
    }),
  ) as fc.Arbitrary<Selector>,
}))

describe('selectors', () => {
  for (const {text, verdict, labels} of corpus) {
    it(`${JSON.stringify(text)} with ${[...labels.keys()].join()}: ${verdict}`, () => {
      const parsed = parseSelector(text)
      if (verdict === 'reject') return assert.equal(parsed.ok, false)
      assert.ok(parsed.ok, JSON.stringify(parsed))
      assert.equal(
        evaluateSelector(parsed.ast, (label) => labels.get(label)),
        verdict === 'true',
      )
    })
  }

  it('parsing is the inverse of printing', () => {
    fc.assert(
      fc.property(tree, (ast) =>
        assert.deepEqual(parseSelector(printSelector(ast)), {ok: true, ast: structuredClone(ast)}),
      ),
      {seed},
    )
  })

  const faults: [string, number][] = [
    ['a = "x"', 2],
    ['a == "x', 5],
    ['a == "x" b', 9],
    ['(a == "x"', 9],
    ['a in {"x" "y"}', 10],
  ]
  for (const [text, position] of faults) {
    it(`the fault of ${text} is at ${position}`, () => {
      const parsed = parseSelector(text)
      assert.equal(parsed.ok ? null : parsed.position, position)
    })
  }

  it('nesting that would exhaust the stack is a fault and not a crash', () => {
    assert.equal(parseSelector('('.repeat(100_000)).ok, false)
    assert.equal(parseSelector(`${'!'.repeat(100_000)}has(a)`).ok, false)
  })

  it('a label of 513 characters is a fault', () => {
    assert.equal(parseSelector(`${'a'.repeat(513)} == "x"`).ok, false)
    assert.equal(parseSelector(`${'a'.repeat(512)} == "x"`).ok, true)
  })
})

describe('folding of a policy', () => {
  const NS = 'has(projectcalico.org/namespace)'
  const cases: {name: string; given: Partial<Policy>; text: string | null}[] = [
    {name: 'nothing means all', given: {}, text: 'all()'},
    {name: 'selector alone is kept', given: {selector: 'all()'}, text: 'all()'},
    {
      name: 'namespace labels are prefixed',
      given: {namespaceSelector: "a == 'x' && has(b)"},
      text: 'pcns.a == "x" && has(pcns.b)',
    },
    {
      name: 'all() of both becomes namespaced',
      given: {selector: 'all()', namespaceSelector: 'all()'},
      text: `${NS} && ${NS}`,
    },
    {
      name: 'an or stays together',
      given: {selector: 'has(s)', namespaceSelector: 'has(a) || has(b)'},
      text: 'has(s) && (has(pcns.a) || has(pcns.b))',
    },
    {
      name: 'service accounts are prefixed',
      given: {serviceAccountSelector: 'all()'},
      text: 'has(projectcalico.org/serviceaccount)',
    },
    {
      name: 'text is replaced also within a value',
      given: {selector: "a == 'all()'", namespaceSelector: 'has(b)'},
      text: `a == "${NS}" && has(pcns.b)`,
    },
    {
      name: 'a selector that only parses when joined is invalid',
      given: {selector: 'has(a)) || (has(b)', namespaceSelector: 'all()'},
      text: null,
    },
    {name: 'global() is invalid', given: {namespaceSelector: 'global()'}, text: null},
  ]
  for (const {name, given, text} of cases) {
    it(name, () => {
      const folded = foldSubject(policy('p', given))
      assert.equal(folded.ok ? printSelector(folded.selector) : null, text)
    })
  }
})

describe('folding of a peer', () => {
  const cases: {name: string; given: Partial<EntityRule>; positive: string | null; negative?: string | null}[] = [
    {name: 'nothing', given: {}, positive: null},
    {name: 'notSelector alone stays negative', given: {notSelector: 'has(a)'}, positive: null, negative: 'has(a)'},
    {name: 'both merge', given: {selector: 'has(a)', notSelector: 'has(b)'}, positive: 'has(a) && !has(b)'},
    {
      name: 'namespaceSelector all()',
      given: {namespaceSelector: 'all()'},
      positive: 'has(projectcalico.org/namespace)',
    },
    {
      name: 'namespaceSelector global()',
      given: {namespaceSelector: 'global()'},
      positive: '!has(projectcalico.org/namespace)',
    },
    {
      name: 'service accounts by name and by label',
      given: {serviceAccounts: {names: ['x', 'y'], selector: 'has(a)'}},
      positive: 'projectcalico.org/serviceaccount in {"x", "y"} && has(pcsa.a)',
    },
  ]
  for (const {name, given, positive, negative} of cases) {
    it(name, () => {
      const folded = foldPeer(entity(given))
      assert.ok(folded.ok)
      assert.equal(folded.positive && printSelector(folded.positive), positive)
      assert.equal(folded.negative && printSelector(folded.negative), negative ?? null)
    })
  }

  it('global() within an expression is invalid', () => {
    assert.equal(foldPeer(entity({namespaceSelector: 'global() || has(a)'})).ok, false)
  })
})
