import assert from 'node:assert/strict'
import fc from 'fast-check'
import {type Address, AddressNumbers, AddressTexts, parseAddress} from '../../src/net/index.ts'

const address = (text: string): Address => parseAddress(text)!

/** Few, so that they collide, come again and go; some of them stand behind each other in the table. */
const few = fc
  .integer({min: 0, max: 40})
  .map((n) => (n > 35 ? address(`fd00::${n}`) : address(`10.${n % 3}.${n % 2 ? 0 : 255}.${n}`)))
const any = fc.oneof(few, fc.ipV4().map(address), fc.constantFrom(address('0.0.0.0'), address('255.255.255.255')))
const change = fc.tuple(any, fc.option(fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1), {nil: null}))

describe('AddressNumbers', () => {
  it('is what a Map is', () => {
    fc.assert(
      fc.property(fc.array(change, {maxLength: 200}), any, (changes, asked) => {
        const [numbers, map] = [new AddressNumbers(), new Map<Address, number>()]
        for (const [key, value] of changes) {
          if (value === null) assert.equal(numbers.delete(key), map.delete(key))
          else {
            numbers.set(key, value)
            map.set(key, value)
          }
        }
        assert.deepEqual(new Map(numbers), map)
        assert.deepEqual(new Set(numbers.keys()), new Set(map.keys()))
        assert.deepEqual([...numbers.values()].sort(), [...map.values()].sort())
        assert.equal(numbers.size, map.size)
        assert.equal(numbers.get(asked), map.get(asked))
        assert.equal(numbers.has(asked), map.has(asked))
      }),
      {numRuns: 300},
    )
  })
})

describe('AddressTexts', () => {
  it('is what a Map is', () => {
    const named = fc.tuple(any, fc.option(fc.constantFrom('', 'a', 'b'), {nil: null}))
    fc.assert(
      fc.property(fc.array(named, {maxLength: 100}), (changes) => {
        const [texts, map] = [new AddressTexts(), new Map<string, string>()]
        for (const [key, value] of changes) {
          if (value === null) assert.equal(texts.delete(key), map.delete(key))
          else {
            texts.set(key, value)
            map.set(key, value)
          }
        }
        assert.deepEqual(new Map(texts), map)
        assert.equal(texts.size, map.size)
      }),
    )
  })

  it('forgets texts that nobody has any more', () => {
    const texts = new AddressTexts()
    texts.set('10.0.0.1', 'stays')
    for (let n = 0; n < 50_000; n++) texts.set('10.0.0.2', `text ${n}`)
    assert.deepEqual([...texts].sort(), [
      ['10.0.0.1', 'stays'],
      ['10.0.0.2', 'text 49999'],
    ])
  })
})
