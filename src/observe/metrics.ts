import {Counter, Gauge, type Registry} from 'prom-client'
import type {SiteName, Tunnel} from '../model/index.ts'
import type {ConntrackUse} from './conntrack.ts'
import type {DeviceCounters} from './tunnels.ts'

/** One tunnel at the moment of a scrape; `counters` null while its device does not exist. */
export interface TunnelSample {
  readonly id: string
  readonly site: SiteName
  readonly encapsulation: Tunnel['encapsulation']
  readonly up: boolean
  /** It comes and goes, and is used only where there is no other way. */
  readonly heldDown: boolean
  /** When this end's WireGuard key was made, seconds since 1970; null: it has none. */
  readonly keyMadeSeconds: number | null
  readonly counters: DeviceCounters | null
}

/**
 * Declares the `isthmus_tunnel_*` family, filled at each scrape from the kernel's own totals: a counter is set anew to
 * what the kernel says, so a device that was made anew shows as a reset, which is what it is. A tunnel that is gone has
 * no series.
 */
export function registerTunnelMetrics(
  registers: readonly Registry[],
  sample: () => Promise<readonly TunnelSample[]>,
): void {
  const once = sharedInTurn(sample)
  const labelNames = ['peer', 'tunnel'] as const
  const labels = ({id, site}: TunnelSample) => ({peer: site, tunnel: id})

  const counter = (name: string, help: string, value: (counters: DeviceCounters) => number): void => {
    new Counter({
      name: `isthmus_tunnel_${name}_total`,
      help,
      labelNames,
      registers: [...registers],
      async collect() {
        const tunnels = await once()
        this.reset()
        for (const tunnel of tunnels) if (tunnel.counters) this.inc(labels(tunnel), value(tunnel.counters))
      },
    })
  }
  counter('receive_bytes', 'Bytes received from the tunnel, inner packets', ({receive}) => receive.bytes)
  counter('transmit_bytes', 'Bytes sent into the tunnel, inner packets', ({transmit}) => transmit.bytes)
  counter('receive_packets', 'Packets received from the tunnel', ({receive}) => receive.packets)
  counter('transmit_packets', 'Packets sent into the tunnel', ({transmit}) => transmit.packets)
  counter('receive_errors', 'Packets from the tunnel that the device found bad', ({receive}) => receive.errors)
  counter('transmit_errors', 'Packets that the device failed to send', ({transmit}) => transmit.errors)

  new Counter({
    name: 'isthmus_tunnel_drops_total',
    help: 'Packets that the tunnel device dropped, by direction',
    labelNames: [...labelNames, 'reason'] as const,
    registers: [...registers],
    async collect() {
      const tunnels = await once()
      this.reset()
      for (const tunnel of tunnels) {
        if (!tunnel.counters) continue
        this.inc({...labels(tunnel), reason: 'receive'}, tunnel.counters.receive.drops)
        this.inc({...labels(tunnel), reason: 'transmit'}, tunnel.counters.transmit.drops)
      }
    },
  })
  new Gauge({
    name: 'isthmus_tunnel_up',
    help: 'Whether the tunnel carries packets: 1 or 0',
    labelNames: [...labelNames, 'mode'] as const,
    registers: [...registers],
    async collect() {
      const tunnels = await once()
      this.reset()
      for (const tunnel of tunnels) this.set({...labels(tunnel), mode: tunnel.encapsulation}, tunnel.up ? 1 : 0)
    },
  })
  const gauge = (name: string, help: string, value: (tunnel: TunnelSample) => number | null): void => {
    new Gauge({
      name: `isthmus_tunnel_${name}`,
      help,
      labelNames,
      registers: [...registers],
      async collect() {
        const tunnels = await once()
        this.reset()
        for (const tunnel of tunnels) {
          const now = value(tunnel)
          if (now !== null) this.set(labels(tunnel), now)
        }
      },
    })
  }
  gauge(
    'held_down',
    'Whether the tunnel was lost twice within a minute and is liked least until half a minute has passed: 1 or 0',
    ({heldDown}) => (heldDown ? 1 : 0),
  )
  gauge(
    'wireguard_last_handshake_timestamp_seconds',
    'Time of the last WireGuard handshake, seconds since 1970',
    ({counters}) => counters?.handshakeSeconds ?? null,
  )
  gauge(
    'wireguard_key_made_timestamp_seconds',
    "When this end's WireGuard key was made, seconds since 1970",
    ({keyMadeSeconds}) => keyMadeSeconds,
  )
}

