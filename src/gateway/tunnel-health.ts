import type {Logger} from 'pino'
import type {WatchClock} from '../etcd/index.ts'
import type {Finding, Tunnel} from '../model/index.ts'
import type {Planned} from '../plan/index.ts'
import {
  largestPassing,
  type ProbedTunnel,
  type ProbeTimes,
  probeOnce,
  type Readings,
  startProber,
} from '../probe/index.ts'
import {readPathMtus, type SavedPathMtu, writePathMtus} from '../store/index.ts'
import {
  LEAST_IPV6_MTU,
  LEAST_MTU,
  limitOf,
  limitsOf,
  newPathMtu,
  nextPathMtu,
  type PathEvent,
  type PathMtu,
  type PathSearch,
  type TunnelLimit,
} from '../tunnels/index.ts'

/** What is measured of the tunnels, and what follows of it. */
export interface TunnelHealth {
  /** By device. */
  readings(): Readings
  /** By device, where the path carries less than is computed; the same object as long as it says the same. */
  limits(): ReadonlyMap<string, TunnelLimit>
  findings(): readonly Finding[]
  readonly done: Promise<void>
}

type LastPlan = Pick<Planned, 'desired' | 'tunnelMtus' | 'usualMtus' | 'trials'>

export interface TunnelHealthOptions {
  /** Folder of what survives a restart. */
  readonly state: string
  /** Of the last pass; null before the first. */
  readonly planned: () => LastPlan | null
  readonly clock: WatchClock
  readonly signal: AbortSignal
  /** Wants a pass, since limits have changed. */
  readonly trigger: () => void
  readonly log: Pick<Logger, 'info' | 'warn'>
  readonly pace?: Pace
}

/** How often is measured, and looked at what was; and when a tunnel that was lowered is tried at more. */
export interface Pace {
  readonly times?: ProbeTimes
  readonly everyMs?: number
  readonly trialAfterMs?: number
}

const EVERY_MS = 1000
/** Each is one process at a time; the others wait their turn. */
const MAX_SEARCHES = 8
/** Kept in the file, beside those that are planned. */
const MAX_UNPLANNED = 1000
/** More than Ethernet's MTU is asked for once the tunnel has had time to come up. */
const FIRST_TRIAL_MS = 15_000
/** A device that is to be tried at a larger MTU has it by then, or the trial fails. */
const RAISED_WITHIN_MS = 5000

