import {
  type AddressSpec,
  type Encapsulation,
  type Finding,
  type FindingCode,
  type FouPort,
  type GatewayConfig,
  type GatewayRecord,
  type LinkSpec,
  type LocalUplink,
  type RemoteSite,
  type SiteName,
  type SiteView,
  type Slot,
  sessionName,
  type Tunnel,
  type TunnelOffer,
  type Uplink,
  type UplinkRef,
  type WgPublicKey,
  type WireguardSpec,
} from '../model/index.ts'
import {type Address, familyOf, type Prefix} from '../net/index.ts'
import {describe, deviceAlias, deviceName, type TunnelIdentity, vni} from './identity.ts'
import {innerMtu, underlayMtuDefault} from './mtu.ts'
import type {TunnelLimit} from './path-mtu.ts'

export interface TunnelInput {
  readonly config: GatewayConfig
  /** Remote sites as their exports tell them; one that was not read yet has no gateways. */
  readonly sites: ReadonlyMap<SiteName, SiteView>
  /** This gateway's own WireGuard keys, by device name (see `wantedKeys`). */
  readonly keys: ReadonlyMap<string, TunnelKey>
  /** Bytes that the path between the gateways carries; 1,500 until it has been probed. */
  readonly underlayMtu?: number
  /** By device, where the path was found to carry less than is computed. */
  readonly limits?: ReadonlyMap<string, TunnelLimit>
}

export interface TunnelKey {
  readonly publicKey: WgPublicKey
  readonly keyFile: string
  /** UDP port of this one device. */
  readonly port: number
}

/** Every list is sorted by device, or by key. */
export interface PlannedTunnels {
  readonly tunnels: readonly Tunnel[]
  readonly links: readonly LinkSpec[]
  readonly addresses: readonly AddressSpec[]
  readonly wireguard: readonly WireguardSpec[]
  /** Where tunnels that are offered arrive in UDP. */
  readonly fouPorts: readonly FouPort[]
  /** By device, as computed: more than its link's where the path was found to carry less. */
  readonly mtus: ReadonlyMap<string, number>
  /** What this gateway's export must say, by the far end that is meant. */
  readonly offers: ReadonlyMap<UplinkRef, readonly TunnelOffer[]>
  /** Device names that need a WireGuard key and port; without one there is no offer. All of them, made or not. */
  readonly wantedKeys: readonly string[]
  readonly findings: readonly Finding[]
}

/** The one slot in use; the second is for a new tunnel beside the old one. */
const SLOTS: readonly Slot[] = [0]
const TTL = 64
const VXLAN_PORT = 4789
const BEHIND_NAT_KEEPALIVE_SECONDS = 25
const ALL: readonly Prefix[] = ['0.0.0.0/0' as Prefix, '::/0' as Prefix]

/**
 * Plans the tunnels from each local uplink to each uplink of each remote gateway.
 *
 * This end's offer stands as soon as the remote's uplink is known; the device exists only where the remote's record
 * offers the same slot and encapsulation to us. Inner addresses are those of the slot, IPv4 (an ipip device carries
 * nothing else). Pure: equal input, equal bytes.
 */
export function planTunnels(input: TunnelInput): PlannedTunnels {
  const findings: Finding[] = []
  const made = new Map<string, MadeTunnel>()
  const offers = new Map<UplinkRef, readonly TunnelOffer[]>()
  const wantedKeys: string[] = []
  const fouPorts = new Map<Address, FouPort>()
  for (const pair of pairsOf(input)) {
    const device = deviceName(pair.site.name, pair.identity)
    if (pair.encapsulation === 'wireguard') wantedKeys.push(device)
    const key = input.keys.get(device) ?? null
    const obstacle = pairObstacle(pair) ?? (pair.encapsulation === 'wireguard' && !key ? keyMissing(pair) : null)
    if (obstacle) {
      findings.push(obstacle)
      continue
    }
    const offer = offerOf(pair, key, input.config)
    offers.set(pair.identity.remote, [...(offers.get(pair.identity.remote) ?? []), offer])
    // Open as soon as it is told, so that nothing is lost of what the other end sends first.
    if (offer.encapsulation === 'fou') fouPorts.set(pair.local.address, fouPortOf(pair.local, input.config))
    const theirs = matchOffer(pair)
    if ('code' in theirs) findings.push(theirs)
    else if (made.has(device)) findings.push(finding(pair, 'config-conflict', `device name ${device} is taken`))
    else made.set(device, makeTunnel(pair, device, theirs, key, input))
  }
  const sorted = [...made].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, tunnel]) => tunnel)
  return {
    tunnels: sorted.map(({tunnel}) => tunnel),
    links: sorted.map(({link}) => link),
    addresses: sorted.map(({address}) => address),
    mtus: new Map(sorted.map(({link, mtu}) => [link.name, mtu])),
    wireguard: sorted.flatMap(({wireguard}) => wireguard ?? []),
    fouPorts: [...fouPorts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, port]) => port),
    offers: new Map([...offers].sort(([a], [b]) => (a < b ? -1 : 1))),
    wantedKeys: wantedKeys.sort(),
    findings,
  }
}

