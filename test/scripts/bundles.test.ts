import assert from 'node:assert/strict'
import {spawnSync} from 'node:child_process'
import {copyFileSync, cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {gatewayYaml} from '../support/gateway-yaml.ts'

const DIST = path.resolve(import.meta.dirname, '../../dist')

describe('the bundled command line, alone in a folder with its addons', () => {
  let folder: string
  const isthmus = (...args: string[]) =>
    spawnSync(process.execPath, [path.join(folder, 'isthmus.mjs'), ...args], {encoding: 'utf8'})

  before(() => {
    assert.ok(existsSync(path.join(DIST, 'isthmus.mjs')), 'run `npm run build` first')
    folder = mkdtempSync(path.join(tmpdir(), 'isthmus-bundle-'))
    copyFileSync(path.join(DIST, 'isthmus.mjs'), path.join(folder, 'isthmus.mjs'))
    cpSync(path.join(DIST, 'native'), path.join(folder, 'native'), {recursive: true})
  })
  after(() => rmSync(folder, {recursive: true}))

  it('is all that the build makes, beside the daemon', () => {
    // Packages and images are made of them, and lie there too.
    const built = readdirSync(DIST).filter((name) => name !== 'image' && !/\.deb(\.sha256)?$/.test(name))
    assert.deepEqual(built.sort(), ['console', 'isthmus.mjs', 'isthmusd.mjs', 'libraries.json', 'native'])
  })

  it('has the schema of the configuration in it', () => {
    const file = path.join(folder, 'gateway.yaml')
    writeFileSync(file, 'version: 1\nnonsense: 1\n')
    const {status, stdout, stderr} = isthmus('check', '--config', file)
    assert.match(stdout + stderr, /gateway\.yaml:2:1: .*nonsense/)
    assert.equal(status, 1)
  })

  it('has the client of etcd in it', () => {
    const file = path.join(folder, 'gateway.yaml')
    writeFileSync(file, gatewayYaml(['http://127.0.0.1:1']))
    const {status, stderr} = isthmus('snapshot', 'save', '--config', file, path.join(folder, 'saved'))
    assert.match(stderr, /127\.0\.0\.1:1/)
    assert.equal(status, 1)
  })
})
