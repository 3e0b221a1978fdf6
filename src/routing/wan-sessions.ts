import type {Finding, GatewayConfig, PeerBfd, WanPeer} from '../model/index.ts'
import {type Address, familyOf, type Prefix, prefixContains} from '../net/index.ts'
import type {BfdOptions, BgpSession} from './bird-config.ts'
import {nativeOf, type RoutingInput} from './input.ts'
import {ORDINARY} from './ordinary-session.ts'
import {bfdOptions} from './tunnel-sessions.ts'
import {acceptedPrefixes, exportRules, importRules, wanSession} from './wan-policy.ts'

/**
 * Sessions with the WAN's routers; what passes on them is in `wan-policy.ts`. With a single router, lost BFD leaves its
 * routes in place: there is nothing better, as on a single tunnel.
 */
export function planWanSessions(input: RoutingInput): {sessions: BgpSession[]; findings: Finding[]} {
  const {config, passwords} = input
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
    findings.push(...unannounced(input, peer))
    sessions.push(sessionWith(input, peer, password))
  }
  return {sessions, findings}
}

function sessionWith(input: RoutingInput, peer: WanPeer, password: string | null): BgpSession {
  const {config, draining} = input
  const native = nativeOf(input)
  const family = familyOf(peer.address)
  const uplink = uplinkOf(config, peer)
  const localAs = peer.localAs ?? config.as
  const isInternal = peer.as === localAs
  // Over several hops, from a loopback as often as not, BFD needs to know its own end.
  const isFar = isInternal || peer.multihop !== null
  const local = isFar && uplink && familyOf(uplink) === family ? uplink : null
  return {
    ...ORDINARY,
    name: wanSession(peer.name),
    kind: 'wan',
    comment: `router ${peer.name} of the WAN`,
    local,
    localAs,
    neighbor: peer.address,
    neighborAs: peer.as,
    reach: peer.multihop === null ? null : {hops: peer.multihop},
    ttlSecurity: peer.ttlSecurity,
    password,
    bfd: peer.bfd && (local || !isFar) ? bfdOf(peer.bfd, config.peers.length > 1 ? 'on' : 'graceful') : null,
    rrClient: peer.routeReflectorClient && isInternal,
    clusterId: peer.routeReflectorClient && isInternal ? peer.clusterId : null,
    role: peer.role === null || isInternal ? null : {own: peer.role, required: peer.requireRole},
    gracefulRestart: peer.gracefulRestart,
    addPaths: peer.addPaths,
    allowAsIn: peer.allowAsIn,
    family,
    maxPrefixes: peer.maxPrefixes.limit,
    limitAction: peer.maxPrefixes.action,
    import: importRules(config, native, peer, uplink, draining),
    export: exportRules(config, native, peer, draining),
  }
}

function bfdOf({profile, intervalMs, multiplier}: PeerBfd, mode: BfdOptions['mode']): BfdOptions {
  const options = bfdOptions(profile, mode)
  return {...options, intervalMs: intervalMs ?? options.intervalMs, multiplier: multiplier ?? options.multiplier}
}

/** The uplink that the peer is configured for, else the first of its family. */
function uplinkOf(config: GatewayConfig, peer: WanPeer): Address | null {
  const family = familyOf(peer.address)
  const uplink =
    config.uplinks.find(({name}) => name === peer.uplink) ??
    config.uplinks.find(({address}) => familyOf(address) === family)
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
function unannounced(input: RoutingInput, peer: WanPeer): Finding[] {
  const {config} = input
  const isOwn = (prefix: Prefix): boolean => config.owns.some((owned) => prefixContains(owned, prefix))
  const idle = (acceptedPrefixes(peer.export) ?? []).filter(isOwn)
  if (idle.length === 0 || nativeOf(input).size > 0) return []
  return [
    {
      code: 'config-conflict',
      severity: 'warning',
      where: {source: 'config', key: `peers ${peer.name}`, field: 'export'},
      detail: `${idle.join(', ')} is this site's own: not announced to the WAN while every site has a tunnel`,
    },
  ]
}
