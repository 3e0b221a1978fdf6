import assert from 'node:assert/strict'
import {spawnSync} from 'node:child_process'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import * as fc from 'fast-check'
import {KINDS} from '../../src/api/client.ts'
import {type RunningApi, startApi} from '../../src/api/index.ts'
import {STORED} from '../../src/cli/kinds.ts'
import {splitShellLine} from '../../src/cli/shell-line.ts'
import {fakeView} from '../support/fake-view.ts'
import {cli} from '../support/run-cli.ts'
import {openShell} from '../support/shell-terminal.ts'

describe('completion', () => {
  let folder: string
  let socketPath: string
  let api: RunningApi
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-completion-'))
    socketPath = path.join(folder, 'api.sock')
    api = await startApi({view: fakeView(), socketPath, metrics: null, onError: assert.fail})
  })
  after(async () => {
    await api.close()
    await rm(folder, {recursive: true, maxRetries: 5})
  })

  const complete = async (...words: string[]): Promise<string[]> => {
    const {status, out, err} = await cli(['__complete', 'zsh', '--', ...words], socketPath)
    assert.deepEqual([status, err], [0, ''])
    return out.split('\n').slice(0, -1)
  }

  const TUNNELS = ['wan b/b1/wan 0', 'wan c/c1/wan 0']
  const cases: [words: string[], found: readonly string[]][] = [
    [['sta'], ['status']],
    [['__'], []],
    [['policy', 'tr'], ['trace']],
    [
      ['get', 't'],
      ['tunnels', 'tiers'],
    ],
    [
      ['get', ''],
      [...KINDS, ...STORED],
    ],
    [['get', 'tunnels', ''], TUNNELS],
    [['get', 'tunnel', 'wan c'], ['wan c/c1/wan 0']],
    [['describe', 'tun'], ['tunnel']],
    [['describe', 'tunnel', ''], TUNNELS],
    [['describe', 'tunnel', 'wan b/b1/wan 0', ''], []],
    [['get', 'tunnels', '-o', 'j'], ['json']],
    [['get', '-o', 'wide', 'tunnels', ''], TUNNELS],
    [['get', 'tunnels', '--output=w'], ['--output=wide']],
    [
      ['get', 'tunnels', '--sort-by', 'full'],
      ['full-rtt', 'full-loss'],
    ],
    [
      ['get', 'tunnels', '--so'],
      ['--socket', '--sort-by'],
    ],
    [['get', 'zzz', ''], []],
    [['diagnose', 'da'], ['datastore']],
    [
      ['completion', ''],
      ['bash', 'zsh'],
    ],
    [['check', ''], []],
    [['keys', 'rotate', ''], ['a']],
    [['--socket', '/nonexistent', 'get', 'tunnels', ''], []],
  ]
  for (const [words, found] of cases) {
    it(`${words.join(' ')}▯`, async () => {
      assert.deepEqual((await complete(...words)).toSorted(), found.toSorted())
    })
  }

  it('knows every command and option there is, since it reads the tree of commands', async () => {
    const {out} = await cli(['--help'])
    const commands = [...out.slice(out.indexOf('Commands:')).matchAll(/^ {2}([a-z][\w-]*)/gm)].map(([, name]) => name!)
    assert.ok(commands.length > 15)
    const known = await complete('')
    assert.deepEqual(
      commands.filter((name) => name !== 'help' && !known.includes(name)),
      [],
    )
    for (const name of known) {
      const help = (await cli([name, '--help'])).out
      const flags = [...help.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, flag]) => flag!)
      const told = await complete(name, '--')
      assert.deepEqual(
        flags.filter((flag) => !told.includes(flag)),
        [],
        name,
      )
    }
  })

  it('a line is read as a shell reads it, and what was begun with quotes ends with them', () => {
    for (const [line, words, whole] of [
      ['isthmus get ', ['isthmus', 'get', ''], 'wan\\ b/b1'],
      ['isthmus get wan\\ b', ['isthmus', 'get', 'wan b'], 'wan\\ b/b1'],
      ['isthmus get "wan b', ['isthmus', 'get', 'wan b'], '"wan b/b1"'],
      ["isthmus get 'wan b", ['isthmus', 'get', 'wan b'], "'wan b/b1'"],
      ['a  b\tc', ['a', 'b', 'c'], 'wan\\ b/b1'],
      ['"a\\"b', ['a"b'], '"wan b/b1"'],
    ] as const) {
      const parsed = splitShellLine(line)
      assert.deepEqual([parsed.words, parsed.quote('wan b/b1')], [words, whole], line)
    }
  })

  it('what is quoted is read back, by ourselves and by bash', () => {
    const word = fc.string({minLength: 1, maxLength: 12}).filter((text) => !/\p{Cc}/u.test(text))
    void fc.assert(
      fc.property(word, (text) => {
        assert.equal(splitShellLine(`isthmus ${splitShellLine('isthmus ').quote(text)}`).words[1], text)
      }),
    )
    const texts = fc.sample(word, 50)
    const quoted = texts.map((text) => splitShellLine('isthmus ').quote(text)).join(' ')
    const {stdout} = spawnSync('bash', ['--norc', '-c', `printf '%s\\n' ${quoted}`], {encoding: 'utf8'})
    assert.equal(stdout, texts.map((text) => `${text}\n`).join(''))
  })

  it('bash, at TAB: a command, and a name with spaces', async function () {
    this.timeout(20_000)
    const shell = await openShell('bash --norc --noprofile -i', 'eval "$(isthmus completion bash)"', {
      folder,
      socketPath,
    })
    try {
      await shell.type('isthmus stat\t', 'isthmus status ')
      await shell.type('isthmus get tunnels wan\\ c\t', 'wan\\ c/c1/wan\\ 0 ')
    } finally {
      shell.end()
    }
  })
})
