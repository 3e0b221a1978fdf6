import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  addressFromNumber,
  addressNumber,
  comparePrefixes,
  type Prefix,
  PrefixTable,
  parseCidr,
  parsePortRange,
  parsePrefix,
  prefixContains,
  prefixContainsAddress,
  prefixesOverlap,
  prefixLength,
  prefixRange,
  rangeToPrefixes,
} from '../../src/net/index.ts'

/** Prefixes that meet often: few high bits, any length. */
const prefixes = fc
  .tuple(fc.integer({min: 0, max: 15}), fc.integer({min: 0, max: 32}))
  .map(([high, length]) => parseCidr(`${addressFromNumber(BigInt(high) << 28n, 4)}/${length}`)!)
const addresses = fc.integer({min: 0, max: 0xffffffff}).map((number) => addressFromNumber(BigInt(number), 4))

describe('prefixes', () => {
  const cases: [text: string, cidr: string | null, strict: string | null][] = [
    ['10.1.0.0/16', '10.1.0.0/16', '10.1.0.0/16'],
    ['10.1.2.3/16', '10.1.0.0/16', null],
    ['10.1.2.3', '10.1.2.3/32', null],
    ['fd00::1', 'fd00::1/128', null],
    ['FD00:1::/48', 'fd00:1::/48', 'fd00:1::/48'],
    ['0.0.0.0/0', '0.0.0.0/0', '0.0.0.0/0'],
    ['10.0.0.0/33', null, null],
    ['10.0.0.0/', null, null],
    ['10.0.0.0/8x', null, null],
    ['/8', null, null],
  ]
  for (const [text, cidr, strict] of cases) {
    it(`${text}: ${cidr} read leniently, ${strict} strictly`, () => {
      assert.equal(parseCidr(text), cidr)
      assert.equal(parsePrefix(text), strict)
    })
  }

  it('containment and overlap agree with the numbers', () => {
    fc.assert(
      fc.property(prefixes, prefixes, addresses, (a, b, address) => {
        const [left, right] = [prefixRange(a), prefixRange(b)]
        assert.equal(prefixContains(a, b), left.first <= right.first && right.last <= left.last)
        assert.equal(prefixesOverlap(a, b), left.first <= right.last && right.first <= left.last)
        const number = addressNumber(address)
        assert.equal(prefixContainsAddress(a, address), left.first <= number && number <= left.last)
      }),
    )
  })

  it('a range falls into the fewest prefixes that hold exactly it', () => {
    fc.assert(
      fc.property(fc.integer({min: 0, max: 300}), fc.integer({min: 0, max: 300}), (a, b) => {
        const range = {family: 4 as const, first: BigInt(Math.min(a, b)), last: BigInt(Math.max(a, b))}
        const parts = rangeToPrefixes(range)
        const held = parts.flatMap((prefix) => {
          const {first, last} = prefixRange(prefix)
          return Array.from({length: Number(last - first) + 1}, (_, i) => Number(first) + i)
        })
        assert.deepEqual(
          held,
          Array.from({length: Math.abs(a - b) + 1}, (_, i) => Math.min(a, b) + i),
        )
        assert.deepEqual(parts, [...parts].sort(comparePrefixes))
        for (const [i, part] of parts.entries()) {
          const next = parts[i + 1]
          // Two neighbours of one length that a shorter prefix would hold would be one too many.
          const parent = parseCidr(`${part.slice(0, part.indexOf('/'))}/${prefixLength(part) - 1}`)!
          assert.ok(!next || !(prefixLength(next) === prefixLength(part) && prefixContains(parent, next)))
        }
      }),
    )
  })
})

describe('PrefixTable', () => {
  it('finds what a walk over all prefixes finds', () => {
    fc.assert(
      fc.property(fc.array(prefixes, {maxLength: 20}), addresses, prefixes, (all, address, inner) => {
        const table = new PrefixTable(all.map((prefix) => [prefix, prefix] as const))
        const longest = (holds: (prefix: Prefix) => boolean) =>
          all.filter(holds).sort((a, b) => prefixLength(b) - prefixLength(a))[0]
        assert.equal(table.size, new Set(all).size)
        assert.equal(
          table.lookup(address),
          longest((prefix) => prefixContainsAddress(prefix, address)),
        )
        assert.equal(
          table.covering(inner),
          longest((prefix) => prefixContains(prefix, inner)),
        )
      }),
    )
  })
})

describe('parsePortRange', () => {
  const cases: [string, [number, number] | null][] = [
    ['80', [80, 80]],
    ['8000:8100', [8000, 8100]],
    ['0', [0, 0]],
    ['65536', null],
    ['9:8', null],
    ['1:2:3', null],
    ['http', null],
    ['', null],
  ]
  for (const [text, want] of cases) {
    it(`${JSON.stringify(text)}`, () => {
      const range = parsePortRange(text)
      assert.deepEqual(range && [range.first, range.last], want)
    })
  }
})
