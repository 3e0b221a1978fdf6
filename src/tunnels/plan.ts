import {
  type AddressSpec,
  type Carrier,
  type Carriers,
  type Encapsulation,
  type Finding,
  type FouPort,
  fouPortText,
  type GatewayConfig,
  isPlain,
  type LinkSpec,
  type NativeWays,
  type SiteName,
  type SiteView,
  serialOf,
  type Tunnel,
  type TunnelOffer,
  takes,
  type UplinkRef,
  type WgPublicKey,
  type WireguardSpec,
} from '../model/index.ts'
import {type Family, familyOf, type Prefix} from '../net/index.ts'
import {outerOf} from './auto.ts'
import {formsOffered, type Trial, trialsOf} from './forms.ts'
import {deviceName} from './identity.ts'
import {innerMtu, underlayMtuDefault} from './mtu.ts'
import {nativeWays} from './native-ways.ts'
import {outerTaken} from './outer-pairs.ts'
import {pairFinding} from './pair-finding.ts'
import {LEAST_IPV6_MTU, type TunnelLimit} from './path-mtu.ts'
import {
  addressesOf,
  deviceOf,
  innerFamilies,
  linkOf,
  type Pair,
  partsOf,
  type TunnelPart,
  theirsOf,
  tunnelsOf,
} from './tunnel-parts.ts'
import {offersOf, type UplinkPairing, uplinkPairs} from './uplink-pairs.ts'

export interface TunnelInput {
  readonly config: GatewayConfig
  /** Remote sites as their exports tell them; one that was not read yet has no gateways. */
  readonly sites: ReadonlyMap<SiteName, SiteView>
  /** What is to carry the traffic of each pair of uplinks, while that is not what the configuration says in slot 0. */
  readonly carriers?: Carriers
  /** This gateway's own WireGuard keys, by name (see `wantedKeys`). */
  readonly keys: ReadonlyMap<string, TunnelKey>
  /** By local uplink, what its device carries; 1,500 where nothing is known of it. */
  readonly underlayMtus?: ReadonlyMap<string, number>
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
  /** Devices that only probes are sent on: in the form that the tunnel beside each does not have now. */
  readonly trials: readonly Trial[]
  readonly links: readonly LinkSpec[]
  readonly addresses: readonly AddressSpec[]
  readonly wireguard: readonly WireguardSpec[]
  /** Where tunnels that are offered arrive in UDP. */
  readonly fouPorts: readonly FouPort[]
  /** By device, as computed: more than its link's where the path was found to carry less. */
  readonly mtus: ReadonlyMap<string, number>
  /** Of devices whose uplink carries more than Ethernet does: what they have until more has passed. */
  readonly usualMtus: ReadonlyMap<string, number>
  /** What this gateway's export must say, by the far end that is meant. */
  readonly offers: ReadonlyMap<UplinkRef, readonly TunnelOffer[]>
  /** Names of WireGuard keys that are needed, with a port each; without one there is no offer. All of them, made or not. */
  readonly wantedKeys: readonly string[]
  /** Sites whose prefixes the WAN carries itself, alone or beside tunnels. */
  readonly native: NativeWays
  readonly findings: readonly Finding[]
}

const BEHIND_NAT_KEEPALIVE_SECONDS = 25
const ALL: readonly Prefix[] = ['0.0.0.0/0' as Prefix, '::/0' as Prefix]

/**
 * Plans the tunnels from each local uplink to each uplink of each remote gateway.
 *
 * This end's offer stands as soon as the remote's uplink is known; the device exists only where the remote's record
 * offers the same slot and encapsulation to us. Inner addresses are those of the slot; of each family that both ends have
 * there is a tunnel. Pure: equal input, equal bytes.
 */
