import assert from 'node:assert/strict'
import {chmod, mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {readPasswords} from '../../src/gateway/passwords.ts'
import {configOf} from '../support/sites.ts'
import {wanPeer} from '../support/wan-peer.ts'

describe('readPasswords', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-passwords-'))
  })
  afterEach(() => rm(folder, {recursive: true}))

  for (const [mode, codes] of [
    [0o600, []],
    [0o640, []],
    [0o644, ['peer-secret-open']],
    [0o602, ['peer-secret-open']],
  ] as const) {
    it(`a file of mode ${mode.toString(8)}: ${codes.length > 0 ? 'used, and a warning' : 'used'}`, async () => {
      const file = path.join(folder, 'key')
      await writeFile(file, 's3cret\n')
      await chmod(file, mode)
      const {passwords, findings} = await readPasswords({...configOf(), peers: [wanPeer({passwordFile: file})]})
      assert.equal(passwords.get(file), 's3cret')
      assert.deepEqual(
        findings.map(({code, severity}) => (severity === 'warning' ? code : severity)),
        codes,
      )
    })
  }

  it('a file that is not there: no password, and an error that names the peer', async () => {
    const file = path.join(folder, 'none')
    const {passwords, findings} = await readPasswords({...configOf(), peers: [wanPeer({passwordFile: file})]})
    assert.equal(passwords.size, 0)
    assert.deepEqual(
      findings.map(({code, where}) => [code, where.source]),
      [['peer-secret-unreadable', 'config peers r1']],
    )
  })
})