/** Has every tunnel of the last pass measured, and limits those whose path carries less than is computed. */
export async function startTunnelHealth(options: TunnelHealthOptions): Promise<TunnelHealth> {
  const {state: stateDir, planned, clock, signal, trigger, log, pace = {}} = options
  const {saved, findings} = await readPathMtus(stateDir)
  const nowMs = (): number => clock.nowMs()
  const prober = startProber({
    ...{signal, nowMs, onError: (what, error) => log.warn({what, err: error}, 'tunnels not measured')},
    ...(pace.times ? {times: pace.times} : {}),
  })
  const paths = new Map<string, PathMtu>()
  const searches = new Map<string, Promise<void>>()
  let limits: ReadonlyMap<string, TunnelLimit> = limitsOf(saved)
  let saving: Promise<void> = Promise.resolve()

  const take = (tunnel: ProbedTunnel, event: PathEvent): void => {
    const before = paths.get(tunnel.device)
    if (!before) return
    const {state, search} = nextPathMtu(before, event)
    if (state === before) return
    paths.set(tunnel.device, state)
    if (state.found !== before.found) {
      const {found, configured} = state
      log.info({device: tunnel.device, configured, found, before: before.found}, 'path MTU')
      save()
    }
    refresh()
    if (!search) return
    const searching = searchPath(tunnel, search).then((largest) => {
      searches.delete(tunnel.device)
      if (signal.aborted) return
      // Of another state of things: what has been computed for it is another by now.
      const now = paths.get(tunnel.device)
      if (now?.configured === state.configured) take(tunnel, {kind: 'searched', nowMs: nowMs(), largest})
    })
    searches.set(tunnel.device, searching)
  }

  async function searchPath(tunnel: ProbedTunnel, search: PathSearch): Promise<number | null> {
    const untilMs = nowMs() + RAISED_WITHIN_MS
    const isRaised = (): boolean => (mtuOf(planned(), tunnel.device) ?? 0) >= search.high
    while (!isRaised() && nowMs() < untilMs && !signal.aborted) await clock.sleep(50, signal)
    const rttMs = prober.readings().get(tunnel.device)?.small.maxMs ?? Number.POSITIVE_INFINITY
    return largestPassing(search, async (size) => !signal.aborted && probeOnce(tunnel, size, rttMs, signal))
  }

  function refresh(): void {
    const now = limitsOf(unplanned())
    for (const [device, path] of paths) {
      const all = {device: path.configured, clamp: path.configured}
      const limit = limitOf(path) ?? (planned()?.usualMtus.has(device) ? all : null)
      if (limit) now.set(device, limit)
    }
    if (sameLimits(limits, now)) return
    limits = now
    trigger()
  }

  function save(): void {
    const found = new Map(unplanned().slice(0, MAX_UNPLANNED))
    for (const [device, path] of paths) {
      const isKnown = path.found !== null || planned()?.usualMtus.has(device)
      if (isKnown) found.set(device, {configured: path.configured, found: path.found ?? path.configured})
    }
    saving = saving
      .then(() => writePathMtus(stateDir, found))
      .catch((error) => log.warn({err: error}, 'path MTUs not saved'))
  }

  /** Of sites that have not been read since the start, or are gone for good. */
  function unplanned(): [string, SavedPathMtu][] {
    return [...saved].filter(([device]) => !paths.has(device))
  }

  /** States of the tunnels that are planned; one that is gone for a moment keeps what is known of it. */
  function keepPaths(plan: LastPlan): void {
    const only6 = new Set(byDevice(plan).flatMap(({device, peer}) => (peer.includes(':') ? [device] : [])))
    for (const [device, configured] of plan.tunnelMtus) {
      const known = paths.get(device)
      if (known?.configured === configured) continue
      const old = known ? null : (saved.get(device) ?? besides(plan, device))
      const usual = plan.usualMtus.get(device) ?? null
      const isOld = old?.configured === configured
      const found = isOld ? old.found : usual
      const least = only6.has(device) ? LEAST_IPV6_MTU : LEAST_MTU
      const firstMs =
        usual !== null && !isOld ? Math.min(FIRST_TRIAL_MS, pace.trialAfterMs ?? FIRST_TRIAL_MS) : undefined
      paths.set(device, newPathMtu(configured, found, nowMs(), pace.trialAfterMs, least, firstMs))
    }
  }

  /** What is known of the tunnel that this one follows: it has the same path. */
  function besides({desired: {tunnels}}: LastPlan, device: string): PathMtu | undefined {
    const own = tunnels.find((tunnel) => tunnel.device === device)
    const other = tunnels.find((tunnel) => {
      const isPair = tunnel.remote === own?.remote && tunnel.localUplink === own.localUplink
      return isPair && tunnel.slot !== own.slot && tunnel.peer.includes(':') === own.peer.includes(':')
    })
    return other && paths.get(other.device)
  }

  function look(): void {
    const plan = planned()
    const tunnels = probed(plan)
    prober.follow(tunnels)
    if (!plan) return
    keepPaths(plan)
    const readings = prober.readings()
    for (const tunnel of tunnels) {
      const [reading, path] = [readings.get(tunnel.device), paths.get(tunnel.device)]
      if (!reading || !path || (path.phase === 'steady' && searches.size >= MAX_SEARCHES)) continue
      // Until a pass has made the device so, probes are of another size than the state speaks of.
      if (tunnel.mtu !== (limitOf(path)?.device ?? path.configured)) continue
      const probes = {
        smallPasses: reading.small.passedInRow > 0,
        fullLostInRow: reading.full.lostInRow,
        fullPassedInRow: reading.full.passedInRow,
      }
      take(tunnel, {kind: 'looked', nowMs: nowMs(), probes})
    }
    refresh()
  }

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      look()
      await clock.sleep(pace.everyMs ?? EVERY_MS, signal)
    }
    await Promise.all([prober.done, ...searches.values()])
    await saving
  }
  const done = run()

  return {
    readings: () => prober.readings(),
    limits: () => limits,
    findings: () => [...findings, ...proberFindings(prober.missing()), ...pathFindings(planned(), paths)],
    done,
  }
}

const mtuOf = (plan: LastPlan | null, device: string): number | null =>
  plan?.desired.links.find(({name}) => name === device)?.mtu ?? null

function probed(plan: LastPlan | null): ProbedTunnel[] {
  const mtus = new Map(plan?.desired.links.map(({name, mtu}) => [name, mtu]))
  return [...byDevice(plan), ...(plan?.trials ?? [])].flatMap(({device, local, peer}) => {
    const mtu = mtus.get(device)
    return mtu === undefined ? [] : [{device, local, peer, mtu}]
  })
}

/** A device that bears both families is measured once, by IPv4, which comes first. */
const byDevice = (plan: LastPlan | null): Tunnel[] => {
  const tunnels = plan?.desired.tunnels ?? []
  return tunnels.filter(({device}, index) => tunnels[index - 1]?.device !== device)
}

function sameLimits(a: ReadonlyMap<string, TunnelLimit>, b: ReadonlyMap<string, TunnelLimit>): boolean {
  const same = ([device, {device: mtu, clamp}]: readonly [string, TunnelLimit]): boolean =>
    b.get(device)?.device === mtu && b.get(device)?.clamp === clamp
  return a.size === b.size && [...a].every(same)
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
          remedy:
            'install the Debian package fping, or start isthmus-prober.socket; the gateway finds it within half a minute',
        },
      ]

const pathFindings = (plan: LastPlan | null, paths: ReadonlyMap<string, PathMtu>): Finding[] =>
  byDevice(plan).flatMap(({id, device}): Finding[] => {
    const path = paths.get(device)
    if (!path || path.found === null) return []
    const {configured, found} = path
    return [
      {
        code: 'path-mtu',
        // A line that carries no more than lines do.
        severity: found >= (plan?.usualMtus.get(device) ?? configured) ? 'info' : 'warning',
        where: {source: 'kernel', key: device},
        detail: `the path of tunnel ${id} carries ${found} bytes, not the ${configured} that are computed; device and MSS have ${found}`,
        remedy: 'find the link of the underlay that takes less; a path that carries more again is noticed by itself',
      },
    ]
  })
