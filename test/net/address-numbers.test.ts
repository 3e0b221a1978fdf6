import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type Address,
  AddressNumbers,
  AddressTexts,
  canonicalFour,
  fourNumber,
  fourText,
  parseAddress,
} from '../../src/net/index.ts'

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
        const numbers = changes.length % 2 ? AddressNumbers.withRoom(changes.length) : new AddressNumbers()
        const map = new Map<Address, number>()
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

describe('AddressNumbers of IPv4', () => {
  const filled = (entries: readonly (readonly [Address, number])[]): AddressNumbers => {
    const numbers = new AddressNumbers()
    for (const [key, value] of entries) numbers.set(key, value)
    return numbers
  }

  it('are the same by numbers as by texts', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(any, fc.nat())), (entries) => {
        const numbers = filled(entries)
        const found: [Address, number][] = []
        numbers.eachFour((four, value) => found.push([fourText(four), value]))
        assert.deepEqual(new Map([...found, ...numbers.others()]), new Map(numbers))
        for (const [address, value] of found) assert.equal(numbers.getFour(fourNumber(address)), value)
        const more = numbers.foursWith((value) => value + 1)
        assert.deepEqual(new Map(more), new Map(found.map(([address, value]) => [address, value + 1])))
        const copy = numbers.copied()
        for (const [address] of found) assert.ok(copy.deleteFour(fourNumber(address)))
        assert.deepEqual(new Map(copy), new Map(numbers.others()))
        assert.equal(numbers.size, new Map(entries).size)
      }),
    )
  })

  // Filled in the order of another one, it was filled from one end: 4.8 s for what takes 0.1.
  it('are taken over from another map as fast as in any order', () => {
    const addresses = Array.from(
      {length: 300_000},
      (_, n) => 0x0a200000 + 0x40000 * Math.floor(n / 30_000) + (n % 30_000),
    )
    const filled = (): {readonly numbers: AddressNumbers; readonly ms: number} => {
      const numbers = new AddressNumbers()
      const beganMs = performance.now()
      for (const address of addresses) numbers.setFour(address, 1)
      return {numbers, ms: performance.now() - beganMs}
    }
    const [one, other] = [filled(), filled()]
    const into = new AddressNumbers()
    const beganMs = performance.now()
    one.numbers.eachFour((address, value) => into.setFour(address, value))
    const ms = performance.now() - beganMs
    assert.ok(ms < 10 * Math.min(one.ms, other.ms), `${ms} ms, ${one.ms} and ${other.ms} ms in any order`)
  })

  it('a canonical text is read as a number, and no other', () => {
    const texts = fc.oneof(fc.ipV4(), fc.stringMatching(/^[0-9.]{0,16}$/), fc.constantFrom('01.2.3.4', '1.2.3.256', ''))
    fc.assert(
      fc.property(texts, fc.string(), fc.string(), (text, before, after) => {
        const parsed = parseAddress(text)
        const wanted = parsed === null ? -1 : fourNumber(parsed)
        assert.equal(canonicalFour(`${before}${text}${after}`, before.length, before.length + text.length), wanted)
      }),
    )
  })
})

describe('AddressTexts', () => {
  it('of numbers, and taken over from another one, are the same', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(any, fc.integer({min: 0, max: 5}))), (entries) => {
        const numbers = new AddressNumbers()
        for (const [key, value] of entries) numbers.set(key, value)
        const wanted = new Map<string, string>()
        numbers.eachFour((four, value) => wanted.set(fourText(four), `${value >> 1}`))
        const texts = AddressTexts.ofFours(numbers, (value) => `${value >> 1}`)
        assert.deepEqual(new Map(texts), wanted)
        for (const [address, value] of numbers.others()) texts.set(address, `${value}`)
        const taken = new AddressTexts()
        taken.take(texts)
        assert.deepEqual(new Map(taken), new Map(texts))
        texts.set('10.0.0.77', 'later')
        assert.equal(taken.get('10.0.0.77'), undefined)
        const told = new Map<string, number>()
        for (const _ of taken.walkFours(Number, (four, value) => told.set(fourText(four), value)));
        assert.deepEqual(told, new Map([...wanted].map(([address, text]) => [address, Number(text)])))
      }),
    )
  })

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
