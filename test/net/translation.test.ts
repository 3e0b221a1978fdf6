import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type Address,
  addressFromNumber,
  addressNumber,
  type Family,
  hostPrefix,
  type Prefix,
  parseAddress,
  prefixContains,
  prefixesOverlap,
  prefixLength,
  prefixRange,
  realPrefix,
  seenPrefix,
  type Translation,
} from '../../src/net/index.ts'

const bits = (family: Family): number => (family === 4 ? 32 : 128)

const prefixOf = (family: Family, length: number, number: bigint): Prefix => {
  const host = BigInt(bits(family) - length)
  return `${addressFromNumber((number >> host) << host, family)}/${length}` as Prefix
}

/** A translation onto a prefix that does not overlap, and an address inside the real one. */
const sample = fc
  .constantFrom<Family>(4, 6)
  .chain((family) => {
    const number = fc.bigInt({min: 0n, max: (1n << BigInt(bits(family))) - 1n})
    return fc.record({
      family: fc.constant(family),
      length: fc.integer({min: 1, max: bits(family)}),
      one: number,
      other: number,
      inside: number,
      longer: fc.integer({min: 0, max: bits(family)}),
    })
  })
  .map(({family, length, one, other, inside, longer}) => {
    const translation = {real: prefixOf(family, length, one), seen: prefixOf(family, length, other)}
    const {first, last} = prefixRange(translation.real)
    const within = prefixOf(family, Math.max(length, longer), first + (inside % (last - first + 1n)))
    return {translation, within}
  })
  .filter(({translation: {real, seen}}) => !prefixesOverlap(real, seen))

const numberOf = (prefix: Prefix): bigint => prefixRange(prefix).first

describe('translation', () => {
  it('there and back is where it began, and the way there keeps length and host bits', () => {
    fc.assert(
      fc.property(sample, ({translation, within}) => {
        const all: Translation[] = [translation]
        const seen = seenPrefix(all, within)!
        assert.ok(prefixContains(translation.seen, seen))
        assert.equal(prefixLength(seen), prefixLength(within))
        assert.equal(numberOf(seen) - numberOf(translation.seen), numberOf(within) - numberOf(translation.real))
        assert.equal(realPrefix(all, seen), within)
      }),
    )
  })

  it('is one to one: what is known by the other name already has none here', () => {
    fc.assert(
      fc.property(sample, ({translation, within}) => {
        const seen = seenPrefix([translation], within)!
        assert.equal(seenPrefix([translation], seen), null)
        assert.equal(realPrefix([translation], within), null)
      }),
    )
  })

  it('of a whole /28 no two addresses become one', () => {
    const all: Translation[] = [{real: '10.1.255.240/28' as Prefix, seen: '10.201.0.0/28' as Prefix}]
    const first = addressNumber(parseAddress('10.1.255.240')!)
    const seen = Array.from({length: 16}, (_, i) =>
      seenPrefix(all, hostPrefix(addressFromNumber(first + BigInt(i), 4))),
    )
    assert.deepEqual(
      seen,
      Array.from({length: 16}, (_, i) => `10.201.0.${i}/32`),
    )
  })

  it('leaves alone what it does not speak of, and what is wider than it', () => {
    const all: Translation[] = [{real: '10.1.0.0/16' as Prefix, seen: '10.201.0.0/16' as Prefix}]
    for (const text of ['10.2.0.5/32', '10.0.0.0/8', 'fd00:1::/48']) {
      assert.equal(seenPrefix(all, text as Prefix), text)
      assert.equal(realPrefix(all, text as Prefix), null)
    }
    assert.equal(seenPrefix(all, hostPrefix('10.1.2.3' as Address)), '10.201.2.3/32')
  })
})
