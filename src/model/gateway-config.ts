import type {Address, Prefix, Translation} from '../net/index.ts'
import type {DatastoreName, GatewayName, SiteName} from './ids.ts'
import type {Encapsulation, Uplink} from './site.ts'
import type {WanPeer} from './wan-peer.ts'

/** gateway.yaml, parsed: the only truth about this gateway. Every value has been checked, references resolve. */
export interface GatewayConfig {
  readonly site: SiteName
  readonly gateway: GatewayName
  /** The site's other gateway, with which this one shares its flow states; null: there is none. */
  readonly twin: GatewayName | null
  /** The layer 2 that both gateways of the site and its nodes or hosts are on; absent or null: nothing is known of it. */
  readonly lan?: GatewayLan | null
  readonly as: number
  readonly interconnect: readonly Prefix[]
  /** What no policy decides. */
  readonly default: 'allow' | 'deny'
  /** Of allowed flows that staged policies would deny, all packets are counted, or those that are judged anyway. */
  readonly stagedPackets: StagedPackets
  /** Packets of trusted flows may pass by programs of ours, where the kernel takes them. */
  readonly fastPath: boolean
  readonly uplinks: readonly LocalUplink[]
  /** UDP ports at which tunnels of encapsulation `fou` arrive, by the family inside. */
  readonly fouPorts: {readonly 4: number; readonly 6: number}
  /** Age at which a WireGuard key is followed by a new one; absent: only when somebody asks. */
  readonly rotateKeysAfterMs?: number
  readonly owns: readonly Prefix[]
  readonly infrastructure: readonly Prefix[]
  readonly datastores: readonly DatastoreConfig[]
  readonly sites: ReadonlyMap<SiteName, RemoteSite>
  /** Sites that are configured and left out, since they overlap others: none of `sites`. */
  readonly unconnected: readonly SiteOverlap[]
  /** This gateway is a hub between these: their packets and routes to each other pass through it. */
  readonly transit: readonly SiteName[]
  /** In order of precedence. */
  readonly authorities: readonly SiteName[]
  readonly peers: readonly WanPeer[]
  readonly nodes: NodeSessions | null
  readonly static: readonly StaticPrefix[]
  readonly metrics: {readonly address: Address; readonly port: number} | null
  /** The API over TLS; absent or null: only over the socket. */
  readonly api?: ApiListen | null
  /** Of a cloud that sends what is for remote sites to one gateway; absent: there is none. */
  readonly routeTable?: RouteTable
  /** Base URL of the Prometheus that is asked for firing alerts; absent or null: none is. */
  readonly prometheus?: string | null
  readonly paths: Paths
  readonly lab: boolean
}

/** Where the API listens beside the socket, and who may come by a client certificate. */
export interface ApiListen {
  readonly address: Address
  readonly port: number
  readonly cert: string
  readonly key: string
  /** Whose clients' certificates may be named by what they say of themselves; null: by fingerprint only. */
  readonly clientCa: string | null
  readonly clients: readonly ApiClientRule[]
}

export type ApiClientRule = {readonly role: 'viewer' | 'admin'} & (
  | {readonly commonName: string}
  /** SHA-256 over the certificate, 64 hex digits. */
  | {readonly fingerprint: string}
)

/** Where the two gateways of a site meet, beside the hosts that they serve. */
export interface GatewayLan {
  readonly device: string
  /** Of this gateway; it stays here, whoever has the addresses that keepalived moves. */
  readonly address: Address
  /** Of the other one. */
  readonly twin: Address
  /** Neighbours that answer pings: while neither one of them nor the twin does, it is this gateway that is cut off. */
  readonly watch: readonly Address[]
}

/**
 * Kernel's table in which networks of the LAN are unreachable while this gateway is cut off from them. Whoever watches the LAN
 * writes it, BIRD reads it.
 */
export const LAN_LOST_TABLE = 1788

/** A route table that has one target, which somebody must move when that gateway is of no use. */
export interface RouteTable {
  /** Makes this gateway the target; to be run again and again. No shell has part in it. */
  readonly command: readonly [file: string, ...args: string[]]
  /** Where this gateway says what it can do, and where the other one does. */
  readonly listen: {readonly address: Address; readonly port: number}
  readonly twin: {readonly address: Address; readonly port: number}
  readonly afterMs: number
  readonly backAfterMs: number
  readonly timeoutMs: number
  readonly repeatMs: number
}

