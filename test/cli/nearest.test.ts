import assert from 'node:assert/strict'
import {meant, nearest} from '../../src/cli/nearest.ts'

describe('the nearest word', () => {
  const words = ['tunnels', 'tiers', 'sites', 'rtt', 'get']
  for (const [typed, word] of [
    ['tunels', 'tunnels'],
    ['TUNNEL', 'tunnels'],
    ['tunnesl', 'tunnels'],
    ['tier', 'tiers'],
    ['rt', 'rtt'],
    ['gte', 'get'],
    ['xyz', null],
    ['', null],
    ['endpoints', null],
  ] as const) {
    it(`${typed} → ${word}`, () => assert.equal(nearest(typed, words), word))
  }
  it('ends a sentence, or says nothing', () => {
    assert.equal(meant('sitse', words), '; did you mean sites?')
    assert.equal(meant('zzzz', words), '')
  })
})