/** Declares `isthmus_conntrack_entries` and `_limit`, filled at each scrape; no series where there is no conntrack. */
export function registerConntrackMetrics(
  registers: readonly Registry[],
  read: () => Promise<ConntrackUse | null>,
): void {
  const once = sharedInTurn(read)
  const gauge = (name: string, help: string, value: (use: ConntrackUse) => number): void => {
    new Gauge({
      name: `isthmus_conntrack_${name}`,
      help,
      labelNames: [],
      registers: [...registers],
      async collect() {
        const use = await once()
        // `remove` leaves no series; `reset` would leave a nought that nobody has counted.
        if (use === null) this.remove()
        else this.set(value(use))
      },
    })
  }
  gauge('entries', 'Flows in the connection table', ({entries}) => entries)
  gauge('limit', 'Flows that the connection table takes', ({limit}) => limit)
}

/** Declares `isthmus_softirq_seconds_total`, filled at each scrape; as many series as there are processors. */
export function registerSoftirqMetric(
  registers: readonly Registry[],
  read: () => Promise<ReadonlyMap<string, number>>,
): void {
  new Counter({
    name: 'isthmus_softirq_seconds_total',
    help: 'Time that a processor spent on packets and other soft interrupts of the machine',
    labelNames: ['cpu'],
    registers: [...registers],
    async collect() {
      const seconds = await read()
      this.reset()
      for (const [cpu, spent] of seconds) this.inc({cpu}, spent)
    },
  })
}

/** Declares `isthmus_fast_path_devices`, `isthmus_fast_path_judges` and `isthmus_fast_path_packets_total`, filled at each scrape. */
export function registerFastPathMetrics(
  registers: readonly Registry[],
  read: () => {
    readonly devices: number
    readonly packets: number
    readonly judgedPackets: number
    readonly judges: boolean
  },
): void {
  new Gauge({
    name: 'isthmus_fast_path_devices',
    help: 'Devices whose packets of trusted UDP flows may pass by the fast path; 0: it is off, or this machine has none',
    registers: [...registers],
    collect() {
      this.set(read().devices)
    },
  })
  new Gauge({
    name: 'isthmus_fast_path_judges',
    help: 'Whether the fast path judges flows itself after endpoints have changed (1), or leaves that to the rules (0)',
    registers: [...registers],
    collect() {
      this.set(read().judges ? 1 : 0)
    },
  })
  new Counter({
    name: 'isthmus_fast_path_packets_total',
    help: 'Packets that left by the fast path, trusted or judged there; conntrack and the ruleset have not seen them',
    labelNames: ['way'],
    registers: [...registers],
    collect() {
      const {packets, judgedPackets} = read()
      this.reset()
      this.inc({way: 'trusted'}, packets - judgedPackets)
      this.inc({way: 'judged'}, judgedPackets)
    },
  })
}

/** Declares `isthmus_kernel_martian_packets_total`, filled at each scrape. */
export function registerMartianMetric(registers: readonly Registry[], read: () => Promise<number>): void {
  new Counter({
    name: 'isthmus_kernel_martian_packets_total',
    help: 'IPv4 packets that the kernel of this machine dropped before any rule, since nobody can have sent them',
    registers: [...registers],
    async collect() {
      const packets = await read()
      this.reset()
      this.inc(packets)
    },
  })
}

/** All metrics of one scrape ask in the same turn and get one answer. */
function sharedInTurn<T>(ask: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | null = null
  return () => {
    running ??= ask().finally(() => {
      running = null
    })
    return running
  }
}
