export type ProbeSize = 'small' | 'full'

/** What a prober has to know of a tunnel. */
export interface ProbedTunnel {
  readonly device: string
  /** Inner addresses. */
  readonly local: string
  readonly peer: string
  /** Of its device, as it is now. */
  readonly mtu: number
}

/** One process of fping: every target once a period. */
export interface ProbeGroup {
  readonly size: ProbeSize
  /** The same for two groups of the same arguments. */
  readonly key: string
  readonly args: readonly string[]
  /** The device that all of it goes by; null: what the routes say. */
  readonly bound: string | null
  /** Device of the tunnel by its target. */
  readonly devices: ReadonlyMap<string, string>
}

/** Timeouts are shorter than the period, or a probe's end would be told after the next one's. */
export type ProbeTimes = Readonly<Record<ProbeSize, {readonly periodMs: number; readonly timeoutMs: number}>>
export const PROBE_TIMES: ProbeTimes = {
  small: {periodMs: 1000, timeoutMs: 900},
  full: {periodMs: 5000, timeoutMs: 2000},
}
const SMALL_BYTES = 56
/** The header of the family and ICMP's. */
export const headerBytes = (peer: string): number => (isIpv6(peer) ? 48 : 28)
export const familyFlag = (peer: string): '-4' | '-6' => (isIpv6(peer) ? '-6' : '-4')
const isIpv6 = (address: string): boolean => address.includes(':')
/** DSCP CS6, of probes and their answers: a full tunnel is no dead one. */
export const AS_CONTROL = ['-O', '192']
/** Between two targets, so that they are spread over the period. */
const MIN_GAP_MS = 1

interface Members {
  readonly size: ProbeSize
  readonly family: '-4' | '-6'
  readonly bytes: number
  readonly bound: ProbedTunnel | null
  readonly all: ProbedTunnel[]
}

/**
 * Which processes measure these tunnels. fping takes one size a process; so tunnels of one MTU share one. The route to a
 * peer's inner address leads through its tunnel; only where two tunnels lead to one address must the device be bound,
 * which fping can do for a process as a whole.
 */
export function probeGroups(tunnels: readonly ProbedTunnel[], times: ProbeTimes = PROBE_TIMES): ProbeGroup[] {
  const peers = new Map<string, number>()
  for (const {peer} of tunnels) peers.set(peer, (peers.get(peer) ?? 0) + 1)
  const members = new Map<string, Members>()
  for (const tunnel of tunnels) {
    const bound = peers.get(tunnel.peer) === 1 ? null : tunnel
    for (const size of ['small', 'full'] as const) {
      const bytes = size === 'small' ? SMALL_BYTES : tunnel.mtu - headerBytes(tunnel.peer)
      const family = familyFlag(tunnel.peer)
      const key = `${size} ${family} ${bytes} ${bound?.device ?? ''}`
      const group = members.get(key) ?? {size, family, bytes, bound, all: []}
      group.all.push(tunnel)
      members.set(key, group)
    }
  }
  return [...members.values()].map(({size, family, bytes, bound, all}) => {
    const {periodMs, timeoutMs} = times[size]
    const gapMs = Math.max(MIN_GAP_MS, Math.floor(periodMs / 2 / all.length))
    const pace = ['-l', '-p', `${periodMs}`, '-t', `${timeoutMs}`, '-i', `${gapMs}`]
    const args = [family, ...AS_CONTROL, ...pace, '-b', `${bytes}`]
    if (size === 'full') args.push('-M')
    if (bound) args.push('-I', bound.device, '-S', bound.local)
    args.push(...all.map(({peer}) => peer))
    return {
      size,
      key: args.join(' '),
      args,
      bound: bound?.device ?? null,
      devices: new Map(all.map(({peer, device}) => [peer, device])),
    }
  })
}
