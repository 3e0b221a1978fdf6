import assert from 'node:assert/strict'
import {Registry} from 'prom-client'
import type {SiteName} from '../../src/model/index.ts'
import {
  readKernelMartians,
  readSoftirqSeconds,
  registerConntrackMetrics,
  registerFastPathMetrics,
  registerMartianMetric,
  registerSoftirqMetric,
  registerTunnelMetrics,
  type TunnelSample,
} from '../../src/observe/index.ts'
import {parseRouteStatistics} from '../../src/observe/kernel-martians.ts'
import {parseSoftirqSeconds} from '../../src/observe/softirq.ts'

const sample = (bytes: number, more: Partial<TunnelSample> = {}): TunnelSample => ({
  id: 'wan b/b1/wan 1',
  site: 'b' as SiteName,
  encapsulation: 'wireguard',
  up: true,
  heldDown: false,
  keyMadeSeconds: 1690000000,
  counters: {
    device: 'is-b-1',
    operstate: 'unknown',
    receive: {bytes, packets: 2, errors: 0, drops: 1},
    transmit: {bytes: 3, packets: 4, errors: 5, drops: 6},
    handshakeSeconds: 1700000000,
  },
  ...more,
})
const LABELS = 'peer="b",tunnel="wan b/b1/wan 1"'

describe('tunnel metrics', () => {
  let tunnels: TunnelSample[] = []
  let asked = 0
  const register = new Registry()
  registerTunnelMetrics([register], async () => {
    asked++
    return tunnels
  })
  const scrape = async () =>
    (await register.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))

  it('show the totals of the kernel, asked once a scrape', async () => {
    tunnels = [sample(100)]
    const lines = await scrape()
    assert.equal(asked, 1)
    assert.ok(lines.includes(`isthmus_tunnel_receive_bytes_total{${LABELS}} 100`), lines.join('\n'))
    assert.ok(lines.includes(`isthmus_tunnel_transmit_errors_total{${LABELS}} 5`))
    assert.ok(lines.includes(`isthmus_tunnel_drops_total{${LABELS},reason="transmit"} 6`))
    assert.ok(lines.includes(`isthmus_tunnel_up{${LABELS},mode="wireguard"} 1`))
    assert.ok(lines.includes(`isthmus_tunnel_wireguard_last_handshake_timestamp_seconds{${LABELS}} 1700000000`))
    assert.ok(lines.includes(`isthmus_tunnel_held_down{${LABELS}} 0`))
    assert.ok(lines.includes(`isthmus_tunnel_wireguard_key_made_timestamp_seconds{${LABELS}} 1690000000`))
    assert.equal(lines.length, 12)
  })

  it('are totals again at the next scrape, not sums of scrapes', async () => {
    tunnels = [sample(150)]
    assert.ok((await scrape()).includes(`isthmus_tunnel_receive_bytes_total{${LABELS}} 150`))
  })

  it('say down for a tunnel without a device and nothing for one that is gone', async () => {
    tunnels = [sample(0, {up: false, heldDown: true, counters: null, keyMadeSeconds: null})]
    assert.deepEqual(await scrape(), [
      `isthmus_tunnel_up{${LABELS},mode="wireguard"} 0`,
      `isthmus_tunnel_held_down{${LABELS}} 1`,
    ])
    tunnels = []
    assert.deepEqual(await scrape(), [])
  })
})

describe('the metric of soft interrupts', () => {
  it('tells the seconds of each processor, and not their sum', async () => {
    const register = new Registry()
    const stat = 'cpu  9 9 9 9 9 9 900 0 0 0\ncpu0 1 2 3 4 5 6 700 0 0 0\ncpu11 1 2 3 4 5 6 50 0 0 0\nintr 5\n'
    registerSoftirqMetric([register], async () => parseSoftirqSeconds(stat))
    await register.metrics()
    const lines = (await register.metrics()).split('\n').filter((line) => line.startsWith('isthmus_'))
    assert.deepEqual(lines, ['isthmus_softirq_seconds_total{cpu="0"} 7', 'isthmus_softirq_seconds_total{cpu="11"} 0.5'])
  })

  it('the kernel has at least one processor', async () => assert.ok((await readSoftirqSeconds()).has('0')))
})

describe('the fast path', () => {
  it('says on how many devices it is, and how many packets left by it', async () => {
    const register = new Registry()
    registerFastPathMetrics([register], () => ({devices: 3, packets: 70, judgedPackets: 20, judges: true}))
    await register.metrics()
    const text = await register.metrics()
    assert.match(text, /^isthmus_fast_path_devices 3$/m)
    assert.match(text, /^isthmus_fast_path_judges 1$/m)
    assert.match(text, /^isthmus_fast_path_packets_total\{way="trusted"\} 50$/m)
    assert.match(text, /^isthmus_fast_path_packets_total\{way="judged"\} 20$/m)
  })
})

describe('martians of the kernel', () => {
  it('are the sum over all processors, in hexadecimal', async () => {
    const text = [
      'entries  in_hit   in_martian_dst in_martian_src out_hit',
      '8 0 7 00000010 3',
      '8 0 7 0000000a 3',
    ].join('\n')
    const register = new Registry()
    registerMartianMetric([register], async () => parseRouteStatistics(text))
    await register.metrics()
    assert.match(await register.metrics(), /^isthmus_kernel_martian_packets_total 26$/m)
  })

  for (const [what, text] of [
    ['no file', ''],
    ['a kernel that does not count them', 'entries in_hit\n8 0'],
  ] as const) {
    it(`${what}: none`, () => assert.equal(parseRouteStatistics(text), 0))
  }

  it('this kernel says so many', async () => assert.ok((await readKernelMartians()) >= 0))
})

describe('conntrack metrics', () => {
  it('show use and limit, and nothing without conntrack', async () => {
    let use: {entries: number; limit: number} | null = {entries: 7, limit: 262144}
    const register = new Registry()
    registerConntrackMetrics([register], async () => use)
    assert.match(await register.metrics(), /^isthmus_conntrack_entries 7$/m)
    assert.match(await register.metrics(), /^isthmus_conntrack_limit 262144$/m)
    use = null
    assert.doesNotMatch(await register.metrics(), /^isthmus/m)
  })
})
