import assert from 'node:assert/strict'
import fc from 'fast-check'
import {decodeExport} from '../../src/decode/export-entry.ts'
import {plainEndpoint} from '../../src/decode/plain-endpoint.ts'
import type {RawRecord} from '../../src/model/index.ts'

const EXPORT = '/isthmus/v1/export/'
const record = (rest: string, value: string): RawRecord => ({
  key: `${EXPORT}endpoints/${rest}`,
  value: Buffer.from(value),
  modRevision: 7,
})

function byDecoder({key, value, modRevision}: RawRecord) {
  const segments = key.slice(EXPORT.length).split('/')
  return decodeExport({key, modRevision, source: 'export b'}, segments, Buffer.from(value).toString())
}

const almost = <T>(usual: T, ...others: T[]) =>
  fc.oneof({weight: 3, arbitrary: fc.constant(usual)}, fc.constantFrom(...others))
const address = fc.oneof(
  fc.ipV4(),
  fc.constantFrom(
    '010.0.0.1',
    '10.0.0',
    '10.0.0.256',
    '10.0.0.0.1',
    '10..0.1',
    '.10.0.1',
    '10.0.0.',
    '',
    '10.0.0.0-24',
  ),
  fc.ipV6(),
)
const name = fc.oneof(
  fc.string(),
  fc.constantFrom('shop/web-1', 'a"b', 'a\\b', 'a\\u0041b', 'ä', 'a\nb', '"]}', '","', '', '1234567890123456789'),
)
const value = fc.oneof(
  name.map((one) => `{"n":["${one}"]}`),
  fc.array(name, {maxLength: 3}).map((names) => JSON.stringify({n: names})),
  fc.constantFrom('{"n":["a"] }', '{"n":["a"],"more":1}', '{}', '', '{"n":["', '{"n":[""]}', '{"n":[null]}'),
)
const rest = fc
  .tuple(
    almost('main', 'Main', '', 'a.b', '-a', 'a'.repeat(33)),
    address,
    fc.oneof(
      fc.stringMatching(/^[A-Za-z0-9_-]{0,66}$/),
      fc.constantFrom('a b', 'a.b', 'ä', '@a', '[a', '`a', '{a', 'a:'),
    ),
    almost('', '/', '/more'),
  )
  .map(([store, at, id, more]) => `${store}/${at}/${id}${more}`)

describe('plainEndpoint', () => {
  it('reads as the decoder proper does, or not at all', () => {
    let read = 0
    fc.assert(
      fc.property(rest, value, (key, text) => {
        const one = record(key, text)
        const plain = plainEndpoint(one)
        if (!plain) return
        read++
        assert.deepEqual(plain, byDecoder(one))
      }),
      {numRuns: 2000},
    )
    assert.ok(read > 15, `${read} of 2000 were plain`)
  })

  it('reads what a leader writes', () => {
    const usual = record('main/10.2.0.5/0a1b', '{"n":["shop/web-1"]}')
    assert.notEqual(plainEndpoint(usual), null)
    assert.deepEqual(plainEndpoint(usual), byDecoder(usual))
  })

  for (const [what, one] of [
    ['two names', record('main/10.2.0.5/0a1b', '{"n":["a","b"]}')],
    ['an escape', record('main/10.2.0.5/0a1b', '{"n":["a\\u0041"]}')],
    ['more than ASCII', record('main/10.2.0.5/0a1b', '{"n":["ä"]}')],
    ['a network', record('main/10.2.0.0-24/0a1b', '{"n":["a"]}')],
    ['IPv6', record('main/fd00::1/0a1b', '{"n":["a"]}')],
  ] as const) {
    it(`leaves ${what} to the decoder proper`, () => assert.equal(plainEndpoint(one), null))
  }
})
