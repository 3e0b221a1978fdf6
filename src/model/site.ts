import type {Address, Prefix, Translation} from '../net/index.ts'
import type {GatewayName, SiteName, UplinkName} from './ids.ts'

/** `vxlan` is a lab's stand-in for kernels without ipip; configuration accepts it only with `lab: true`. */
export type Encapsulation = 'ipip' | 'fou' | 'wireguard' | 'vxlan' | 'none'

/**
 * The two that the kernel takes for one: IPIP as it is, and in UDP. A device receives both, whichever it sends, so one follows
 * the other on it without a packet lost.
 */
export type PlainForm = 'ipip' | 'fou'

export const isPlain = (encapsulation: string): encapsulation is PlainForm =>
  encapsulation === 'ipip' || encapsulation === 'fou'

export const otherForm = (form: PlainForm): PlainForm => (form === 'ipip' ? 'fou' : 'ipip')

/** Two inner addresses a family, so that a new tunnel can stand beside the old one until routes have moved. */
export type Slot = 0 | 1

/** WireGuard's public key: 32 bytes in base64. */
export type WgPublicKey = string & {readonly __brand: 'WgPublicKey'}

export function parseWgPublicKey(text: string): WgPublicKey | null {
  return /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(text) ? (text as WgPublicKey) : null
}

export interface Uplink {
  readonly name: UplinkName
  /** The outer address: local end of every tunnel of this uplink. */
  readonly address: Address
  /** What others send to when a NAT stands between; null: `address`. */
  readonly public: Address | null
  /** By family, then slot: `inner[4][slot]`. An absent family has no pair. */
  readonly inner: {readonly 4: readonly Address[]; readonly 6: readonly Address[]}
}

/** One end's offer of a tunnel; a tunnel exists where both ends offer one slot with one encapsulation. */
export interface TunnelOffer {
  readonly slot: Slot
  /** The uplink of the gateway that offers. */
  readonly uplink: UplinkName
  readonly encapsulation: Encapsulation
  /** WireGuard only: this end's key for this one peer. */
  readonly publicKey: WgPublicKey | null
  /** UDP port at which this end receives; of fou for IPv4 inside. */
  readonly port: number | null
  /** fou only: that for IPv6 inside. */
  readonly port6: number | null
  /** Which tunnel in this slot; absent: 0, the first. Both ends must mean the same. */
  readonly serial?: number
  /** This end sends nothing on it any more. */
  readonly leaving?: true
  /** The other form of IPIP, which this end takes on it as well. */
  readonly also?: PlainForm
  /** The form that its configuration says, where that is not yet the one that it sends. */
  readonly next?: PlainForm
  /** This end chooses by what both find; absent: its configuration says which one it is. */
  readonly auto?: AutoOffer
}

export interface AutoOffer {
  /** Its probes in IPIP as it is come back. */
  readonly ipip: boolean
  /** It wants nothing that does not encrypt. */
  readonly encrypted: boolean
}

/** Whether the end that offers this takes what is sent so. */
export const takes = ({encapsulation, also}: TunnelOffer, sent: Encapsulation): boolean =>
  encapsulation === sent || also === sent

/** Names the far end of a tunnel: `SITE/GATEWAY/UPLINK`. */
export type UplinkRef = `${string}/${string}/${string}`

export interface GatewayRecord {
  readonly name: GatewayName
  readonly uplinks: readonly Uplink[]
  readonly tunnels: ReadonlyMap<UplinkRef, readonly TunnelOffer[]>
}

/** A site as the interconnect sees it, after ownership: what it said, and what of it we grant. */
export interface SiteView {
  readonly name: SiteName
  /** null until its export has been read. */
  readonly as: number | null
  /** What the configuration here grants it. */
  readonly granted: readonly Prefix[]
  /** What it announces and is granted. */
  readonly prefixes: readonly Prefix[]
  readonly infrastructure: readonly Prefix[]
  /** Which of the above stand for what the site calls otherwise. */
  readonly translations: readonly Translation[]
  readonly gateways: readonly GatewayRecord[]
  readonly presence: Presence
}

/**
 * What of a site is in force. `closed`: all that it said, but no packet of its prefixes passes, either way. `withdrawn`:
 * closed, and its endpoints and prefixes are not there; its documents and network sets are, since they decide about
 * other sites' flows. `forgotten`: withdrawn, and nothing that it said is known any more. From one end to the other it goes
 * through the middle, so that nothing passes half-known.
 */
export type Presence = 'open' | 'closed' | 'withdrawn' | 'forgotten'

/** Its endpoints and prefixes are not there. */
export const isTakenOut = (presence: Presence | undefined): boolean =>
  presence === 'withdrawn' || presence === 'forgotten'
