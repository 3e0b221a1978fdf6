import assert from 'node:assert/strict'
import {kernelFindings} from '../../src/gateway/kernel-findings.ts'
import {stepKey} from '../../src/model/index.ts'

describe('kernelFindings', () => {
  it('names the step and the module that is missing; what fails for another reason is tried again', () => {
    const failure = {ok: false, step: stepKey('fou 192.0.2.1:5555'), cause: 'the kernel has no module fou'} as const
    const failures = [
      {...failure, code: 'unsupported'},
      {...failure, code: 'skipped'},
      {...failure, code: 'refused'},
    ] as const
    const found = kernelFindings({failures})
    assert.deepEqual(
      found.map(({code, where}) => [code, where.key]),
      [['kernel-missing-module', 'fou 192.0.2.1:5555']],
    )
    assert.match(found[0]!.detail, /no module fou/)
    assert.deepEqual(kernelFindings(null), [])
  })
})
