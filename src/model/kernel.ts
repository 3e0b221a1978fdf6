import type {Address, Prefix} from '../net/index.ts'
import type {WgPublicKey} from './site.ts'

/** Every device of ours begins with this, and its alias tells the whole identity; nothing else is ever touched. */
export const DEVICE_PREFIX = 'is-'
const SITE_PART = 5

/** How the names of all tunnel devices to a site begin; so may those of another one. */
export const siteDevices = (site: string): string => `${DEVICE_PREFIX}${site.slice(0, SITE_PART)}-`

/** Towards nodes behind a router, all of them. */
export const NODE_DEVICE = 'is-nodes'

/** What stands at the start of the alias (IFLA_IFALIAS) of each device of ours. */
export const ALIAS_PREFIX = 'isthmus '

/** A tunnel device. `mtu` is the inner one; the outer TTL is fixed. */
export type LinkSpec = IpipLink | SitLink | Ip6tnlLink | VxlanLink | WireguardLink

interface LinkBase {
  readonly name: string
  /** `isthmus LOCAL-SITE/GATEWAY/UPLINK SITE/GATEWAY/UPLINK slot N`. */
  readonly alias: string
  readonly mtu: number
}

export interface IpipLink extends LinkBase {
  readonly kind: 'ipip'
  readonly local: Address
  /** 0.0.0.0: whatever a packet's route says. */
  readonly remote: Address
  readonly ttl: number
  /** In UDP to this port of the remote; absent: as IP protocol 4. */
  readonly fou?: number
}

/** IPv6 inside, IPv4 outside. */
export interface SitLink extends LinkBase {
  readonly kind: 'sit'
  readonly local: Address
  readonly remote: Address
  readonly ttl: number
  /** In UDP to this port of the remote; absent: as IP protocol 41. */
  readonly fou?: number
}

/** IPv6 outside; inside IPv4 and IPv6. */
export interface Ip6tnlLink extends LinkBase {
  readonly kind: 'ip6tnl'
  readonly local: Address
  readonly remote: Address
  readonly ttl: number
}

export interface VxlanLink extends LinkBase {
  readonly kind: 'vxlan'
  readonly local: Address
  readonly remote: Address
  readonly ttl: number
  readonly vni: number
  readonly port: number
}

export interface WireguardLink extends LinkBase {
  readonly kind: 'wireguard'
}

/** `ip addr add LOCAL/32 peer PEER dev DEVICE`. */
export interface AddressSpec {
  readonly device: string
  readonly local: Address
  readonly peer: Address
}

/** A UDP port at which the kernel takes packets of `protocol` out of UDP (foo-over-UDP), whoever sends them. */
export interface FouPort {
  readonly local: Address
  readonly port: number
  readonly protocol: number
}

/** `192.0.2.1:5555 protocol 4`: what one is told by. */
export const fouPortText = ({local, port, protocol}: FouPort): string => `${local}:${port} protocol ${protocol}`

/** A WireGuard device's own part and its one peer. The private key stays in its file; the driver reads it there. */
export interface WireguardSpec {
  readonly device: string
  readonly keyFile: string
  /** What the key in `keyFile` must give. */
  readonly publicKey: WgPublicKey
  readonly listenPort: number
  readonly peer: {
    readonly publicKey: WgPublicKey
    readonly endpoint: {readonly address: Address; readonly port: number} | null
    /** A NAT before the peer may give it another port than its own: the kernel learns it. */
    readonly portMayDiffer?: true
    readonly allowedIps: readonly Prefix[]
    readonly keepaliveSeconds: number
  }
}

/** One file under /proc/sys, path with dots as sysctl(8) writes it; a device name may hold dots, so a list. */
export interface SysctlSpec {
  readonly path: readonly string[]
  readonly value: string
  /** A size: more is as good, since somebody may have set it so. Where this network namespace may not set it, it stays. */
  readonly isLeast?: true
}

/** Whether what stands there is what is wanted. */
export const sysctlHolds = ({value, isLeast}: SysctlSpec, held: string): boolean =>
  isLeast ? Number(held) >= Number(value) : held === value

/** Path joined as a key: `net/ipv4/ip_forward`. */
export const sysctlKey = (spec: SysctlSpec): string => spec.path.join('/')
