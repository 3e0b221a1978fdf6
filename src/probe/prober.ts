import {readFileSync} from 'node:fs'
import {type Fping, startFping} from './fping.ts'
import {
  PROBE_TIMES,
  type ProbedTunnel,
  type ProbeGroup,
  type ProbeSize,
  type ProbeTimes,
  probeGroups,
} from './groups.ts'
import {createLineReader} from './line.ts'
import {createProbeWindow, type ProbeReading, type ProbeWindow} from './window.ts'

export type TunnelReadings = Readonly<Record<ProbeSize, ProbeReading>>

export type Readings = Pick<ReadonlyMap<string, TunnelReadings>, 'get'>

export interface Prober {
  /** From now on these; called at least every few seconds, also when nothing changed. */
  follow(tunnels: readonly ProbedTunnel[]): void
  /** By device, each made when it is asked for; nothing while there is no fping. */
  readings(): Readings
  /** Why nothing is measured: the command could not be started, or ended at once whenever it was. */
  missing(): string | null
  /** Settles when every process has ended, after the signal. */
  readonly done: Promise<void>
}

export interface ProberOptions {
  readonly signal: AbortSignal
  readonly nowMs: () => number
  readonly onError: (what: string, error: unknown) => void
  readonly command?: string
  readonly times?: ProbeTimes
}

/** Two minutes of either size. */
const LENGTHS: Readonly<Record<ProbeSize, number>> = {small: 120, full: 24}
const BACKOFF_MS = {first: 1000, last: 30_000}
/** A process that lived this long has not failed to start. */
const LIVED_MS = 30_000
const FAILS_OFTEN = 3

interface Windows {
  readonly mtu: number
  readonly windows: Readonly<Record<ProbeSize, ProbeWindow>>
}

interface Running {
  readonly fping: Fping
  readonly group: ProbeGroup
  /** Of the device that it is bound to, which is another one when it is made anew under its name. */
  readonly index: string | null
}

/** Keeps one fping a group running, as long as the group is wanted. */
export function startProber({signal, nowMs, onError, command = 'fping', times = PROBE_TIMES}: ProberOptions): Prober {
  const windowOf = (size: ProbeSize): ProbeWindow =>
    createProbeWindow(LENGTHS[size], times[size].periodMs, times[size].timeoutMs)
  const tunnels = new Map<string, Windows>()
  const running = new Map<string, Running>()
  const living = new Set<Promise<void>>()
  /** Groups whose process ended by itself: how often in a row, and when it may come again. */
  const failed = new Map<string, {times: number; untilMs: number}>()
  let missing: string | null = null
  const {promise: done, resolve} = Promise.withResolvers<void>()

  const failedAgain = (key: string, startedMs: number): number => {
    const times = nowMs() - startedMs > LIVED_MS ? 1 : (failed.get(key)?.times ?? 0) + 1
    failed.set(key, {times, untilMs: nowMs() + Math.min(BACKOFF_MS.first * 2 ** (times - 1), BACKOFF_MS.last)})
    return times
  }

  const start = (group: ProbeGroup): void => {
    const startedMs = nowMs()
    for (const device of group.devices.values()) tunnels.get(device)?.windows[group.size].restart(startedMs)
    const read = createLineReader()
    const onOutput = (text: string): void => {
      missing = null
      for (const {target, sequence, rttMs} of read(text)) {
        const device = group.devices.get(target)
        if (running.get(group.key) !== own || device === undefined) continue
        tunnels.get(device)?.windows[group.size].note(sequence, rttMs, nowMs())
      }
    }
    const own: Running = {fping: startFping(group.args, {command, onOutput}), group, index: indexOf(group.bound)}
    running.set(group.key, own)
    const ended = own.fping.ended.then(({error, how}) => {
      living.delete(ended)
      if (error) missing = error.message
      if (running.get(group.key) !== own) return
      running.delete(group.key)
      const times = failedAgain(group.key, startedMs)
      const words = `it ended: ${how}`
      // Where others go on it is not the program.
      if (times === FAILS_OFTEN && running.size === 0) missing ??= words
      if (times === 1 && missing === null) onError(command, new Error(words))
    })
    living.add(ended)
  }

  const stop = (key: string): void => {
    const own = running.get(key)
    running.delete(key)
    own?.fping.kill()
  }

  const follow = (wanted: readonly ProbedTunnel[]): void => {
    if (signal.aborted) return
    for (const device of tunnels.keys()) if (!wanted.some((one) => one.device === device)) tunnels.delete(device)
    for (const {device, mtu} of wanted) {
      const held = tunnels.get(device)
      // Another size is another question: what was lost of the larger one says nothing about it.
      if (held?.mtu !== mtu) {
        tunnels.set(device, {mtu, windows: {small: held?.windows.small ?? windowOf('small'), full: windowOf('full')}})
      }
    }
    const groups = new Map(probeGroups(wanted, times).map((group) => [group.key, group]))
    for (const key of running.keys()) if (!groups.has(key)) stop(key)
    for (const key of failed.keys()) if (!groups.has(key)) failed.delete(key)
    for (const [key, {group, index}] of running) {
      const now = indexOf(group.bound)
      if (now !== null && now !== index) stop(key)
    }
    for (const [key, group] of groups) {
      if (running.has(key) || nowMs() < (failed.get(key)?.untilMs ?? 0)) continue
      start(group)
    }
    if (missing !== null) return
    for (const group of groups.values()) {
      for (const device of group.devices.values()) tunnels.get(device)?.windows[group.size].expire(nowMs())
    }
  }

  const end = (): void => {
    for (const key of [...running.keys()]) stop(key)
    void Promise.all(living).then(() => resolve())
  }
  if (signal.aborted) end()
  else signal.addEventListener('abort', end, {once: true})

  return {
    follow,
    readings: () => ({
      get(device) {
        const {windows} = (missing === null && tunnels.get(device)) || {}
        return windows && {small: windows.small.reading(), full: windows.full.reading()}
      },
    }),
    missing: () => missing,
    done,
  }
}

/** The kernel's number of a device; null: there is none. */
function indexOf(device: string | null): string | null {
  if (device === null) return null
  try {
    return readFileSync(`/sys/class/net/${device}/ifindex`, 'latin1').trim()
  } catch {
    return null
  }
}
