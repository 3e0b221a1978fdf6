import {Gauge, type Registry} from 'prom-client'
import type {SiteName} from '../model/index.ts'
import type {ProbeSize} from './groups.ts'
import type {TunnelReadings} from './prober.ts'
import type {ProbeReading} from './window.ts'

/** One tunnel at the moment of a scrape. */
export interface ProbeSample {
  readonly id: string
  readonly site: SiteName
  /** null while nothing is measured. */
  readonly readings: TunnelReadings | null
  /** MTU as computed from the encapsulation, and as it is used since the path carries no more. */
  readonly mtu: {readonly configured: number; readonly measured: number} | null
  /** Which forms of IPIP pass, where both are tried. */
  readonly forms: {readonly ipip: boolean | null; readonly fou: boolean | null} | null
}

const SIZES: readonly ProbeSize[] = ['small', 'full']

/** Declares what is measured of tunnels, filled at each scrape. What is not known has no series. */
export function registerProbeMetrics(registers: readonly Registry[], sample: () => readonly ProbeSample[]): void {
  const once = onceATurn(sample)
  const gauge = (
    name: string,
    help: string,
    label: string,
    values: (sample: ProbeSample) => readonly [label: string, value: number | null][],
  ): void => {
    new Gauge({
      name: `isthmus_tunnel_${name}`,
      help,
      labelNames: ['peer', 'tunnel', label],
      registers: [...registers],
      collect() {
        this.reset()
        for (const one of once()) {
          for (const [of, value] of values(one)) {
            if (value !== null) this.set({peer: one.site, tunnel: one.id, [label]: of}, value)
          }
        }
      },
    })
  }
  const bySize = (name: string, help: string, value: (reading: ProbeReading) => number | null): void =>
    gauge(name, help, 'size', ({readings}) => SIZES.map((size) => [size, readings && value(readings[size])]))

  const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000)
  bySize('rtt_seconds', 'Round trip to the other gateway: the last one', ({lastMs}) => seconds(lastMs))
  bySize('rtt_min_seconds', 'Shortest round trip of the last two minutes', ({minMs}) => seconds(minMs))
  bySize('rtt_avg_seconds', 'Mean round trip of the last two minutes', ({avgMs}) => seconds(avgMs))
  bySize('rtt_max_seconds', 'Longest round trip of the last two minutes', ({maxMs}) => seconds(maxMs))
  bySize('jitter_seconds', 'Difference between round trips, smoothed as in RFC 3550', ({jitterMs}) => seconds(jitterMs))
  bySize('probe_loss_ratio', 'Probes of the last two minutes without an answer, 0 to 1', ({lossRatio}) => lossRatio)
  gauge('path_mtu_bytes', 'Inner MTU of the tunnel: as computed, and as the path carries it', 'kind', ({mtu}) => [
    ['configured', mtu?.configured ?? null],
    ['measured', mtu?.measured ?? null],
  ])
  const bit = (passes: boolean | null | undefined): number | null => (passes == null ? null : Number(passes))
  gauge('form_passes', 'Whether probes in this form of IPIP come back: 1 or 0', 'form', ({forms}) => [
    ['ipip', bit(forms?.ipip)],
    ['fou', bit(forms?.fou)],
  ])
}

/** All metrics of one scrape ask in the same turn. */
function onceATurn<T>(ask: () => T): () => T {
  let answer: {readonly value: T} | null = null
  return () => {
    if (answer === null) {
      answer = {value: ask()}
      queueMicrotask(() => {
        answer = null
      })
    }
    return answer.value
  }
}
