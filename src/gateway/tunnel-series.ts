import type {TunnelSeries, TunnelStatus} from '../api/index.ts'
import {SampleRing} from './sample-ring.ts'

/** What a sample of a tunnel has, in this order. */
const COLUMNS = ['rttMs', 'jitterMs', 'lossRatio', 'rxBytesPerSecond', 'txBytesPerSecond', 'up'] as const

/** Beyond it tunnels have no samples of their own: some 20 MB. */
const MAX_TUNNELS = 500

export interface TunnelSeriesKeeper {
  /** Takes what all tunnels say now. */
  take(tunnels: readonly SampledTunnel[], nowMs: number): void
  /** null as name: all together. */
  read(name: string | null, minutes: number, nowMs: number): TunnelSeries | null
}

export type SampledTunnel = Pick<TunnelStatus, 'name' | 'probes' | 'up' | 'rxBytes' | 'txBytes'>

interface Known {
  readonly ring: SampleRing
  atMs: number
  rxBytes: number
  txBytes: number
}

/** Round trip, loss and traffic of each tunnel over a day, for plots; lost with the daemon, as Prometheus has them too. */
export function createTunnelSeries(): TunnelSeriesKeeper {
  const known = new Map<string, Known>()
  const all = new SampleRing(COLUMNS.length)

  const sampleOf = (tunnel: SampledTunnel, nowMs: number): Float32Array => {
    const {name, probes, up, rxBytes, txBytes} = tunnel
    const before = known.get(name)
    const seconds = before ? (nowMs - before.atMs) / 1000 : 0
    // A counter that is less than before is that of a device that was made anew.
    const rate = (now: number, was: number | undefined): number =>
      was === undefined || now < was || seconds <= 0 ? Number.NaN : (now - was) / seconds
    const {lastMs = null, jitterMs = null, lossRatio = null} = probes?.small ?? {}
    return Float32Array.of(
      lastMs ?? Number.NaN,
      jitterMs ?? Number.NaN,
      lossRatio ?? Number.NaN,
      rate(rxBytes, before?.rxBytes),
      rate(txBytes, before?.txBytes),
      up ? 1 : 0,
    )
  }

  return {
    take(tunnels, nowMs) {
      const samples: Float32Array[] = []
      for (const tunnel of tunnels) {
        const sample = sampleOf(tunnel, nowMs)
        samples.push(sample)
        const {name, rxBytes, txBytes} = tunnel
        const before = known.get(name)
        if (!before && known.size >= MAX_TUNNELS) continue
        const own = before ?? {ring: new SampleRing(COLUMNS.length), atMs: 0, rxBytes: 0, txBytes: 0}
        known.set(name, own)
        Object.assign(own, {atMs: nowMs, rxBytes, txBytes})
        own.ring.add(nowMs / 1000, sample)
      }
      if (samples.length > 0) all.add(nowMs / 1000, together(samples))
      const names = new Set(tunnels.map(({name}) => name))
      // Of a tunnel that is gone a day is kept, as of one that is down.
      for (const [name, {atMs}] of known) if (!names.has(name) && nowMs - atMs > DAY_MS) known.delete(name)
    },
    read(name, minutes, nowMs) {
      const ring = name === null ? all : known.get(name)?.ring
      if (!ring) return null
      const {stepSeconds, at, columns} = ring.read(nowMs / 1000, minutes * 60)
      const [rttMs = [], jitterMs = [], lossRatio = [], rxBytesPerSecond = [], txBytesPerSecond = [], up = []] = columns
      return {name, stepSeconds, at, rttMs, jitterMs, lossRatio, rxBytesPerSecond, txBytesPerSecond, up}
    },
  }
}

const DAY_MS = 86_400_000

/** Traffic adds up; of all else the mean of those that measured it. */
function together(samples: readonly Float32Array[]): Float32Array {
  return Float32Array.from(COLUMNS, (name, column) => {
    const measured = samples.map((sample) => sample[column]!).filter((value) => !Number.isNaN(value))
    if (measured.length === 0) return Number.NaN
    const sum = measured.reduce((total, value) => total + value, 0)
    return name.endsWith('BytesPerSecond') ? sum : sum / measured.length
  })
}
