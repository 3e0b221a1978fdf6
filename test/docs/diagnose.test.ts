import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import path from 'node:path'
import {listed} from '../../src/cli/diagnose/run.ts'
import {CHECKS} from '../../src/diagnose/index.ts'

const PAGE = readFileSync(path.resolve(import.meta.dirname, '../../docs/reference/diagnose.md'), 'utf8')

describe('docs/reference/diagnose.md', () => {
  it('has every check with what it looks at, in order, and no other', () => {
    const rows = [...PAGE.matchAll(/^\| `([^`]+)` *\| (.*?) *\| (.*?) *\|$/gm)].map(([, code, theme, looksAt]) => ({code, theme, looksAt}))
    assert.deepEqual(rows, listed())
    assert.ok(CHECKS.length >= 40)
  })
})
