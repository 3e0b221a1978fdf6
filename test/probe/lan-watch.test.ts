import assert from 'node:assert/strict'
import {mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {Address} from '../../src/net/index.ts'
import {watchLan} from '../../src/probe/index.ts'
import {eventually} from '../support/namespace.ts'
import {address} from '../support/sites.ts'

describe('a watched LAN whose fping cannot be started', () => {
  it('is watched on, once that passes: it is said, and tried again each second', async function () {
    this.timeout(10_000)
    const folder = mkdtempSync(join(tmpdir(), 'is-lan-'))
    const said: string[] = []
    const end = new AbortController()
    // The kernel takes no argument of so many bytes: node throws what the kernel says, as for EPERM or ENOMEM.
    const lan = {
      device: 'none0',
      address: address('10.1.0.1'),
      twin: address('10.1.0.2'),
      watch: ['1'.repeat(1 << 18) as Address],
    }
    const ended = watchLan({lan, folder, signal: end.signal, tell: (line) => said.push(line)})
    await Promise.race([ended, eventually(() => said.length >= 2, 5000)])
    end.abort()
    await ended
    assert.match(said[0]!, /^fping: spawn E2BIG/)
    assert.equal(readFileSync(join(folder, 'lan-lost'), 'utf8'), '0\n')
    rmSync(folder, {recursive: true})
  })
})
