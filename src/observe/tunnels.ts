import {
  AttrStream,
  createGenericNetlink,
  createRtNetlink,
  genl,
  parseAttributes,
  type rt,
  WG_GENL_NAME,
  WG_GENL_VERSION,
} from 'netlink'
import type {Tunnel} from '../model/index.ts'

const BUFFERS = {recvBufferSize: 1 << 20, sendBufferSize: 1 << 18}
const DUMP = {flags: 0x300, timeout: 5000}

/** linux/wireguard.h; the library's own command numbers are one too high, and it cannot decode peers (netlink 0.3.0). */
const GET_DEVICE = 0
const DEVICE = {ifname: 2, peers: 8} as const
const PEER = {lastHandshake: 6} as const

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
  let family: number | null = null
  let last: Promise<unknown> = Promise.resolve()

  async function handshake(device: string): Promise<number | null> {
    if (family === null) {
      const families = await generic.ctrlRequest(genl.Commands.GET_FAMILY, {}, DUMP)
      family = families.find(({familyName}) => familyName === WG_GENL_NAME)?.familyId ?? null
      if (family === null) return null
    }
    const name = new AttrStream()
    name.push(DEVICE.ifname, Buffer.from(`${device}\0`))
    const [messages] = await generic.request(family, GET_DEVICE, WG_GENL_VERSION, name.bufs, DUMP)
    const latest = Math.max(0, ...messages.flatMap(({data}) => handshakes(data)))
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
        // A device that goes between the two readings takes nobody else's counters with it.
        handshakeSeconds: encapsulation === 'wireguard' ? await handshake(device).catch(() => null) : null,
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

/** Time of the last handshake of each peer in one message of a device. */
function handshakes(message: Buffer): number[] {
  const times: number[] = []
  parseAttributes(message, (device) => {
    if (device.type !== DEVICE.peers) return
    parseAttributes(device.data, (peer) =>
      parseAttributes(peer.data, ({type, data}) => {
        if (type === PEER.lastHandshake) times.push(timespecSeconds(data))
      }),
    )
  })
  return times
}

/** struct __kernel_timespec, host order (both architectures that we build for are little-endian). */
function timespecSeconds(bytes: Buffer): number {
  if (bytes.length !== 16) return 0
  return Number(bytes.readBigInt64LE(0)) + Number(bytes.readBigInt64LE(8)) / 1e9
}