export function planTunnels(input: TunnelInput): PlannedTunnels {
  const findings: Finding[] = []
  const made = new Map<string, MadeTunnel>()
  const offers = new Map<UplinkRef, readonly TunnelOffer[]>()
  const wantedKeys: string[] = []
  const fouPorts = new Map<string, FouPort>()
  const offered = (pair: Pair, offer: TunnelOffer): void => {
    const {remote} = pair.identity
    offers.set(remote, [...(offers.get(remote) ?? []), offer])
  }
  const pairs = [...pairsOf(input)]
  const taken = outerTaken(pairs)
  for (const pair of pairs) {
    if (pair.encapsulation === 'none') {
      offered(pair, offerOf(pair, null, input.config))
      continue
    }
    const device = deviceOf(pair, pair.identity)
    const name = keyName(device, pair.carrier.serial)
    if (pair.encapsulation === 'wireguard') wantedKeys.push(name)
    const key = input.keys.get(name) ?? null
    const obstacle =
      pairObstacle(pair) ?? taken.get(pair) ?? (pair.encapsulation === 'wireguard' && !key ? keyMissing(pair) : null)
    if (obstacle) {
      findings.push(obstacle)
      continue
    }
    const offer = offerOf(pair, key, input.config)
    offered(pair, offer)
    // Open as soon as it is told, so that nothing is lost of what the other end sends first.
    if (takes(offer, 'fou')) {
      for (const port of fouPortsOf(pair, input.config)) fouPorts.set(fouPortText(port), port)
    }
    const theirs = matchOffer(pair)
    if ('code' in theirs) {
      findings.push(theirs)
      continue
    }
    const {families, finding: refused} = usableFamilies(pair, theirs, input)
    if (refused) findings.push(refused)
    for (const part of partsOf(pair, families)) {
      if (made.has(part.device))
        findings.push(pairFinding(pair, 'config-conflict', `device name ${part.device} is taken`))
      else made.set(part.device, makeTunnel(pair, part, theirs, key, input))
    }
    for (const {trial, link, addresses} of trialsOf(pair, families, offer, theirs, input.config)) {
      const beside = made.get(trial.of)
      if (!beside || made.has(trial.device)) continue
      const mtu = beside.link.mtu
      made.set(trial.device, {tunnels: [], trial, link: {...link, mtu}, mtu, addresses, wireguard: null})
    }
  }
  for (const pairing of uplinkPairs(input)) findings.push(...changeOf(pairing))
  const sorted = [...made].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, tunnel]) => tunnel)
  return {
    tunnels: sorted.flatMap(({tunnels}) => tunnels),
    trials: sorted.flatMap(({trial}) => trial ?? []),
    links: sorted.map(({link}) => link),
    addresses: sorted.flatMap(({addresses}) => addresses),
    mtus: new Map(sorted.flatMap(({trial, link, mtu}) => (trial ? [] : [[link.name, mtu] as const]))),
    usualMtus: new Map(sorted.flatMap(({link, usual}) => (usual === undefined ? [] : [[link.name, usual] as const]))),
    wireguard: sorted.flatMap(({wireguard}) => wireguard ?? []),
    fouPorts: [...fouPorts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, port]) => port),
    offers: new Map([...offers].sort(([a], [b]) => (a < b ? -1 : 1))),
    wantedKeys: wantedKeys.sort(),
    native: nativeWays(input),
    findings,
  }
}

interface MadeTunnel {
  readonly tunnels: readonly Tunnel[]
  readonly trial?: Trial
  readonly link: LinkSpec
  readonly mtu: number
  readonly usual?: number
  readonly addresses: readonly AddressSpec[]
  readonly wireguard: WireguardSpec | null
}

/** Its first key has the device's name; each further one of the same slot another, so that none is used twice. */
const keyName = (device: string, serial: number): string => (serial === 0 ? device : `${device}#${serial}`)

/** Under which this gateway's WireGuard key of a carrier is kept. */
export const keyNameOf = ({identity, site}: UplinkPairing, {slot, serial}: Carrier): string =>
  keyName(deviceName(site.name, {...identity, slot}), serial)

/** The keys, of those that are known, that the carriers of their devices have left behind. */
export function retiredKeys(input: TunnelInput, known: Iterable<string>): string[] {
  const kept = new Set<string>()
  const devices = new Set<string>()
  for (const pairing of uplinkPairs(input)) {
    for (const slot of [0, 1] as const) devices.add(deviceName(pairing.site.name, {...pairing.identity, slot}))
    for (const carrier of pairing.carriers) {
      if (carrier.encapsulation === 'wireguard') kept.add(keyNameOf(pairing, carrier))
    }
  }
  return [...known].filter((name) => !kept.has(name) && devices.has(name.split('#')[0]!))
}

function* pairsOf(input: TunnelInput): Generator<Pair> {
  for (const {carriers, identity, ...rest} of uplinkPairs(input)) {
    for (const carrier of carriers) {
      const {slot, encapsulation} = carrier
      yield {...rest, identity: {...identity, slot}, carrier, isAlone: carriers.length === 1, slot, encapsulation}
    }
  }
}

