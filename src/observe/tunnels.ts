import {createGenericNetlink, createRtNetlink, genl, type rt, WG_GENL_NAME, WireGuardSocket} from 'netlink'
import type {Tunnel} from '../model/index.ts'

const BUFFERS = {recvBufferSize: 1 << 20, sendBufferSize: 1 << 18}
const DUMP = {flags: 0x300, timeout: 5000}

export interface Flow {
  readonly bytes: number
  readonly packets: number
  readonly errors: number
  readonly drops: number
}

/** What the kernel counts of one device since it was made. */
export interface DeviceCounters {
  readonly device: string
  readonly operstate: string
  readonly receive: Flow
  readonly transmit: Flow
  /** WireGuard's last handshake, seconds since 1970; null before the first, and for other encapsulations. */
  readonly handshakeSeconds: number | null
}

export interface TunnelReader {
  /** Counters of those of the devices that exist, in the order given. Rejects when the kernel does not answer. */
  read(tunnels: readonly Pick<Tunnel, 'device' | 'encapsulation'>[]): Promise<readonly DeviceCounters[]>
  close(): void
}

/** RFC 2863, as in IFLA_OPERSTATE; a tunnel device mostly says `unknown` and means up. */
const OPERSTATES = ['unknown', 'notpresent', 'down', 'lowerlayerdown', 'testing', 'dormant', 'up'] as const

/** Reads device counters by one dump, in the network namespace of the process; one read at a time. */
export function createTunnelReader(): TunnelReader {
  const links = createRtNetlink(BUFFERS)
  const generic = createGenericNetlink(BUFFERS)
  let wireguard: WireGuardSocket | null = null
  let last: Promise<unknown> = Promise.resolve()

  async function handshake(device: string): Promise<number | null> {
    if (!wireguard) {
      const families = await generic.ctrlRequest(genl.Commands.GET_FAMILY, {}, DUMP)
      const family = families.find(({familyName}) => familyName === WG_GENL_NAME)
      if (!family) return null
      wireguard = new WireGuardSocket(generic, family)
    }
    const messages = await wireguard.getDevice(device, {timeout: DUMP.timeout})
    const times = messages
      .flatMap(({peers}) => peers ?? [])
      .map(({lastHandshakeTime}) => timespecSeconds(lastHandshakeTime))
    const latest = Math.max(0, ...times)
    return latest > 0 ? latest : null
  }

  async function read(tunnels: readonly Pick<Tunnel, 'device' | 'encapsulation'>[]): Promise<DeviceCounters[]> {
    const held = new Map<string, rt.LinkMessage['attrs']>()
    for (const {attrs} of await links.getLinks({}, {}, {timeout: DUMP.timeout})) {
      if (attrs.ifname !== undefined) held.set(attrs.ifname, attrs)
    }
    const counters: DeviceCounters[] = []
    for (const {device, encapsulation} of tunnels) {
      const attrs = held.get(device)
      if (!attrs) continue
      const {stats64: stats} = attrs
      counters.push({
        device,
        operstate: OPERSTATES[attrs.operstate ?? 0] ?? 'unknown',
        receive: flow(stats?.rxBytes, stats?.rxPackets, stats?.rxErrors, stats?.rxDropped),
        transmit: flow(stats?.txBytes, stats?.txPackets, stats?.txErrors, stats?.txDropped),
        handshakeSeconds: encapsulation === 'wireguard' ? await handshake(device) : null,
      })
    }
    return counters
  }

  return {
    read(tunnels) {
      const next = last.then(() => read(tunnels))
      last = next.catch(() => undefined)
      return next
    },
    close() {
      links.socket.close()
      generic.socket.close()
    },
  }
}

function flow(bytes = 0n, packets = 0n, errors = 0n, drops = 0n): Flow {
  return {bytes: Number(bytes), packets: Number(packets), errors: Number(errors), drops: Number(drops)}
}

/** struct __kernel_timespec, host order (both architectures that we build for are little-endian). */
function timespecSeconds(bytes: Buffer | undefined): number {
  if (bytes?.length !== 16) return 0
  return Number(bytes.readBigInt64LE(0)) + Number(bytes.readBigInt64LE(8)) / 1e9
}
