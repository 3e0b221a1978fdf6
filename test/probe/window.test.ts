import assert from 'node:assert/strict'
import fc from 'fast-check'
import {createProbeWindow, type ProbeReading} from '../../src/probe/index.ts'

const NONE = {lossRatio: null, minMs: null, avgMs: null, maxMs: null, lastMs: null, jitterMs: null}

/** The same from the whole history, slowly. */
function naive(fates: readonly (number | null)[], length: number): ProbeReading {
  const held = fates.slice(-length)
  const answered = held.filter((rtt) => rtt !== null)
  const all = fates.filter((rtt) => rtt !== null)
  let jitterMs: number | null = null
  all.forEach((rtt, index) => {
    if (index === 0) return
    jitterMs = (jitterMs ?? 0) + (Math.abs(rtt - all[index - 1]!) - (jitterMs ?? 0)) / 16
  })
  const lastOf = (isWanted: (rtt: number | null) => boolean): number =>
    fates.length - 1 - fates.findLastIndex((rtt) => !isWanted(rtt))
  return {
    ...{probes: held.length, lossRatio: held.length === 0 ? null : 1 - answered.length / held.length},
    minMs: answered.length === 0 ? null : Math.min(...answered),
    avgMs: answered.length === 0 ? null : answered.reduce((sum, rtt) => sum + rtt, 0) / answered.length,
    maxMs: answered.length === 0 ? null : Math.max(...answered),
    ...{lastMs: all.at(-1) ?? null, jitterMs},
    ...{lostInRow: lastOf((rtt) => rtt === null), passedInRow: lastOf((rtt) => rtt !== null)},
  }
}

/** Sums in another order differ in the last bits. */
const rounded = (reading: ProbeReading) =>
  Object.fromEntries(Object.entries(reading).map(([key, value]) => [key, value && Number(value.toPrecision(9))]))

describe('window of probes', () => {
  it('says what its last probes say, whatever came', () => {
    const fate = fc.option(fc.nat(1_000_000).map((micros) => micros / 1000))
    fc.assert(
      fc.property(fc.array(fate), fc.integer({min: 1, max: 20}), (fates, length) => {
        const window = createProbeWindow(length, 1000, 900)
        window.restart(0)
        for (const [sequence, rtt] of fates.entries()) window.note(sequence, rtt, sequence * 1000)
        assert.deepEqual(rounded(window.reading()), rounded(naive(fates, length)))
      }),
    )
  })

  it('knows nothing at first', () => {
    assert.deepEqual(createProbeWindow(5, 1000, 900).reading(), {probes: 0, ...NONE, lostInRow: 0, passedInRow: 0})
  })

  it('counts numbers that were left out as lost, and one that is late not again', () => {
    const window = createProbeWindow(10, 1000, 900)
    window.restart(0)
    window.note(0, 1, 0)
    window.note(3, 1, 3000)
    window.note(2, 1, 3001)
    assert.deepEqual([window.reading().probes, window.reading().lossRatio], [4, 0.5])
  })

  it('counts silence as loss, once, and what is said of it later not again', () => {
    const window = createProbeWindow(10, 1000, 900)
    window.restart(0)
    window.expire(2900)
    assert.equal(window.reading().probes, 0)
    window.expire(4950)
    assert.deepEqual([window.reading().probes, window.reading().lostInRow], [3, 3])
    window.note(2, null, 4960)
    assert.equal(window.reading().probes, 3)
    window.note(3, 7, 4970)
    assert.deepEqual([window.reading().lostInRow, window.reading().passedInRow], [0, 1])
  })

  it('a new process counts from 0 again, and what was measured stays', () => {
    const window = createProbeWindow(10, 1000, 900)
    window.restart(0)
    for (let sequence = 0; sequence < 5; sequence++) window.note(sequence, 2, sequence * 1000)
    window.restart(5000)
    window.note(0, 4, 5000)
    assert.deepEqual([window.reading().probes, window.reading().lossRatio, window.reading().maxMs], [6, 0, 4])
  })
})
