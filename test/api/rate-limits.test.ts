import assert from 'node:assert/strict'
import {type Caller, nobody} from '../../src/api/caller.ts'
import {createRateLimits} from '../../src/api/rate-limits.ts'

const named = (via: Caller['via'], name: string): Caller => ({...nobody('192.0.2.1'), via, name})

describe('rate limits', () => {
  let nowMs = 0
  const start = () => {
    nowMs = 0
    return createRateLimits(() => nowMs)
  }
  const allowed = (limits: ReturnType<typeof start>, caller: Caller, tries: number): number => {
    let count = 0
    for (let index = 0; index < tries; index++) if (limits.refuses(caller) === null) count++
    return count
  }

  it('let a burst pass, then so many a second', () => {
    const limits = start()
    const caller = named('certificate', 'alice')
    assert.equal(allowed(limits, caller, 1000), 200)
    assert.equal(limits.refuses(caller), 1)
    nowMs = 1000
    assert.equal(allowed(limits, caller, 1000), 50)
    nowMs = 1_000_000
    assert.equal(allowed(limits, caller, 1000), 200, 'no more than the burst gathers')
  })

  it('are of each caller by itself; without a login of each address', () => {
    const limits = start()
    assert.equal(allowed(limits, named('certificate', 'alice'), 500), 200)
    assert.equal(allowed(limits, named('certificate', 'bob'), 500), 200)
    assert.equal(allowed(limits, nobody('192.0.2.1'), 500), 50)
    assert.equal(allowed(limits, nobody('192.0.2.2'), 500), 50)
    assert.equal(allowed(limits, nobody('192.0.2.1'), 500), 0)
  })

  it('are none on the socket', () => assert.equal(allowed(start(), named('socket', 'uid 0 (root)'), 100_000), 100_000))

  it('remember only so many: whoever comes by a million addresses fills no memory', () => {
    const limits = start()
    assert.equal(allowed(limits, nobody('192.0.2.1'), 60), 50)
    for (let index = 0; index < 9998; index++) limits.refuses(nobody(`2001:db8::${index.toString(16)}`))
    assert.equal(limits.refuses(nobody('192.0.2.1')), 1, 'still known')
    for (let index = 0; index < 10_000; index++) limits.refuses(nobody(`2001:db8:1::${index.toString(16)}`))
    assert.equal(limits.refuses(nobody('192.0.2.1')), null, 'forgotten')
  })
})
