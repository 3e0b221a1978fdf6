import assert from 'node:assert/strict'
import {impatient} from '../../src/gateway/patience.ts'

const {signal} = new AbortController()

describe('a reading that may hang', () => {
  it('is waited for once; the next ones go on without it, and it counts again once it answers', async () => {
    let asked = 0
    let now: () => Promise<string> = async () => {
      throw new Error('no answer')
    }
    const read = impatient(() => {
      asked++
      return now()
    })
    await assert.rejects(read(signal), /no answer/)
    let answer = (_: string): void => undefined
    now = () =>
      new Promise((resolve) => {
        answer = resolve
      })
    for (let pass = 0; pass < 2; pass++) await assert.rejects(read(signal), /no answer/)
    assert.equal(asked, 2, 'it is not asked while it owes an answer')
    answer('of an earlier moment')
    now = async () => 'x'
    assert.equal(await read(signal), 'x')
    assert.equal(await read(signal), 'x')
    assert.equal(asked, 4)
  })

  it('is waited for as long as it takes where the last one did well', async () => {
    const slow = impatient(() => new Promise((resolve) => setTimeout(resolve, 400, 'x')))
    assert.deepEqual(await Promise.all([slow(signal), slow(signal)]), ['x', 'x'])
  })

  it('that fails at once says so each time', async () => {
    const failing = impatient(async () => {
      throw new Error('no socket')
    })
    for (let pass = 0; pass < 3; pass++) await assert.rejects(failing(signal), /no socket/)
  })
})
