import assert from 'node:assert/strict'
import {
  firstGeneration,
  type GenerationHalf,
  generationHalf,
  isOfHalf,
  nextGeneration,
} from '../../../src/apply/nft/generation.ts'
import {parseGatewayName} from '../../../src/model/index.ts'

const HALVES: readonly GenerationHalf[] = ['even', 'odd']
const HIGHEST = {even: 0xfffffe, odd: 0xffffff}
const DAY_MS = 86_400_000

describe('numbers of the generation', () => {
  it('of two twins are in two halves, whoever is asked; without a twin it is the even one', () => {
    const [a1, a2] = [parseGatewayName('a1')!, parseGatewayName('a2')!]
    const half = (gateway: typeof a1, twin: typeof a1 | null): GenerationHalf => generationHalf({gateway, twin})
    assert.deepEqual([half(a1, a2), half(a2, a1), half(a1, null)], ['even', 'odd', 'even'])
  })

  for (const half of HALVES) {
    it(`${half}: go round in their half, and are never 0 or 1, which mean not judged`, () => {
      const [first, last] = [half === 'odd' ? 3 : 2, HIGHEST[half]]
      assert.equal(nextGeneration(last, half), first)
      assert.equal(nextGeneration(last - 2, half), last)
      assert.equal(nextGeneration(first, half), first + 2)
      for (const other of [1, first, 0xff_fffe, 0xff_ffff]) assert.ok(isOfHalf(nextGeneration(other, half), half))
    })

    it(`${half}: a start is past all that were before it, of ten a second`, () => {
      const atMs = Date.UTC(2026, 10, 26, 3)
      let number = firstGeneration(atMs, half)
      assert.ok(isOfHalf(number, half))
      for (let raises = 0; raises < 9999; raises++) number = nextGeneration(number, half)
      assert.equal(firstGeneration(atMs + 1_000_000, half), nextGeneration(number, half))
    })

    it(`${half}: a start comes to the same number only after nine days`, () => {
      const atMs = 3 * DAY_MS
      const numbers = new Set(Array.from({length: 9 * 24}, (_, hour) => firstGeneration(atMs + hour * 3_600_000, half)))
      assert.equal(numbers.size, 9 * 24)
      for (const number of numbers) assert.ok(number >= 2 && number <= HIGHEST[half])
      for (let ms = 0; ms < 20 * DAY_MS; ms += 12_345_678) assert.ok(firstGeneration(ms, half) <= HIGHEST[half])
    })
  }
})
