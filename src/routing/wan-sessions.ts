import {type Finding, type GatewayConfig, sessionName, type WanPeer} from '../model/index.ts'
import {type Address, familyOf, hostPrefix, type Prefix, prefixContains, prefixFamily} from '../net/index.ts'
import type {BgpSession, FilterRule, PrefixPattern} from './bird-config.ts'
import {fallbackProtocol, type RoutingInput} from './input.ts'
import {directSites, inside, meaningful, netIn, ownPrefixRule, tunnelledSites} from './site-filters.ts'
import {bfdOptions} from './tunnel-sessions.ts'

/** A full table does not belong on a gateway: the import lists say what does. */
const MAX_PREFIXES = 100_000

/**
 * Sessions with the WAN's routers.
 *
 * In: the peer's import list, and what pairs without a tunnel own; never an own prefix, an inner address, or a prefix
 * that a tunnel carries, which would lead pod traffic past its tunnel in clear text (a longer prefix would win over
 * every route of ours). Out: uplinks inside the export list, and own prefixes only where some pair has no tunnel. With a
 * single router, lost BFD leaves its routes in place: there is nothing better, as on a single tunnel.
 */
export function planWanSessions({config, passwords}: RoutingInput): {sessions: BgpSession[]; findings: Finding[]} {
  const sessions: BgpSession[] = []
  const findings: Finding[] = []
  const peers = config.peers.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  for (const peer of peers) {
    const password = readPassword(peer, passwords)
    if (password !== null && typeof password === 'object') {
      // Never without the password that was asked for.
      findings.push(password)
      continue
    }
    findings.push(...unannounced(config, peer))
    sessions.push(sessionWith(config, peer, password))
  }
  return {sessions, findings}
}

function sessionWith(config: GatewayConfig, peer: WanPeer, password: string | null): BgpSession {
  const family = familyOf(peer.address)
  const uplink = uplinkOf(config, peer)
  // iBGP is multihop, from a loopback as often as not; BFD over several hops needs to know its own end.
  const local = peer.as === config.as && uplink && familyOf(uplink) === family ? uplink : null
  return {
    name: sessionName('wan', peer.name, peer.name),
    kind: 'wan',
    comment: `router ${peer.name} of the WAN`,
    local,
    localAs: config.as,
    neighbor: peer.address,
    neighborAs: peer.as,
    device: null,
    reach: null,
    ttlSecurity: false,
    password,
    bfd:
      peer.bfd && (local || peer.as !== config.as)
        ? bfdOptions('private', config.peers.length > 1 ? 'on' : 'graceful')
        : null,
    rrClient: false,
    nextHop: null,
    holdSeconds: null,
    family,
    maxPrefixes: MAX_PREFIXES,
    import: importRules(config, peer),
    export: exportRules(config, peer),
  }
}

function importRules(config: GatewayConfig, peer: WanPeer): FilterRule[] {
  const family = familyOf(peer.address)
  const forbidden = [...config.interconnect, ...config.owns, ...tunnelledSites(config).flatMap((site) => site.owns)]
  const wanted = [...peer.import, ...directSites(config).flatMap((site) => site.owns)]
  const source = uplinkOf(config, peer)
  return meaningful([
    {when: [netIn(inside(forbidden, family))], verdict: 'reject'},
    {
      when: [netIn(inside(wanted, family))],
      verdict: 'accept',
      // The gateway's own packets to other gateways come from the address that these know.
      set: source && familyOf(source) === family ? [{attribute: 'prefsrc', value: source}] : [],
    },
  ])
}

function exportRules(config: GatewayConfig, peer: WanPeer): FilterRule[] {
  const family = familyOf(peer.address)
  // A router that belongs to one uplink is told of that one: two uplinks are two paths only while each fails alone.
  const uplinks: PrefixPattern[] = config.uplinks
    .filter(({name}) => peer.uplink === null || name === peer.uplink)
    .map(({address}) => hostPrefix(address))
    .filter((prefix) => prefixFamily(prefix) === family && peer.export.some((list) => prefixContains(list, prefix)))
    .sort()
    .map((prefix) => ({prefix, longer: false}))
  const direct = directSites(config).length > 0
  return meaningful([
    {when: [netIn(uplinks)], verdict: 'accept'},
    ...(direct ? [ownPrefixRule(config, family, fallbackProtocol(family))] : []),
  ])
}

/** The uplink that the peer is configured for, else the only or first one. */
function uplinkOf(config: GatewayConfig, peer: WanPeer): Address | null {
  const uplink = config.uplinks.find(({name}) => name === peer.uplink) ?? config.uplinks[0]
  return uplink?.address ?? null
}

function readPassword(peer: WanPeer, passwords: ReadonlyMap<string, string>): string | null | Finding {
  if (peer.passwordFile === null) return null
  const password = passwords.get(peer.passwordFile)?.trimEnd()
  const refuse = (detail: string, remedy?: string): Finding => ({
    code: 'peer-secret-unreadable',
    severity: 'error',
    where: {source: 'config', key: `peers ${peer.name}`, field: 'password'},
    detail,
    ...(remedy ? {remedy} : {}),
  })
  if (password === undefined) return refuse(`${peer.passwordFile} cannot be read, so there is no session`)
  // TCP MD5 takes 80 bytes; BIRD's strings have no way to write a quote or a control character.
  if (!/^[ !#-~]{1,80}$/.test(password)) {
    return refuse(`${peer.passwordFile} holds no usable password`, '1 to 80 printable ASCII characters but "')
  }
  return password
}

/** An export list that names own prefixes has no effect while every pair has a tunnel: said, not silently so. */
function unannounced(config: GatewayConfig, peer: WanPeer): Finding[] {
  const isOwn = (prefix: Prefix): boolean => config.owns.some((owned) => prefixContains(owned, prefix))
  const idle = peer.export.filter(isOwn)
  if (idle.length === 0 || directSites(config).length > 0) return []
  return [
    {
      code: 'config-conflict',
      severity: 'warning',
      where: {source: 'config', key: `peers ${peer.name}`, field: 'export'},
      detail: `${idle.join(', ')} is this site's own: not announced to the WAN while every site has a tunnel`,
    },
  ]
}
