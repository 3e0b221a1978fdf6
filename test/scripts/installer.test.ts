import assert from 'node:assert/strict'
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'

// Plain JavaScript without types: it runs before there are any packages.
const SCRIPTS = path.resolve(import.meta.dirname, '../../scripts')
const {staleNpmPackages}: {staleNpmPackages: (root: string) => string | null} = await import(
  path.join(SCRIPTS, 'npm-packages.mjs')
)
const {readPackageList}: {readPackageList: (root: string, architecture?: string) => {names: string[]; why: string}[]} =
  await import(path.join(SCRIPTS, 'debian.mjs'))

const LOCKED = {
  '': {version: '0.1.0'},
  'node_modules/a': {version: '1.0.0', integrity: 'sha512-a'},
  'node_modules/here': {version: '1.0.0', integrity: 'sha512-h', optional: true, os: ['linux'], cpu: [process.arch]},
  'node_modules/elsewhere': {version: '1.0.0', integrity: 'sha512-e', optional: true, os: ['win32']},
}
const {'': _root, 'node_modules/elsewhere': _elsewhere, ...INSTALLED} = LOCKED

describe('staleNpmPackages', () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'isthmus-npm-'))
    mkdirSync(path.join(root, 'node_modules'))
    writeFileSync(path.join(root, 'package-lock.json'), JSON.stringify({packages: LOCKED}))
  })
  afterEach(() => rmSync(root, {recursive: true}))

  const cases: {name: string; installed: object | null; want: RegExp | null}[] = [
    {name: 'all there, but what is for other machines', installed: INSTALLED, want: null},
    {name: 'nothing installed, or cut short', installed: null, want: /not installed yet/},
    {
      name: 'another version',
      installed: {...INSTALLED, 'node_modules/a': {version: '0.9.0', integrity: 'sha512-a'}},
      want: /^a is 0\.9\.0, and package-lock\.json says 1\.0\.0/,
    },
    {
      name: 'another content of the same version',
      installed: {...INSTALLED, 'node_modules/a': {version: '1.0.0', integrity: 'sha512-x'}},
      want: /^a is /,
    },
    {
      name: 'an optional one that is for this machine',
      installed: {'node_modules/a': LOCKED['node_modules/a']},
      want: /^here is missing/,
    },
  ]
  for (const {name, installed, want} of cases) {
    it(`${name}: ${want ? 'stale' : 'fresh'}`, () => {
      if (installed) {
        writeFileSync(path.join(root, 'node_modules/.package-lock.json'), JSON.stringify({packages: installed}))
      }
      const reason = staleNpmPackages(root)
      if (want) assert.match(reason ?? '', want)
      else assert.equal(reason, null)
    })
  }
})

describe('scripts/packages.txt', () => {
  const root = path.dirname(SCRIPTS)
  for (const architecture of ['amd64', 'arm64']) {
    it(`every line for ${architecture} names a package once, and why`, () => {
      const list = readPackageList(root, architecture)
      assert.ok(list.length > 15)
      for (const {names, why} of list) {
        assert.match(names.join(' '), /^[a-z0-9][a-z0-9.+-]+( [a-z0-9][a-z0-9.+-]+)*$/)
        assert.ok(why.length > 5, names.join(' '))
      }
      const all = list.flatMap(({names}) => names)
      assert.deepEqual(all, [...new Set(all)])
      assert.ok(
        all.some((name) => name.startsWith('qemu-system-')) && all.some((name) => name.startsWith('linux-image-')),
      )
    })
  }
})