/** One local uplink, one remote uplink, one slot: at most one tunnel. */
interface Pair {
  readonly identity: TunnelIdentity
  readonly slot: Slot
  readonly encapsulation: Encapsulation
  readonly site: RemoteSite
  readonly gateway: GatewayRecord
  readonly remote: Uplink
  readonly local: LocalUplink
}

interface MadeTunnel {
  readonly tunnel: Tunnel
  readonly link: LinkSpec
  readonly mtu: number
  readonly address: AddressSpec
  readonly wireguard: WireguardSpec | null
}

/** In order of names, whatever the order of the configuration. */
function* pairsOf({config, sites}: TunnelInput): Generator<Pair> {
  for (const site of byName([...config.sites.values()])) {
    const view = sites.get(site.name)
    if (site.encapsulation === 'none' || !view) continue
    for (const gateway of byName(view.gateways)) {
      for (const remote of byName(gateway.uplinks)) {
        for (const local of byName(config.uplinks)) {
          for (const slot of SLOTS) {
            const identity: TunnelIdentity = {
              local: `${config.site}/${config.gateway}/${local.name}`,
              remote: `${site.name}/${gateway.name}/${remote.name}`,
              slot,
            }
            yield {identity, slot, encapsulation: site.encapsulation, site, gateway, remote, local}
          }
        }
      }
    }
  }
}

const byName = <T extends {readonly name: string}>(items: readonly T[]): T[] =>
  items.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))

/** Where others send to: the address in front of a NAT if there is one. */
const outerAddress = (uplink: Uplink): Address => uplink.public ?? uplink.address

/** Why no tunnel can ever be between these two uplinks. */
function pairObstacle(pair: Pair): Finding | null {
  const {local, remote, encapsulation, slot} = pair
  const outer = outerAddress(remote)
  if (familyOf(local.address) !== familyOf(outer)) {
    return finding(pair, 'encapsulation-mismatch', `${local.address} and ${outer} are of two families`)
  }
  if ((encapsulation === 'ipip' || encapsulation === 'fou') && familyOf(outer) === 6) {
    return finding(pair, 'encapsulation-mismatch', `${encapsulation} needs IPv4 outside, ${outer} is IPv6`)
  }
  for (const uplink of [local, remote]) {
    if (uplink.inner[4][slot]) continue
    const detail = `uplink ${uplink.name} (${uplink.address}) has no inner IPv4 address for slot ${slot}`
    return finding(pair, 'inner-address-conflict', detail, 'give the uplink a pair of inner IPv4 addresses')
  }
  return null
}

function keyMissing(pair: Pair): Finding {
  return finding(pair, 'tunnel-key-missing', 'this end has no WireGuard key yet, so no tunnel is offered')
}

const IPIP = 4

const fouPortOf = ({address}: LocalUplink, {fouPort}: GatewayConfig): FouPort => {
  return {local: address, port: fouPort, protocol: IPIP}
}

function offerOf({slot, local, encapsulation}: Pair, key: TunnelKey | null, {fouPort}: GatewayConfig): TunnelOffer {
  const wireguard = encapsulation === 'wireguard' ? key : null
  return {
    slot,
    uplink: local.name,
    encapsulation,
    publicKey: wireguard?.publicKey ?? null,
    port: encapsulation === 'fou' ? fouPort : (wireguard?.port ?? null),
  }
}

