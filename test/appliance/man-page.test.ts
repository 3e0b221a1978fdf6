import assert from 'node:assert/strict'
import {spawnSync} from 'node:child_process'
import {manPage} from '../../scripts/man-page.ts'

const HELP: Readonly<Record<string, string>> = {
  '': `Usage: isthmus [options] [command]\n\nIt.\n\nOptions:\n  --socket <path>  where\n                   it is\n\nCommands:\n  get [options] <kind>  one\n                        of many\n  site                  all\n  help [command]        help\n`,
  get: 'Usage: isthmus get [options] <kind>\n\none\n.of many, with a back\\slash\n',
  site: 'Usage: isthmus site [options] [command]\n\nall\n\nCommands:\n  init [options]  begin\n  help [command]  help\n',
  'site init': 'Usage: isthmus site init [options]\n\nbegin\n',
}

describe('the manual page', () => {
  const asked: string[] = []
  const page = manPage(
    (words) => {
      asked.push(words.join(' '))
      return HELP[words.join(' ')]!
    },
    {version: '0.1.0', date: '2026-11-27'},
  )

  it('has every command, however deep, once', () => assert.deepEqual(asked, ['', 'get', 'site', 'site init']))

  it('nothing in it is taken for roff', () => {
    const {stdout, stderr, error} = spawnSync('man', ['--warnings', '-E', 'UTF-8', '-l', '-'], {
      input: page,
      encoding: 'utf8',
    })
    if (error) return assert.match(page, /^\\&\.of many, with a back\\eslash$/m)
    assert.equal(stderr, '')
    for (const text of ['.of many, with a back\\slash', '--socket <path>', 'it is', 'isthmus site init'])
      assert.ok(stdout.includes(text), text)
  })
})
