import assert from 'node:assert/strict'
import {currentEnvironment, medianOf, meetsGoal, quantile} from '../../bench/result.ts'

describe('bench results', () => {
  const goals: {name: string; result: object; want: boolean | null}[] = [
    {name: 'no goal', result: {value: 1}, want: null},
    {name: 'at the bound', result: {value: 50, goal: '<=50'}, want: true},
    {name: 'over it', result: {value: 50.1, goal: '<=50'}, want: false},
    {name: 'the worse end counts, above', result: {value: 40, low: 30, high: 51, goal: '<=50'}, want: false},
    {name: 'the worse end counts, below', result: {value: 0.95, low: 0.89, high: 0.99, goal: '>=0.9'}, want: false},
    {name: 'the better end does not', result: {value: 0.95, low: 0.91, high: 0.99, goal: '>=0.9'}, want: true},
  ]
  for (const {name, result, want} of goals) {
    it(`${name}: ${want}`, () => {
      const whole = {name: 'x', value: 0, unit: 'ms', ...result}
      assert.equal(meetsGoal(whole, 'direct'), want)
      assert.equal(meetsGoal(whole, 'tcg'), null, 'an emulated CPU carries no goal')
    })
  }

  it('a goal that is none is our bug', () => {
    assert.throws(() => meetsGoal({name: 'x', value: 1, unit: 'ms', goal: '< 5'}, 'direct'), /not a goal/)
  })

  it('quantiles are members of the sample', () => {
    const sample = [5, 1, 4, 2, 3]
    assert.deepEqual(
      [0, 0.5, 0.99, 1].map((q) => quantile(sample, q)),
      [1, 3, 5, 5],
    )
    assert.throws(() => quantile([], 0.5))
  })

  it('the median stands inside its interval', () => {
    const {value, low, high} = medianOf(Array.from({length: 20}, (_, index) => 20 - index))
    assert.deepEqual([value, low, high], [10.5, 6, 16])
    assert.deepEqual(medianOf([3]), {value: 3, low: 3, high: 3})
  })

  it('the VM says what accelerates it', () => {
    assert.equal(currentEnvironment({ISTHMUS_ENVIRONMENT: 'tcg'}), 'tcg')
    assert.equal(currentEnvironment({ISTHMUS_ENVIRONMENT: 'kvm'}), 'kvm')
  })
})
