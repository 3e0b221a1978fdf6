import assert from 'node:assert/strict'
import {Registry} from 'prom-client'
import type {SiteName} from '../../src/model/index.ts'
import {createProbeWindow, type ProbeSample, registerProbeMetrics} from '../../src/probe/index.ts'

describe('probe metrics', () => {
  const window = createProbeWindow(10, 1000, 900)
  window.restart(0)
  for (const [sequence, rttMs] of [10, 20, null, 30].entries()) window.note(sequence, rttMs, sequence * 1000)
  const nothing = createProbeWindow(10, 1000, 900).reading()
  let samples: ProbeSample[] = []
  let asked = 0
  const register = new Registry()
  registerProbeMetrics([register], () => {
    asked++
    return samples
  })
  const scrape = async () =>
    (await register.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))

  it('are seconds and ratios by size; what is not known has no series', async () => {
    const readings = {small: window.reading(), full: nothing}
    const mtu = {configured: 1480, measured: 1300}
    samples = [{id: 'wan b/b1/wan 0', site: 'b' as SiteName, readings, mtu, forms: {ipip: false, fou: true}}]
    const labels = 'peer="b",tunnel="wan b/b1/wan 0"'
    assert.deepEqual(await scrape(), [
      `isthmus_tunnel_rtt_seconds{${labels},size="small"} 0.03`,
      `isthmus_tunnel_rtt_min_seconds{${labels},size="small"} 0.01`,
      `isthmus_tunnel_rtt_avg_seconds{${labels},size="small"} 0.02`,
      `isthmus_tunnel_rtt_max_seconds{${labels},size="small"} 0.03`,
      `isthmus_tunnel_jitter_seconds{${labels},size="small"} ${(10 / 16 + (10 - 10 / 16) / 16) / 1000}`,
      `isthmus_tunnel_probe_loss_ratio{${labels},size="small"} 0.25`,
      `isthmus_tunnel_path_mtu_bytes{${labels},kind="configured"} 1480`,
      `isthmus_tunnel_path_mtu_bytes{${labels},kind="measured"} 1300`,
      `isthmus_tunnel_form_passes{${labels},form="ipip"} 0`,
      `isthmus_tunnel_form_passes{${labels},form="fou"} 1`,
    ])
  })

  it('one scrape asks once, however many metrics there are', async () => {
    asked = 0
    await scrape()
    await scrape()
    assert.equal(asked, 2)
  })

  it('of a tunnel that is gone, or not measured, there are none', async () => {
    samples = [{id: 'wan b/b1/wan 0', site: 'b' as SiteName, readings: null, mtu: null, forms: null}]
    assert.deepEqual(await scrape(), [])
    samples = []
    assert.deepEqual(await scrape(), [])
  })
})