/** The remote's offer that meets ours, or why there is none. */
function matchOffer(pair: Pair): TunnelOffer | Finding {
  const {gateway, remote, identity, encapsulation} = pair
  const theirs = gateway.tunnels
    .get(identity.local)
    ?.find((offer) => offer.uplink === remote.name && offer.slot === pair.slot)
  if (!theirs) {
    const detail = `${identity.remote} offers no tunnel to ${identity.local}`
    const remedy = `site ${pair.site.name} must read this site's export and want ${encapsulation}`
    return finding(pair, 'encapsulation-mismatch', detail, remedy, 'info')
  }
  if (theirs.encapsulation !== encapsulation) {
    const detail = `${encapsulation} is wanted here, ${identity.remote} offers ${theirs.encapsulation}`
    return finding(pair, 'encapsulation-mismatch', detail, 'both sites must configure one encapsulation')
  }
  if (encapsulation === 'wireguard' && (theirs.publicKey === null || theirs.port === null)) {
    return finding(pair, 'tunnel-key-missing', `${identity.remote} offers wireguard without key or port`)
  }
  if (encapsulation === 'fou' && theirs.port === null) {
    return finding(pair, 'encapsulation-mismatch', `${identity.remote} offers fou without a port`)
  }
  return theirs
}

function makeTunnel(
  pair: Pair,
  device: string,
  theirs: TunnelOffer,
  key: TunnelKey | null,
  {underlayMtu = underlayMtuDefault, limits}: TunnelInput,
): MadeTunnel {
  const {identity, slot, local, remote, site, gateway, encapsulation} = pair
  const inner = local.inner[4][slot]!
  const peer = remote.inner[4][slot]!
  const mtu = innerMtu(encapsulation, outerAddress(remote), underlayMtu)
  const id = `${local.name} ${identity.remote} ${slot}`
  return {
    tunnel: {
      id,
      remote: identity.remote,
      site: site.name,
      gateway: gateway.name,
      localUplink: local.name,
      slot,
      encapsulation,
      device,
      local: inner,
      peer,
      session: sessionName('tunnel', site.name, describe(identity)),
    },
    link: linkOf(pair, device, Math.min(mtu, limits?.get(device)?.device ?? mtu), theirs),
    mtu,
    address: {device, local: inner, peer},
    wireguard: key && encapsulation === 'wireguard' ? wireguardOf(pair, device, theirs, key) : null,
  }
}

function linkOf(
  {identity, local, remote, encapsulation}: Pair,
  name: string,
  mtu: number,
  theirs: TunnelOffer,
): LinkSpec {
  const base = {name, alias: deviceAlias(identity), mtu}
  const outer = {local: local.address, remote: outerAddress(remote), ttl: TTL}
  switch (encapsulation) {
    case 'ipip':
      return {kind: 'ipip', ...base, ...outer}
    case 'fou':
      return {kind: 'ipip', ...base, ...outer, fou: theirs.port!}
    case 'vxlan':
      return {kind: 'vxlan', ...base, ...outer, vni: vni(identity), port: VXLAN_PORT}
    case 'wireguard':
      return {kind: 'wireguard', ...base}
    case 'none':
      throw new Error('encapsulation none has no pairs')
  }
}

function wireguardOf({local, remote}: Pair, device: string, theirs: TunnelOffer, key: TunnelKey): WireguardSpec {
  return {
    device,
    keyFile: key.keyFile,
    publicKey: key.publicKey,
    listenPort: key.port,
    peer: {
      publicKey: theirs.publicKey!,
      endpoint: {address: outerAddress(remote), port: theirs.port!},
      allowedIps: ALL,
      // Behind a NAT this end must keep its mapping alive; else silence is fine and cheaper.
      keepaliveSeconds: local.public ? BEHIND_NAT_KEEPALIVE_SECONDS : 0,
    },
  }
}

function finding(
  pair: Pair,
  code: FindingCode,
  detail: string,
  remedy?: string,
  severity: Finding['severity'] = code === 'tunnel-key-missing' ? 'warning' : 'error',
): Finding {
  const where = {source: `export ${pair.site.name}`, key: `gateways/${pair.gateway.name}`, field: pair.identity.local}
  return {code, severity, where, detail, ...(remedy === undefined ? {} : {remedy})}
}
