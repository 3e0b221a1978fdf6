import assert from 'node:assert/strict'
import {parseSelector, selectorProblem} from '../../src/selectors/index.ts'

describe('what is wrong with a selector that was typed', () => {
  for (const [given, said] of [
    [
      'app=web',
      "selector, at character 4: expected an operator after the label app; equality is written ==, and values stand in quotes: app == 'web'",
    ],
    [
      'app == web',
      "selector, at character 8: expected a quoted string; equality is written ==, and values stand in quotes: app == 'web'",
    ],
    [
      'has(',
      `selector, at character 5: expected a label, "(", "!", "has(" or "all()"; such as app == 'web' && has(tier)`,
    ],
  ] as const) {
    it(given, () => {
      const parsed = parseSelector(given)
      assert.equal(parsed.ok, false)
      if (!parsed.ok) assert.equal(selectorProblem(given, parsed), said)
    })
  }
})
