import {type PeerBfd, PRIVATE_AS, type WanPeer} from '../model/index.ts'
import {familyOf, hostPrefix, type Prefix, prefixContainsAddress, prefixesOverlap} from '../net/index.ts'
import type {Path} from '../yaml/index.ts'
import type {WanPeerYaml} from './peer-schema.ts'
import {conflict, type Problem} from './problem.ts'
import {checkPolicy, toPolicy} from './route-policy.ts'
import type {GatewayYaml} from './schema.ts'

/** Routers of the WAN: who they may be, and what BGP lets one ask of a session. */
export function* checkPeers(yaml: GatewayYaml): Generator<Problem> {
  const uplinks = yaml.uplinks.map((uplink) => uplink.name)
  for (const [index, peer] of yaml.peers.entries()) {
    const path = ['peers', index]
    const before = yaml.peers.slice(0, index)
    const isInternal = peer.as === (peer.localAs ?? yaml.as)
    if (before.some(({name}) => name === peer.name)) {
      yield conflict([...path, 'name'], `a second peer is named ${peer.name}`)
    }
    if (peer.uplink && !uplinks.includes(peer.uplink)) {
      yield conflict([...path, 'uplink'], `no uplink ${peer.uplink}`, `known: ${uplinks.join(', ')}`)
    }
    yield* checkAddress(yaml, peer, before, [...path, 'address'])
    yield* isInternal ? checkInternal(peer, path) : checkExternal(peer, path)
    yield* checkSession(yaml, peer, isInternal, path)
    yield* checkPassOn(yaml, peer, [...path, 'passOn'])
    for (const direction of ['import', 'export'] as const) {
      yield* checkPolicy(peer[direction], direction, isInternal, [...path, direction])
    }
    yield* checkDefaultRoute(peer, [...path, 'import'])
  }
}

function* checkAddress(
  yaml: GatewayYaml,
  {address}: WanPeerYaml,
  before: readonly WanPeerYaml[],
  path: Path,
): Generator<Problem> {
  const remedy = "the router's own address on the WAN"
  for (const {name, address: own, public: seen, inner} of yaml.uplinks) {
    if (own === address || seen === address) yield conflict(path, `${address} is our own: uplink ${name}`, remedy)
    if (inner.includes(address))
      yield conflict(path, `${address} is our own: an inner address of uplink ${name}`, remedy)
  }
  const interconnect = yaml.interconnect.find((prefix) => prefixContainsAddress(prefix, address))
  if (interconnect && !yaml.uplinks.some(({inner}) => inner.includes(address))) {
    yield conflict(path, `${address} is inside interconnect ${interconnect}, where only gateways are`, remedy)
  }
  if (NOBODY.some((prefix) => prefixesOverlap(prefix, hostPrefix(address)))) {
    yield conflict(path, `${address} is no router's address`, remedy)
  }
  const other = before.find((peer) => peer.address === address)
  if (other) yield conflict(path, `peer ${other.name} has ${address} too`, 'one session to an address')
}

/** Unspecified, loopback, link-local IPv6 (its device cannot be said), multicast and above. */
const NOBODY = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/3', '::/127', 'fe80::/10', 'ff00::/8'] as Prefix[]

/** What has no meaning inside one AS. */
function* checkInternal(peer: WanPeerYaml, path: Path): Generator<Problem> {
  const isInternal = `AS ${peer.as} is our own, so this is iBGP`
  if (peer.role) yield conflict([...path, 'role'], `${isInternal}, which has no roles`, 'take it out')
  if (peer.ttlSecurity)
    yield conflict([...path, 'ttlSecurity'], `${isInternal}, over any number of hops`, 'take it out')
  for (const key of ['removePrivateAs', 'allowAsIn'] as const) {
    if (peer[key]) yield conflict([...path, key], `${isInternal}, where paths stay as they are`, 'take it out')
  }
}

function* checkExternal(peer: WanPeerYaml, path: Path): Generator<Problem> {
  for (const key of ['routeReflectorClient', 'clusterId'] as const) {
    if (!peer[key]) continue
    const detail = `AS ${peer.as} is not our own, and routes are reflected only inside one`
    yield conflict([...path, key], detail, `take it out, or \`localAs: ${peer.as}\``)
  }
}

