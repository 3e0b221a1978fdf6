import assert from 'node:assert/strict'
import {createTunnelSeries, type SampledTunnel} from '../../src/gateway/tunnel-series.ts'

const T0 = 1_800_000_000_000

const tunnel = (name: string, rxBytes: number, lastMs: number | null = null): SampledTunnel => {
  const probe = {lastMs, minMs: null, avgMs: null, maxMs: null, jitterMs: null, lossRatio: 0}
  return {name, up: lastMs !== null, rxBytes, txBytes: 0, probes: {small: probe, full: probe}}
}

describe('series of tunnels', () => {
  it('has rates from counters, and none where a counter went back', () => {
    const series = createTunnelSeries()
    for (const [index, bytes] of [0, 5000, 100, 600].entries()) series.take([tunnel('t', bytes, 12)], T0 + index * 5000)
    const read = series.read('t', 1, T0 + 15_000)
    assert.deepEqual(read?.rxBytesPerSecond.slice(-4), [null, 1000, null, 100])
    assert.deepEqual(read?.rttMs.slice(-2), [12, 12])
    assert.equal(read?.at.at(-1), T0 / 1000 + 15)
  })

  it('of all together has sums of traffic, the mean of round trips, and the part that is up', () => {
    const series = createTunnelSeries()
    series.take([tunnel('s', 0, 10), tunnel('t', 0, 20), tunnel('u', 0)], T0)
    series.take([tunnel('s', 5000, 10), tunnel('t', 10_000, 20), tunnel('u', 0)], T0 + 5000)
    const read = series.read(null, 1, T0 + 5000)!
    assert.deepEqual([read.rxBytesPerSecond.at(-1), read.rttMs.at(-1), read.up.at(-1)?.toFixed(2)], [3000, 15, '0.67'])
  })

  it('of a tunnel that it has not seen has nothing; of one that is gone for a day neither', () => {
    const series = createTunnelSeries()
    assert.equal(series.read('t', 1, T0), null)
    series.take([tunnel('t', 0)], T0)
    series.take([tunnel('u', 0)], T0 + 3_600_000)
    assert.ok(series.read('t', 1, T0))
    series.take([tunnel('u', 0)], T0 + 90_000_000)
    assert.equal(series.read('t', 1, T0), null)
  })

  it('keeps the samples of no more than 500 tunnels', () => {
    const series = createTunnelSeries()
    series.take(
      Array.from({length: 600}, (_, index) => tunnel(`t${index}`, 0)),
      T0,
    )
    assert.ok(series.read('t499', 1, T0))
    assert.equal(series.read('t500', 1, T0), null)
  })
})
