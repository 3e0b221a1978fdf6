import assert from 'node:assert/strict'
import {existsSync, readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {violations} from './support/architecture-rules.ts'
import {importsOf, type SourceFile} from './support/source-scan.ts'

const ROOT = path.resolve(import.meta.dirname, '..')

function readTree(folder: string): SourceFile[] {
  if (!existsSync(path.join(ROOT, folder))) return []
  return readdirSync(path.join(ROOT, folder), {recursive: true, encoding: 'utf8'})
    .filter((file) => /\.(?:tsx?|mjs|cjs)$/.test(file) && !file.startsWith('fixtures/'))
    .map((file) => `${folder}/${file}`)
    .map((file) => ({path: file, text: readFileSync(path.join(ROOT, file), 'utf8')}))
}

const ESSAY = `/**\n${' * word\n'.repeat(8)} */\n`

/** A house of two rooms in order; each case below adds one file that breaks one rule. */
const HOUSE: readonly SourceFile[] = [
  {path: 'src/net/index.ts', text: `${ESSAY}export {a} from './a.ts'\n`},
  {path: 'src/net/a.ts', text: 'export const a = 1\n'},
  {path: 'src/api/index.ts', text: ESSAY},
  {path: 'src/api/client.ts', text: ''},
  {path: 'src/cli/index.ts', text: ESSAY},
  {path: 'src/decode/index.ts', text: ESSAY},
  {path: 'src/policy/oracle/index.ts', text: ESSAY},
  {path: 'src/policy/compile/index.ts', text: ESSAY},
]

describe('architecture', () => {
  it('holds in the whole project', () => {
    const files = ['src', 'test', 'lab', 'bench', 'scripts', 'bin'].flatMap(readTree)
    assert.ok(files.length > 100, 'the files were found')
    assert.deepEqual(violations(files), [])
  })

  it('finds nothing in a house in order', () => assert.deepEqual(violations(HOUSE), []))

  const breaches: {name: string; path: string; text: string; found: RegExp}[] = [
    {
      name: 'a station that reaches downstream',
      path: 'src/net/b.ts',
      text: "import {x} from '../decode/index.ts'\n",
      found: /b\.ts:1: .*net may not know decode/,
    },
    {
      name: 'a type import counts too',
      path: 'src/net/b.ts',
      text: "import type {x} from '../decode/index.ts'\n",
      found: /net may not know decode/,
    },
    {
      name: 'a re-export',
      path: 'src/net/b.ts',
      text: "export * from '../decode/index.ts'\n",
      found: /net may not know decode/,
    },
    {
      name: 'a dynamic import',
      path: 'src/net/b.ts',
      text: "\nconst x = () => import('../decode/index.ts')\n",
      found: /b\.ts:2: .*net may not know decode/,
    },
    {
      name: 'an import over several lines',
      path: 'src/net/b.ts',
      text: "import {\n  x,\n  type Y,\n} from '../decode/index.ts'\n",
      found: /net may not know decode/,
    },
    {
      name: 'siblings that know each other',
      path: 'src/decode/b.ts',
      text: "import {x} from '../config/index.ts'\n",
      found: /decode may not know config/,
    },
    {
      name: "another station's inside",
      path: 'src/decode/b.ts',
      text: "import {a} from '../net/a.ts'\n",
      found: /only src\/net\/index\.ts is public/,
    },
    {
      name: "another part's inside, in the same station",
      path: 'src/policy/oracle/b.ts',
      text: "import {a} from '../compile/x.ts'\n",
      found: /a referee must not play/,
    },
    {
      name: 'a referee that plays',
      path: 'src/policy/oracle/b.ts',
      text: "import {a} from '../compile/index.ts'\n",
      found: /a referee must not play/,
    },
    {
      name: 'the command line inside the daemon',
      path: 'src/cli/b.ts',
      text: "import {a} from '../api/index.ts'\n",
      found: /cli may not know api/,
    },
    {
      name: 'the lab in what ships',
      path: 'src/api/b.ts',
      text: "import {a} from '../../lab/main.ts'\n",
      found: /never shipped/,
    },
    {
      name: 'the test support in what ships',
      path: 'src/api/b.ts',
      text: "import {a} from '../../test/support/x.ts'\n",
      found: /never shipped/,
    },
    {name: 'a station that nobody knows', path: 'src/misc/index.ts', text: ESSAY, found: /no station of the house/},
    {
      name: 'a file system in a pure station',
      path: 'src/decode/b.ts',
      text: "import {readFileSync} from 'node:fs'\n",
      found: /decode is pure: of Node only createHash/,
    },
    {
      name: 'random bytes beside createHash',
      path: 'src/decode/b.ts',
      text: "import {createHash, randomBytes} from 'node:crypto'\n",
      found: /of Node only createHash/,
    },
    {
      name: 'a logger in a pure station',
      path: 'src/decode/b.ts',
      text: "import pino from 'pino'\n",
      found: /no library that touches the world/,
    },
    {
      name: 'a clock',
      path: 'src/decode/b.ts',
      text: 'export const now = () => Date.now()\n',
      found: /b\.ts:1: Date; time comes in/,
    },
    {
      name: 'random',
      path: 'src/decode/b.ts',
      text: '\n\nexport const x = Math.random()\n',
      found: /b\.ts:3: Math\.random; random comes in/,
    },
    {
      name: 'the environment',
      path: 'src/decode/b.ts',
      text: 'export const x = process.env.X\n',
      found: /process; the environment/,
    },
    {name: 'a timer', path: 'src/decode/b.ts', text: 'setTimeout(() => 1, 1)\n', found: /setTimeout; timers/},
    {
      name: 'async in a pure station',
      path: 'src/decode/b.ts',
      text: 'export const x = async () => 1\n',
      found: /async; whoever waits/,
    },
    {
      name: 'async inside a template string',
      path: 'src/decode/b.ts',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
      text: 'export const x = `${(async () => 1)()}`\n',
      found: /async; whoever waits/,
    },
    {
      name: 'a forced type',
      path: 'src/api/b.ts',
      text: 'export const x = 1 as unknown as string\n',
      found: /as unknown as; a type/,
    },
    {
      name: 'a swallowed error',
      path: 'src/api/b.ts',
      text: 'try {\n  x()\n} catch {\n  // never mind\n}\n',
      found: /b\.ts:3: catch/,
    },
    {
      name: 'a silenced compiler',
      path: 'src/api/b.ts',
      text: '// @ts-expect-error\nx()\n',
      found: /@ts-expect-error; the compiler/,
    },
    {name: 'a name that says nothing', path: 'src/api/string-utils.ts', text: '', found: /a name that says nothing/},
    {name: 'a folder that says nothing', path: 'test/helpers/x.ts', text: '', found: /a name that says nothing/},
    {name: 'camel case', path: 'src/api/apiServer.ts', text: '', found: /not kebab-case/},
    {name: 'a long file', path: 'src/api/b.ts', text: 'x()\n'.repeat(401), found: /401 lines; over 400/},
    {
      name: 'a station without its essay',
      path: 'src/store/index.ts',
      text: '/** Stores. */\nexport {}\n',
      found: /its essay has 1 lines/,
    },
    {name: 'a station without a way in', path: 'src/store/b.ts', text: '', found: /src\/store\/index\.ts:1: missing/},
  ]
  for (const {name, found, ...file} of breaches) {
    it(`finds ${name}`, () => {
      const lines = violations([...HOUSE, file])
      assert.ok(
        lines.some((line) => found.test(line)),
        `${found} in:\n${lines.join('\n')}`,
      )
    })
  }

  const innocent: {name: string; path: string; text: string}[] = [
    {
      name: 'an import in a comment',
      path: 'src/net/b.ts',
      text: "// import {x} from '../decode/index.ts'\n/* import('pino') */\n",
    },
    {
      name: 'an import in a string',
      path: 'src/net/b.ts',
      text: 'export const x = "import {x} from \'../decode/index.ts\'"\n',
    },
    {
      name: 'a quote in a regular expression',
      path: 'src/net/b.ts',
      text: "export const x = /['\"`]/\nexport const y = 'async'\n",
    },
    {
      name: 'a slash that divides',
      path: 'src/net/b.ts',
      text: "export const x = 4 / 2 / 1\nexport const y = 'async'\n",
    },
    {
      name: 'impure words in text',
      path: 'src/decode/b.ts',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
      text: 'export const x = `Date ${1} process`\n// async Date\n',
    },
    {name: 'a property of that name', path: 'src/decode/b.ts', text: 'export const x = {process: 1}.process\n'},
    {name: 'createHash', path: 'src/decode/b.ts', text: "import {createHash} from 'node:crypto'\n"},
    {name: "the API's client in the command line", path: 'src/cli/b.ts', text: "import {x} from '../api/client.ts'\n"},
    {name: 'files of one station', path: 'src/net/b.ts', text: "import {a} from './a.ts'\n"},
    {
      name: 'an async edge',
      path: 'src/api/b.ts',
      text: "import {readFile} from 'node:fs/promises'\nexport const x = async () => readFile('x')\n",
    },
  ]
  for (const {name, ...file} of innocent) {
    it(`lets ${name} pass`, () => assert.deepEqual(violations([...HOUSE, file]), []))
  }
})

describe('importsOf', () => {
  it('reads every form with its line', () => {
    const text =
      "import a from 'a'\nimport 'b'\nexport {c} from \"c\"\nconst d = await import('d')\nconst e = require('e')\n"
    const found = importsOf(text).map(({specifier, line}) => `${specifier} ${line}`)
    assert.deepEqual(found, ['a 1', 'b 2', 'c 3', 'd 4', 'e 5'])
  })
})

describe('docs', () => {
  it('name only files that exist', () => {
    const docs = ['docs', 'src', 'lab', 'bench']
      .filter((folder) => existsSync(path.join(ROOT, folder)))
      .flatMap((folder) =>
        readdirSync(path.join(ROOT, folder), {recursive: true, encoding: 'utf8'}).map((file) => `${folder}/${file}`),
      )
      .filter((file) => file.endsWith('.md') || file.endsWith('/index.ts'))
    const missing: string[] = []
    for (const file of docs) {
      for (const [, name] of readFileSync(path.join(ROOT, file), 'utf8').matchAll(
        /`((?:src|test|lab|docs|scripts|bench)\/[\w./-]+\.\w+)`/g,
      )) {
        if (!existsSync(path.join(ROOT, name!))) missing.push(`${file}: ${name}`)
      }
    }
    assert.deepEqual(missing, [])
  })
})