/** Why no tunnel can ever be between these two uplinks. */
function pairObstacle(pair: Pair): Finding | null {
  const {local, remote, encapsulation, slot} = pair
  const outer = outerOf(remote)
  if (familyOf(local.address) !== familyOf(outer)) {
    return pairFinding(pair, 'encapsulation-mismatch', `${local.address} and ${outer} are of two families`)
  }
  if (encapsulation === 'fou' && familyOf(outer) === 6) {
    return pairFinding(pair, 'encapsulation-mismatch', `fou needs IPv4 outside, ${outer} is IPv6`)
  }
  if (innerFamilies(pair).length === 0) {
    const words = [local, remote].map((uplink) => {
      const has = ([4, 6] as const).filter((family) => uplink.inner[family][slot]).map((family) => `IPv${family}`)
      return `uplink ${uplink.name} (${uplink.address}) has inner addresses of ${has.join(' and ') || 'no family'}`
    })
    const detail = `slot ${slot}: ${words.join(', ')}`
    return pairFinding(pair, 'inner-address-conflict', detail, 'give both a pair of inner addresses of one family')
  }
  return null
}

function keyMissing(pair: Pair): Finding {
  return pairFinding(pair, 'tunnel-key-missing', 'this end has no WireGuard key yet, so no tunnel is offered')
}

/** IP protocols, by the family inside. */
const PROTOCOLS = {4: 4, 6: 41} as const

const fouPortsOf = (pair: Pair, {fouPorts}: GatewayConfig): FouPort[] =>
  innerFamilies(pair).map((family) => {
    return {local: pair.local.address, port: fouPorts[family], protocol: PROTOCOLS[family]}
  })

function offerOf(pair: Pair, key: TunnelKey | null, {fouPorts}: GatewayConfig): TunnelOffer {
  const {slot, local, encapsulation, carrier, site} = pair
  const wireguard = encapsulation === 'wireguard' ? key : null
  const forms = formsOffered(pair)
  const fouPort = (family: Family): number | null =>
    [encapsulation, forms.also].includes('fou') && innerFamilies(pair).includes(family) ? fouPorts[family] : null
  return {
    slot,
    uplink: local.name,
    encapsulation,
    publicKey: wireguard?.publicKey ?? null,
    port: fouPort(4) ?? wireguard?.port ?? null,
    port6: fouPort(6),
    ...(carrier.serial === 0 ? {} : {serial: carrier.serial}),
    ...(carrier.phase === 'left' ? {leaving: true} : {}),
    ...forms,
    ...(site.encapsulation === 'auto' ? {auto: {ipip: carrier.ipip ?? false, encrypted: site.encrypted}} : {}),
  }
}

/** The remote's offer that meets ours, or why there is none. */
function matchOffer(pair: Pair): TunnelOffer | Finding {
  const {identity, encapsulation} = pair
  const theirs = theirsOf(pair)
  if (!theirs) {
    const detail = `${identity.remote} offers no tunnel to ${identity.local}`
    const remedy = `site ${pair.site.name} must read this site's export and want ${encapsulation}`
    return pairFinding(pair, 'encapsulation-mismatch', detail, remedy, 'info')
  }
  if (!takes(theirs, encapsulation)) {
    const detail = `${encapsulation} is wanted here, ${identity.remote} offers ${theirs.encapsulation}`
    return pairFinding(pair, 'encapsulation-mismatch', detail, 'both sites must configure one encapsulation')
  }
  if (serialOf(theirs) !== pair.carrier.serial) {
    const detail = `slot ${pair.slot}: tunnel ${pair.carrier.serial} is offered here, ${serialOf(theirs)} by ${identity.remote}`
    return pairFinding(pair, 'encapsulation-mismatch', detail, 'the newer one is taken by both in a moment', 'info')
  }
  if (encapsulation === 'wireguard' && (theirs.publicKey === null || theirs.port === null)) {
    return pairFinding(pair, 'tunnel-key-missing', `${identity.remote} offers wireguard without key or port`)
  }
  if (encapsulation === 'fou' && theirs.port === null && innerFamilies(pair).includes(4)) {
    return pairFinding(pair, 'encapsulation-mismatch', `${identity.remote} offers fou without a port`)
  }
  return theirs
}

function makeTunnel(
  pair: Pair,
  part: TunnelPart,
  theirs: TunnelOffer,
  key: TunnelKey | null,
  {underlayMtus, limits}: TunnelInput,
): MadeTunnel {
  const mtu = computedMtu(pair, underlayMtus)
  // More than Ethernet's is believed when it has passed.
  const usual = computedMtu(pair, underlayMtus, underlayMtuDefault)
  return {
    tunnels: tunnelsOf(pair, part),
    link: linkOf(pair, part, Math.min(mtu, limits?.get(part.device)?.device ?? usual), theirs),
    mtu,
    ...(usual < mtu ? {usual} : {}),
    addresses: addressesOf(pair, part),
    wireguard: key && pair.encapsulation === 'wireguard' ? wireguardOf(pair, part.device, theirs, key) : null,
  }
}

