import assert from 'node:assert/strict'
import {mkdirSync, readdirSync} from 'node:fs'
import {runCommandInVm, runningShare, SHARES, type VmOptions} from '../../lab/vm/index.ts'
import {eventually} from '../support/namespace.ts'

const mine = (): string[] => readdirSync(SHARES).filter((name) => name.startsWith(`${process.pid}-`))

function vm(script: string, more: Partial<VmOptions> = {}) {
  const said = {stdout: '', stderr: ''}
  const status = runCommandInVm(['bash', '-c', script], {
    accelerator: 'tcg',
    memoryMiB: 512,
    stdout: (data) => {
      said.stdout += data.toString()
    },
    stderr: (data) => {
      said.stderr += data.toString()
    },
    ...more,
  })
  return {said, status}
}

describe('a command in the VM', function () {
  this.timeout(60_000)

  before(() => mkdirSync(SHARES, {recursive: true}))
  afterEach(() => assert.deepEqual(mine(), []))

  it('sees modules that this kernel may lack, is asked to end when its caller is, and all it says comes back', async () => {
    const before = runningShare()
    const stopping = new AbortController()
    const {said, status} = vm(
      `trap 'echo cleaned up; exit 7' TERM
      modprobe ipip && ls /sys/module/ipip >/dev/null && echo ready && echo err >&2
      while :; do sleep 0.1; done`,
      {signal: stopping.signal},
    )
    await eventually(() => said.stdout.includes('ready'), 60_000)
    // lab/exec.ts is for a person's lab, not for any VM that runs.
    assert.equal(runningShare(), before)
    stopping.abort()
    assert.deepEqual({status: await status, ...said}, {status: 7, stdout: 'ready\ncleaned up\n', stderr: 'err\n'})
  })

  it('that never begins is an error that says so', async () => {
    await assert.rejects(vm('true', {bootTimeoutMs: 20}).status, /the VM did not boot within 0.02 s/)
  })

  it('that takes too long is ended, and the error says so', async () => {
    await assert.rejects(vm('sleep 600', {timeoutMs: 50}).status, /the VM was not done within 0.05 s/)
  })
})
