import assert from 'node:assert/strict'
import fc from 'fast-check'
import {addressFromNumber, addressNumber, compareAddresses, familyOf, parseAddress} from '../../src/net/index.ts'

describe('parseAddress', () => {
  const cases: [text: string, want: string | null][] = [
    ['10.1.0.5', '10.1.0.5'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['256.0.0.1', null],
    ['10.1.0', null],
    ['010.1.0.5', null],
    ['10.1.0.5/32', null],
    [' 10.1.0.5', null],
    ['', null],
    ['FD00:0:0::0001', 'fd00::1'],
    ['fd00:0:0:1:0:0:0:1', 'fd00:0:0:1::1'],
    ['::', '::'],
    ['fe80::1%eth0', null],
    ['fd00::/64', null],
    ['fd00:::1', null],
    ['host', null],
  ]
  for (const [text, want] of cases) {
    it(`${JSON.stringify(text)} is ${want ?? 'refused'}`, () => assert.equal(parseAddress(text), want))
  }

  it('is the inverse of the number, in both families, and its own fixed point', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(4 as const, 6 as const),
        fc.bigInt({min: 0n, max: (1n << 128n) - 1n}),
        (family, raw) => {
          const number = family === 4 ? raw & 0xffffffffn : raw
          const address = addressFromNumber(number, family)
          assert.equal(familyOf(address), family)
          assert.equal(addressNumber(address), number)
          assert.equal(parseAddress(address), address)
        },
      ),
    )
  })

  it('is written as RFC 5952 says, wherever its zeros are', () => {
    const group: fc.Arbitrary<bigint> = fc.constantFrom(0n, 0n, 0n, 1n, 0xabn, 0xffffn)
    fc.assert(
      fc.property(fc.array(group, {minLength: 8, maxLength: 8}), (groups) => {
        const number = groups.reduce((sum, one) => (sum << 16n) | one, 0n)
        const address = addressFromNumber(number, 6)
        assert.equal(addressNumber(address), number)
        assert.equal(parseAddress(address), address)
      }),
    )
  })

  it('sorts IPv4 first, then by number', () => {
    const sorted = ['10.0.0.10', 'fd00::1', '10.0.0.9', '::1'].map((text) => parseAddress(text)!).sort(compareAddresses)
    assert.deepEqual(sorted, ['10.0.0.9', '10.0.0.10', '::1', 'fd00::1'])
  })
})