/** By which MTU is computed: where the form may change at any moment, the size of packets does not. */
const dearest = (pair: Pair): Encapsulation => (formsOffered(pair).also ? 'fou' : pair.encapsulation)

const computedMtu = (pair: Pair, underlayMtus: TunnelInput['underlayMtus'], most = Number.POSITIVE_INFINITY): number =>
  innerMtu(
    dearest(pair),
    outerOf(pair.remote),
    Math.min(underlayMtus?.get(pair.local.name) ?? underlayMtuDefault, most),
  )

/**
 * Families that can be inside, and why IPv6 cannot where both ends have it. What the path carries is asked of the device
 * that bears IPv4, whose probes go on while it carries too little for IPv6.
 */
function usableFamilies(
  pair: Pair,
  theirs: TunnelOffer,
  {underlayMtus, limits}: TunnelInput,
): {families: readonly Family[]; finding: Finding | null} {
  const families = innerFamilies(pair)
  if (!families.includes(6)) return {families, finding: null}
  const without = {families: families.filter((family) => family !== 6)}
  const found = limits?.get(deviceOf(pair, pair.identity))?.clamp ?? Number.POSITIVE_INFINITY
  const carried = Math.min(computedMtu(pair, underlayMtus), found)
  if (carried < LEAST_IPV6_MTU) {
    const detail = `the path to ${pair.identity.remote} carries ${carried} bytes inside, IPv6 needs ${LEAST_IPV6_MTU}`
    const remedy = 'a path of the underlay that carries more, or an encapsulation that takes less'
    return {...without, finding: pairFinding(pair, 'tunnel-without-ipv6', detail, remedy)}
  }
  if (dearest(pair) === 'fou' && theirs.port6 === null) {
    const detail = `${pair.identity.remote} offers fou without a port for IPv6`
    return {...without, finding: pairFinding(pair, 'tunnel-without-ipv6', detail)}
  }
  return {families, finding: null}
}

function wireguardOf({local, remote}: Pair, device: string, theirs: TunnelOffer, key: TunnelKey): WireguardSpec {
  return {
    device,
    keyFile: key.keyFile,
    publicKey: key.publicKey,
    listenPort: key.port,
    peer: {
      publicKey: theirs.publicKey!,
      endpoint: {address: outerOf(remote), port: theirs.port!},
      ...(remote.public === null ? {} : {portMayDiffer: true}),
      allowedIps: ALL,
      // Behind a NAT this end must keep its mapping alive; else silence is fine and cheaper.
      keepaliveSeconds: local.public ? BEHIND_NAT_KEEPALIVE_SECONDS : 0,
    },
  }
}

/** A tunnel that is there beside the one that is wanted: for half a minute, or for as long as the other end lets wait. */
function changeOf(pairing: UplinkPairing): Finding[] {
  const {carriers, site, gateway, identity} = pairing
  const [older, newer] = carriers
  // Of one form of IPIP to the other, on one device.
  const theirs = offersOf(pairing).find(({slot}) => slot === older?.slot)
  const isPlainChange = older !== undefined && [older.encapsulation, site.encapsulation].every(isPlain)
  const isMixed = older !== undefined && theirs?.also === older.encapsulation
  const isOther = older?.encapsulation !== site.encapsulation
  if (!older || (!newer && !(isPlainChange && (isOther || isMixed)))) return []
  const next = newer?.encapsulation ?? site.encapsulation
  const isWarning = newer === undefined || older.encapsulation !== next
  const until = untilOf(older, newer, site.name)
  const detail =
    isOther || newer
      ? `${older.encapsulation} in slot ${older.slot} stays until ${next} ${until}`
      : `${next} is wanted here, the other end sends ${theirs?.encapsulation}`
  const remedy = `if it lasts: ${identity.remote} must be reached, want ${next} and let its packets in`
  const where = {source: `export ${site.name}`, key: `gateways/${gateway.name}`, field: identity.local}
  return [{code: 'tunnel-change', severity: isWarning ? 'warning' : 'info', where, detail, remedy}]
}

function untilOf(older: Carrier, newer: Carrier | undefined, site: SiteName): string {
  if (newer?.encapsulation !== 'none')
    return newer ? `in slot ${newer.slot} is up and used by both ends` : 'is wanted by both ends and passes'
  return older.phase === 'open'
    ? `is wanted by both ends, and routers of the WAN tell each of the other's prefixes (here: all that the tunnel brings of ${site})`
    : 'is used by both ends'
}