function* checkSession(yaml: GatewayYaml, peer: WanPeerYaml, isInternal: boolean, path: Path): Generator<Problem> {
  if (peer.ttlSecurity && peer.multihop !== undefined) {
    const detail = 'ttlSecurity says that the router is on the link, multihop that it is not'
    yield conflict([...path, 'ttlSecurity'], detail, 'take one of them out')
  }
  if (peer.requireRole && !peer.role) {
    yield conflict(
      [...path, 'requireRole'],
      'requireRole without a role of our own',
      'add `role: customer`, or another',
    )
  }
  if (peer.clusterId && !peer.routeReflectorClient && isInternal) {
    yield conflict([...path, 'clusterId'], 'clusterId, but it is no client', 'add `routeReflectorClient: true`')
  }
  if (peer.rejectPrivateAs && isPrivateAs(peer.as) && !isInternal) {
    const detail = `its own AS ${peer.as} is private, so nothing that it says would be taken`
    yield conflict([...path, 'rejectPrivateAs'], detail, 'take it out; `asPath` in a rule refuses chosen ones')
  }
  const family = familyOf(peer.address)
  const chosen = yaml.uplinks.find(({name}) => name === peer.uplink)
  const local = chosen ? [chosen] : yaml.uplinks
  if (peer.bfd && (isInternal || peer.multihop) && !local.some(({address}) => familyOf(address) === family)) {
    const detail = `BFD over several hops needs an uplink with an IPv${family} address, as ${peer.address} is`
    yield conflict([...path, 'bfd'], detail, 'take it out, or name such an uplink')
  }
}

const isPrivateAs = (as: number): boolean => PRIVATE_AS.some(([first, last]) => as >= first && as <= last)

function* checkPassOn(yaml: GatewayYaml, peer: WanPeerYaml, path: Path): Generator<Problem> {
  for (const [index, name] of peer.passOn.entries()) {
    const others = yaml.peers.filter((one) => one !== peer).map((one) => one.name)
    if (!others.includes(name)) {
      yield conflict([...path, index], `no other peer ${name}`, `known: ${others.join(', ') || 'none'}`)
    }
  }
}

/** A list that names it looks as if it were taken. */
function* checkDefaultRoute({defaultRoute, import: policy, address}: WanPeerYaml, path: Path): Generator<Problem> {
  if (defaultRoute) return
  const all = familyOf(address) === 4 ? '0.0.0.0/0' : '::/0'
  const remedy = `\`defaultRoute: true\` takes it; \`{prefix: ${all}, ge: 1}\` in a rule says all others`
  const detail = `the default route itself is not taken by ${all}`
  for (const [index, entry] of policy.entries()) {
    if (entry === all) yield {...conflict([...path, index], detail, remedy), severity: 'warning'}
    if (typeof entry === 'string' || entry.action === 'reject') continue
    for (const [place, range] of (entry.prefixes ?? []).entries()) {
      const isNamed = typeof range === 'string' ? range === all : range.prefix === all && !range.ge
      if (isNamed) yield {...conflict([...path, index, 'prefixes', place], detail, remedy), severity: 'warning'}
    }
  }
}

export function toWanPeer(peer: WanPeerYaml): WanPeer {
  const {password, ...rest} = peer
  return {
    ...rest,
    localAs: peer.localAs ?? null,
    passwordFile: password?.file ?? null,
    uplink: peer.uplink ?? null,
    import: toPolicy(peer.import),
    export: toPolicy(peer.export),
    multihop: peer.multihop ?? null,
    role: peer.role ?? null,
    clusterId: peer.clusterId ?? null,
    bfd: toBfd(peer.bfd),
  }
}

function toBfd(bfd: WanPeerYaml['bfd']): PeerBfd | null {
  if (bfd === false) return null
  if (bfd === true) return {profile: 'private', intervalMs: null, multiplier: null}
  return {profile: bfd.profile, intervalMs: bfd.intervalMs ?? null, multiplier: bfd.multiplier ?? null}
}