export interface LocalUplink extends Uplink {
  /** The device towards the WAN, where it is not the one that carries `address`; null: found by the address. */
  readonly device: string | null
  /** What the line behind it carries, where packets are to wait here and control is to go first. */
  readonly rateMbit?: number
  /** What is sent from its address leaves by this router of its own, whatever the main table says. */
  readonly way?: UplinkWay
}

/**
 * The devices that packets to and from the WAN cross: the one that the configuration names, else the one that carries
 * the uplink's address (`carriers`, without `lo`: an address there says nothing about the way out).
 */
export function uplinkDevices(
  uplinks: readonly Pick<LocalUplink, 'device' | 'address'>[],
  carriers: ReadonlyMap<string, string>,
): string[] {
  return [...new Set(uplinks.flatMap(({device, address}) => device ?? carriers.get(address) ?? []))].sort()
}

export interface UplinkWay {
  readonly gateway: Address
  readonly device: string
  /** The kernel's table of routes that is the uplink's own, and the priority of the rule that leads there. */
  readonly table: number
}

export interface TlsFiles {
  readonly ca: string
  readonly cert: string | null
  readonly key: string | null
}

/** A user of etcd that comes by name and password; the password lies in a file of its own. */
export interface PasswordUser {
  readonly name: string
  readonly passwordFile: string
}

/** Files that a connection to an etcd is made with: when one of them is another, so is the connection. */
export const credentialFiles = ({tls, user}: {tls: TlsFiles | null; user: PasswordUser | null}): string[] =>
  [tls?.ca, tls?.cert, tls?.key, user?.passwordFile].filter((file) => typeof file === 'string')

export interface DatastoreConfig {
  readonly name: DatastoreName
  /** `calico` holds a cluster's data; `isthmus` only what Isthmus stores; `file` is no etcd, but documents or a snapshot on disk. */
  readonly kind: 'calico' | 'isthmus' | 'file'
  /** Of an etcd; of a file none. */
  readonly endpoints: readonly string[]
  /** Null, or without `cert` and `user`: etcd cannot know who asks, which `insecure: true` has allowed. */
  readonly tls: TlsFiles | null
  /** Null: the user is the one of the certificate. */
  readonly user: PasswordUser | null
  /** Of a file, and of no other kind. */
  readonly path?: string
  /** Set on the one datastore that holds this site's export. */
  readonly export: ExportConfig | null
  /** What a Calico there is told of the other sites; absent or null: nothing, and what was told before is removed. */
  readonly writeBack?: WriteBackConfig | null
}

/** Objects that Isthmus keeps in a cluster's own datastore, so that an unmodified Calico can use them. */
export interface WriteBackConfig {
  /** Remote endpoints as GlobalNetworkSets. */
  readonly sets: boolean
  /** Remote pods of these namespaces also as NetworkSets in the namespace of that name: it is one with theirs. */
  readonly namespaces: readonly string[]
  /** Remote prefixes as disabled IPPools; null: none. */
  readonly pools: {readonly encapsulation: 'never' | 'ipip'; readonly bgpExport: boolean} | null
  /** The site's gateways as BGPPeers, by the addresses that nodes reach them at. */
  readonly peers: readonly {readonly address: Address; readonly nodeSelector: string}[]
  /** The site's gateways as Nodes, for nodes that reach them by Calico's own IPIP; absent or null: none. */
  readonly gateways?: GatewayNodes | null
  /** The difference is computed and shown, and nothing is written. */
  readonly dryRun: boolean
}

/** Calico's own largest block, so that a prefix is as few of them as possible. */
export const LARGEST_BLOCK = 20

export interface GatewayNodes {
  /** All that a gateway of the site sends from or is sent to: a node takes IPIP from no other. */
  readonly addresses: readonly Address[]
  /** Of them the one that remote prefixes are behind, as IPAM blocks, where Felix makes the routes; null: BIRD makes them. */
  readonly blocks: Address | null
}

