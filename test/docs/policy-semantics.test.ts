import assert from 'node:assert/strict'
import {readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'

const TEST = path.resolve(import.meta.dirname, '..')
const TEXT = readFileSync(path.join(TEST, '../docs/design/policy.md'), 'utf8')

/** Every test and corpus that the table of semantics may name. */
const tests = ['policy', 'decode', 'federate', 'selectors', 'gateway']
  .flatMap((folder) =>
    readdirSync(path.join(TEST, folder), {recursive: true, encoding: 'utf8'}).map((file) => `${folder}/${file}`),
  )
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({file, text: readFileSync(path.join(TEST, file), 'utf8')}))

const rows = TEXT.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))

describe('docs/design/policy.md', () => {
  it('has the table of semantics', () => assert.ok(rows.length > 25, `${rows.length} rows`))

  for (const row of rows.slice(1)) {
    const [, semantics = '', proof = ''] = row.split('|').map((cell) => cell.trim())
    it(`the tests of "${semantics}" are there`, () => {
      // A name that ends in … is the beginning of several.
      const names = [...proof.matchAll(/"([^"]+)"/g)].map(([, name]) => name!.replace(/ ?…$/, ''))
      for (const name of names)
        assert.ok(
          tests.some(({text}) => text.includes(name)),
          `no test is called ${name}`,
        )
      const files = [...proof.matchAll(/\b(?:federate|decode|selectors|gateway)\/[a-z.-]+[a-z]/g)].map(
        ([file]) => `${file}.test.ts`,
      )
      for (const file of files)
        assert.ok(
          tests.some((test) => test.file === file),
          `there is no test/${file}`,
        )
      assert.ok(names.length + files.length > 0, 'nothing is named')
    })
  }
})
