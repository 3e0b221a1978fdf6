import assert from 'node:assert/strict'
import {pairedRatio, type Round} from '../../bench/paired-ratio.ts'
import {seededRandom} from '../../bench/policy/random.ts'

describe('paired ratio of rounds', () => {
  const random = seededRandom(1)
  const sample = (factor: number): number[] => Array.from({length: 100}, () => factor * (5 + random.unit()))
  const round = (factor: number): Round => ({without: sample(1), beside: sample(factor)})
  const rounds = (factor: number): Round[] => Array.from({length: 10}, () => round(factor))

  it('of two that are alike is one, in a narrow interval', () => {
    const {value, low, high} = pairedRatio(rounds(1), 0.99)
    assert.ok(low > 0.95 && low <= value && value <= high && high < 1.05, `${low} ${value} ${high}`)
  })

  it('tells a cost that is there', () => {
    const {low, high} = pairedRatio(rounds(1.5), 0.99)
    assert.ok(low > 1.4 && high < 1.6, `${low} ${high}`)
  })

  it('one bad second on one side makes the interval wide', () => {
    const some = rounds(1)
    const struck = some[3]!.beside.map((ms, index) => (index < 12 ? ms + 30 : ms))
    const {value, low, high} = pairedRatio(some.with(3, {...some[3]!, beside: struck}), 0.99)
    assert.ok(value > 5, `${value}`)
    assert.ok(low < 1.1 && high > 5, `${low} ${high}`)
  })
})
