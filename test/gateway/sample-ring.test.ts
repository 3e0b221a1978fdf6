import assert from 'node:assert/strict'
import fc from 'fast-check'
import {SampleRing} from '../../src/gateway/sample-ring.ts'

const RESOLUTIONS = [
  {stepSeconds: 5, slots: 6},
  {stepSeconds: 30, slots: 4},
]
const ring = (): SampleRing => new SampleRing(1, RESOLUTIONS)
const one = (value: number): Float32Array => Float32Array.of(value)

describe('SampleRing', () => {
  it('gives back what was put in, the oldest first, holes as null', () => {
    const samples = ring()
    samples.add(1000, one(1))
    samples.add(1010, one(3))
    const {stepSeconds, at, columns} = samples.read(1012, 20)
    assert.deepEqual(
      {stepSeconds, at, columns},
      {stepSeconds: 5, at: [995, 1000, 1005, 1010], columns: [[null, 1, null, 3]]},
    )
  })

  it('gives the mean of what fell into one step, and of none that was not measured', () => {
    const samples = ring()
    for (const value of [1, Number.NaN, 3]) samples.add(1001, one(value))
    assert.deepEqual(samples.read(1001, 5).columns, [[2]])
  })

  it('takes the finest resolution that reaches back far enough, or the coarsest', () => {
    const samples = ring()
    samples.add(900, one(2))
    samples.add(925, one(4))
    assert.equal(samples.read(929, 30).stepSeconds, 5)
    const coarse = samples.read(929, 31)
    assert.equal(coarse.stepSeconds, 30)
    assert.equal(coarse.columns[0]!.at(-1), 3)
    assert.equal(samples.read(929, 100_000).at.length, 4)
  })

  it('holds exactly what a list of all samples would say of the same steps, whatever the gaps and jumps of time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({min: 1, max: 40}), fc.integer({min: 0, max: 100})), {maxLength: 80}),
        (steps) => {
          const samples = ring()
          const all: {at: number; value: number}[] = []
          let at = 10_000
          for (const [pause, value] of steps) {
            at += pause
            samples.add(at, one(value))
            all.push({at, value})
          }
          for (const span of [30, 120]) {
            const {stepSeconds, at: times, columns} = samples.read(at, span)
            const expected = times.map((from) => {
              const own = all.filter((sample) => Math.floor(sample.at / stepSeconds) * stepSeconds === from)
              return own.length === 0 ? null : own.reduce((sum, {value}) => sum + value, 0) / own.length
            })
            assert.deepEqual(
              columns[0]!.map((value) => value?.toFixed(3)),
              expected.map((value) => value?.toFixed(3)),
            )
          }
        },
      ),
    )
  })
})
