import assert from 'node:assert/strict'
import {spawnSync} from 'node:child_process'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'

const MODULE = path.resolve(import.meta.dirname, '../../src/cli/hand-over.ts')
const GROUP = 4242

/** In a mount namespace with an /etc of its own, since the place is the package's. */
describe('files that root has made for the daemon', () => {
  let elsewhere: string
  before(function () {
    if (process.getuid?.() !== 0) this.skip()
  })
  beforeEach(() => {
    elsewhere = mkdtempSync(path.join(tmpdir(), 'isthmus-hand-over-'))
  })
  afterEach(() => rmSync(elsewhere, {recursive: true, force: true}))

  /** Mode and group of each after `folder` and its `gateway.key` were handed over. */
  function handedOver(made: string, folder: string, looked: readonly string[]): string[] {
    const script = `set -e
      mount -t tmpfs t /etc
      mkdir /etc/isthmus
      echo isthmus:x:${GROUP}: > /etc/group
      umask 077
      ${made}
      '${process.execPath}' -e "import('${MODULE}').then(({handOver}) => handOver('${folder}', ['gateway.key']))"
      stat -c '%a %g' ${looked.join(' ')}`
    const {status, stdout, stderr} = spawnSync('unshare', ['--mount', 'sh', '-c', script], {encoding: 'utf8'})
    assert.equal(status, 0, stderr)
    return stdout.trim().split('\n')
  }

  it('are its group’s to read, and their folder to enter', () => {
    const folder = '/etc/isthmus/tls'
    const found = handedOver(`mkdir ${folder}; touch ${folder}/gateway.key ${folder}/ca.key`, folder, [
      ...[folder, `${folder}/gateway.key`, `${folder}/ca.key`],
    ])
    assert.deepEqual(found, [`750 ${GROUP}`, `640 ${GROUP}`, '600 0'])
  })

  it('not what a link in their place leads to: the daemon’s user may make one there', () => {
    const key = `${elsewhere}/gateway.key`
    const closed = ['700 0', '600 0']
    const made = `touch ${key}; ln -s ${elsewhere} /etc/isthmus/tls`
    assert.deepEqual(handedOver(made, '/etc/isthmus/tls', [elsewhere, key]), closed)
    const one = `touch ${key}; mkdir /etc/isthmus/tls; ln -s ${key} /etc/isthmus/tls/gateway.key`
    assert.deepEqual(handedOver(one, '/etc/isthmus/tls', [elsewhere, key]), closed)
  })
})
