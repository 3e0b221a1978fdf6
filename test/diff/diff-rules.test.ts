import assert from 'node:assert/strict'
import {diffRules} from '../../src/diff/index.ts'
import type {SourceRule} from '../../src/model/index.ts'
import type {Address} from '../../src/net/index.ts'

const rule = (source: string, table: number): SourceRule => ({source: source as Address, table})
const words = (...args: Parameters<typeof diffRules>): string[] =>
  diffRules(...args).map((step) => `${step.do} ${step.key.replace(/^(un)?rule /, '')}`)

describe('rules by source', () => {
  const [first, second] = [rule('192.0.2.1', 1790), rule('2001:db8::1', 1791)]
  const cases: readonly [string, readonly SourceRule[], readonly SourceRule[], readonly string[]][] = [
    ['none', [], [], []],
    ['as wanted', [first, second], [second, first], []],
    ['missing', [first], [], ['rule-add from 192.0.2.1 lookup 1790']],
    ['no longer wanted', [], [second], ['rule-delete from 2001:db8::1 lookup 1791']],
    [
      'another table: the new one comes before the old one goes',
      [rule('192.0.2.1', 300)],
      [first],
      ['rule-add from 192.0.2.1 lookup 300', 'rule-delete from 192.0.2.1 lookup 1790'],
    ],
  ]
  for (const [name, wanted, held, steps] of cases) it(name, () => assert.deepEqual(words(wanted, held), steps))
})
