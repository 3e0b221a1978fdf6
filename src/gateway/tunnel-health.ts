import type {WatchClock} from '../etcd/index.ts'
import type {Finding} from '../model/index.ts'
import type {Planned} from '../plan/index.ts'
import {type ProbedTunnel, startProber, type TunnelReadings} from '../probe/index.ts'

/** What is measured of the tunnels, and what follows of it. */
export interface TunnelHealth {
  /** By device. */
  readings(): ReadonlyMap<string, TunnelReadings>
  findings(): readonly Finding[]
  readonly done: Promise<void>
}

export interface TunnelHealthOptions {
  /** Of the last pass; null before the first. */
  readonly planned: () => Pick<Planned, 'desired'> | null
  readonly clock: WatchClock
  readonly signal: AbortSignal
  readonly onError: (what: string, error: unknown) => void
}

const EVERY_MS = 1000

/** Has every tunnel of the last pass measured. */
export function startTunnelHealth({planned, clock, signal, onError}: TunnelHealthOptions): TunnelHealth {
  const prober = startProber({signal, nowMs: () => clock.nowMs(), onError})
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      prober.follow(probed(planned()))
      await clock.sleep(EVERY_MS, signal)
    }
    await prober.done
  }
  return {
    readings: () => prober.readings(),
    findings: () => proberFindings(prober.missing()),
    done: run(),
  }
}

function probed(planned: Pick<Planned, 'desired'> | null): ProbedTunnel[] {
  const mtus = new Map(planned?.desired.links.map(({name, mtu}) => [name, mtu]))
  return (planned?.desired.tunnels ?? []).flatMap(({device, local, peer}) => {
    const mtu = mtus.get(device)
    return mtu === undefined ? [] : [{device, local, peer, mtu}]
  })
}

const proberFindings = (missing: string | null): Finding[] =>
  missing === null
    ? []
    : [
        {
          code: 'prober-missing',
          severity: 'warning',
          where: {source: 'kernel', key: 'fping'},
          detail: `tunnels are not measured and path MTUs not checked: ${missing}`,
          remedy: 'install the Debian package fping; the gateway finds it within half a minute',
        },
      ]
