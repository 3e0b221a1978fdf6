import assert from 'node:assert/strict'
import {ReplyReader, refusalOf} from '../../src/bird/index.ts'

const SAID = [
  '0001 BIRD 2.0.12 ready.',
  '1000-BIRD 2.0.12',
  '1011-Router ID is 192.0.2.1',
  ' Hostname is vm',
  '0013 Daemon is up and running',
  '+echoed out of turn',
  '0002-Reading configuration from /b.conf',
  '8002 /b.conf:3:1 syntax error, unexpected CF_SYM_UNDEFINED',
  '',
].join('\n')

const HEARD = [
  {code: 1, lines: [{code: 1, text: 'BIRD 2.0.12 ready.'}]},
  {
    code: 13,
    lines: [
      {code: 1000, text: 'BIRD 2.0.12'},
      {code: 1011, text: 'Router ID is 192.0.2.1'},
      {code: 1011, text: 'Hostname is vm'},
      {code: 13, text: 'Daemon is up and running'},
    ],
  },
  {
    code: 8002,
    lines: [
      {code: 2, text: 'Reading configuration from /b.conf'},
      {code: 8002, text: '/b.conf:3:1 syntax error, unexpected CF_SYM_UNDEFINED'},
    ],
  },
]

describe('ReplyReader', () => {
  for (const size of [1, 2, 7, SAID.length]) {
    it(`cuts replies from pieces of ${size} bytes`, () => {
      const reader = new ReplyReader()
      const heard = []
      for (let at = 0; at < SAID.length; at += size) heard.push(...reader.push(SAID.slice(at, at + size)))
      assert.deepEqual(heard, HEARD)
    })
  }

  it('a refusal is BIRD’s own words; anything else is none', () => {
    assert.deepEqual(HEARD.map(refusalOf), [null, null, '/b.conf:3:1 syntax error, unexpected CF_SYM_UNDEFINED'])
  })
})