export interface ExportConfig {
  readonly localPolicies: boolean
  /** How long records of what no living gateway of the site names stay. */
  readonly removeAfterSeconds: {readonly datastores: number; readonly gateways: number}
}

export type BfdProfile = 'private' | 'internet'

/** How much a remote's export may be. One that holds more is not read until it holds less; what it said before stays. */
export interface RemoteLimits {
  readonly keys: number
  readonly attributeSets: number
  /** Keys and values together. */
  readonly bytes: number
}

export interface RemoteSite {
  readonly name: SiteName
  /** What it may speak for, as it is known here: translated ones under the prefix that stands for them. */
  readonly owns: readonly Prefix[]
  readonly translations: readonly Translation[]
  readonly endpoints: readonly string[]
  /** Null, or without `cert` and `user`: etcd cannot know who asks, which `insecure: true` has allowed. */
  readonly tls: TlsFiles | null
  /** Null: the user is the one of the certificate. */
  readonly user: PasswordUser | null
  /** Of the tunnels to it; a site behind a hub has none. */
  readonly encapsulation: Encapsulation | 'auto'
  /** Hubs that it is reached through, all at once; none: by tunnels of its own. */
  readonly via: readonly SiteName[]
  /** No packet of the pair may cross a tunnel that does not encrypt, behind a hub either. */
  readonly encrypted: boolean
  /** While WireGuard is not yet up with it, a tunnel that was there and does not encrypt goes on. */
  readonly plainUntilEncrypted: boolean
  readonly bfd: BfdProfile
  /** A tunnel to it that comes and goes becomes the last choice for a while. */
  readonly holdDown: boolean
  readonly lost: LostRule
  readonly limits: RemoteLimits
}

/** When a site that is not heard of counts as what; all times are counted from its last word. */
export interface LostRule {
  readonly suspectAfterMs: number
  readonly staleAfterMs: number
  /** Without word of its etcd and without a tunnel to it: both for so long. */
  readonly afterMs: number
  readonly action: 'hold' | 'withdraw' | 'deny'
  /** Counted from when it was withdrawn, and then nothing of it is kept here; null: it is kept until somebody says so. */
  readonly forgetAfterMs: number | null
}

/** A site that is not connected, for one of its prefixes overlaps that of a site which stands before it. */
export interface SiteOverlap {
  readonly site: SiteName
  readonly prefix: Prefix
  readonly earlier: {readonly site: SiteName; readonly prefix: Prefix}
}

/** BGP with the cluster's own nodes, found in the Node resources. */
export interface NodeSessions {
  readonly session: 'ibgp'
  readonly localAs: number
  /** What nodes send to in place of the gateway's own address: one that its twin takes over; null: the gateway's own. */
  readonly nextHop: Address | null
  /** The same in sessions over IPv6; absent or null: the gateway's own. */
  readonly nextHop6?: Address | null
  /** As which the gateway reflects routes from node to node; null: its router id. */
  readonly clusterId?: Address | null
  /** Of the nodes those that the gateway speaks with, in Calico's selector language; absent: all. */
  readonly selector?: string
  /** Nodes are behind a router, and pods' packets go to and from them by Calico's own IPIP; absent or null: as they are. */
  readonly ipip?: NodeIpip | null
}

export interface NodeIpip {
  /** The gateway's own address towards nodes. */
  readonly address: Address
  /** Of its twin and itself, those that move: IPIP to them is taken as well. */
  readonly shared: readonly Address[]
  readonly mtu: number
}

export interface StaticPrefix {
  readonly prefix: Prefix
  readonly via: Address
  readonly labels: Readonly<Record<string, string>>
}

export type StagedPackets = 'exact' | 'judged'

/** Where the daemon keeps and finds things. */
export interface Paths {
  /** Survives a restart: last known state, keys. */
  readonly state: string
  /** Gone after a reboot: the API's socket `api.sock`. */
  readonly run: string
  readonly birdConfig: string
  readonly birdSocket: string
}

/** The appliance's. */
export const PATH_DEFAULTS: Paths = {
  state: '/var/lib/isthmus',
  run: '/run/isthmus',
  birdConfig: '/var/lib/isthmus-bird/bird.conf',
  birdSocket: '/run/bird/bird.ctl',
}
