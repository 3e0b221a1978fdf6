import assert from 'node:assert/strict'
import {readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {listed, unknownIn} from '../../src/cli/diagnose/run.ts'
import {CHECKS} from '../../src/diagnose/index.ts'

const PAGE = readFileSync(path.resolve(import.meta.dirname, '../../docs/reference/diagnose.md'), 'utf8')

describe('codes that pages point at', () => {
  it('are checks', () => {
    const root = path.resolve(import.meta.dirname, '../../docs')
    const pages = readdirSync(root, {recursive: true, encoding: 'utf8'}).filter((name) => name.endsWith('.md'))
    const named = pages.flatMap((page) =>
      [...readFileSync(path.join(root, page), 'utf8').matchAll(/diagnose --only ([a-z0-9,-]+)/g)].map(([, codes]) => ({
        page,
        codes: codes!.split(','),
      })),
    )
    assert.ok(named.length > 10)
    for (const {page, codes} of named) assert.equal(unknownIn(codes), null, page)
  })
})

describe('docs/reference/diagnose.md', () => {
  it('has every check with what it looks at, in order, and no other', () => {
    const rows = [...PAGE.matchAll(/^\| `([^`]+)` *\| (.*?) *\| (.*?) *\|$/gm)].map(([, code, theme, looksAt]) => ({
      code,
      theme,
      looksAt,
    }))
    assert.deepEqual(rows, listed())
    assert.ok(CHECKS.length >= 40)
  })
})
