import {type BfdProfile, type Finding, type RemoteSite, siteDevices, sitesThrough, type Tunnel} from '../model/index.ts'
import {type Address, familyOf, hostPrefix} from '../net/index.ts'
import type {BfdOptions, BgpSession, BirdConfig} from './bird-config.ts'
import type {RoutingInput} from './input.ts'
import {ORDINARY} from './ordinary-session.ts'
import {meaningful, ownPrefixRule} from './site-filters.ts'
import {hasOtherWay, transitExport, tunnelImport} from './transit.ts'

/** BFD notices a loss first; where it is not up, nothing else would for BIRD's default of four minutes. */
const HOLD_SECONDS = 30
/** Far above what a site's nodes announce; a flood of more specific routes ends here. So many for each site of a hub. */
const MAX_PREFIXES = 10_000
const MOST_PREFIXES = 500_000

const BFD_INTERVAL_MS: Readonly<Record<BfdProfile, number>> = {private: 100, internet: 300}
const BFD_MULTIPLIER: Readonly<Record<BfdProfile, number>> = {private: 3, internet: 5}

export function bfdOptions(profile: BfdProfile, mode: BfdOptions['mode']): BfdOptions {
  return {mode, intervalMs: BFD_INTERVAL_MS[profile], multiplier: BFD_MULTIPLIER[profile]}
}

/**
 * Between gateways. A session that is not up sends as often as one that is: else BGP is there before BFD, and a cut in
 * between is noticed by the hold time (decision 0072).
 */
export function gatewayBfd(profile: BfdProfile, mode: BfdOptions['mode']): BfdOptions {
  const options = bfdOptions(profile, mode)
  return {...options, idleMs: options.intervalMs}
}

/**
 * eBGP over every tunnel. In: what we grant the site, from its own AS, and likewise of sites that are behind it as a hub;
 * out: own prefixes only, so that no gateway is ever a way between two others, but one that is a hub for them.
 *
 * With a second way to all that the tunnel leads to, here or at the twin, lost BFD withdraws at once. On a single path there
 * is nothing better to move to: BFD watches, and the session does not hear of it (decision 0139).
 */
export function planTunnelSessions(input: RoutingInput): TunnelSessions {
  const {config, world, tunnels} = input
  const sessions: BgpSession[] = []
  const findings: Finding[] = []
  for (const tunnel of tunnels) {
    const remote = config.sites.get(tunnel.site)
    const as = world.sites.get(tunnel.site)?.as ?? null
    if (!remote || as === null) continue
    if (as === config.as) {
      findings.push(sameAs(tunnel, as))
      continue
    }
    const secondPath = hasOtherWay(input, tunnel)
    const isHeld = remote.holdDown && (input.held?.has(tunnel.session) ?? false)
    if (isHeld) findings.push(comesAndGoes(tunnel, !secondPath))
    const draining = input.draining || (isHeld && secondPath)
    sessions.push(sessionOver({...input, draining}, tunnel, remote, as, secondPath))
  }
  return {sessions, ...farEnds(sessions), ...watched(input, sessions), findings}
}

interface TunnelSessions extends Pick<BirdConfig, 'statics' | 'tables' | 'bfdDevices' | 'bfdNeighbors'> {
  readonly sessions: readonly BgpSession[]
  readonly findings: readonly Finding[]
}

/** BFD of all tunnels stands by itself: a session or a static way that comes to ask for it finds it as it is. */
function watched(
  {config, tunnels}: RoutingInput,
  sessions: readonly BgpSession[],
): Pick<BirdConfig, 'bfdDevices' | 'bfdNeighbors'> {
  // Two sessions, one a family, may be over one device.
  const devices = new Map(
    tunnels.flatMap(({site, device}) => {
      const bfd = config.sites.get(site)?.bfd
      return bfd ? [[device, gatewayBfd(bfd, 'on')] as const] : []
    }),
  )
  // BIRD 2.0.12 begins a session that a new file brings with the times of the file before: there its site's pattern stands.
  const patterns = new Map(
    [...config.sites.values()].map(({name, bfd}) => [`${siteDevices(name)}*`, gatewayBfd(bfd, 'on')] as const),
  )
  const sorted = (times: ReadonlyMap<string, BfdOptions>) =>
    [...times].map(([device, options]) => ({device, options})).sort((a, b) => (a.device < b.device ? -1 : 1))
  return {
    bfdDevices: [...sorted(devices), ...sorted(patterns)],
    bfdNeighbors: sessions.map(({neighbor, local, device}) => ({neighbor, local: local!, device: device!})),
  }
}

/**
 * Far ends, each on its tunnel's device, in tables where nothing else is. Where there is another way one counts while BFD
 * sees it: what a session tells is no way before, whichever of the two is there first (decision 0144).
 */
function farEnds(sessions: readonly BgpSession[]): Pick<BirdConfig, 'statics' | 'tables'> {
  const byTable = Map.groupBy(sessions, ({igpTable}) => igpTable!)
  return {
    tables: [...byTable].map(([name, [first]]) => ({name, family: first!.family})),
    statics: [...byTable].map(([name, own]) => ({
      name: `at_${name}`,
      family: own[0]!.family,
      comment: 'Far ends of tunnels, where what comes over them leads.',
      preference: null,
      tables: {routes: name},
      routes: own.map(({neighbor, device, bfd}) => ({
        prefix: hostPrefix(neighbor),
        to: {over: [{peer: neighbor, device: device!}], bfd: bfd !== null},
      })),
    })),
  }
}

function sessionOver(
  input: RoutingInput,
  tunnel: Tunnel,
  remote: RemoteSite,
  as: number,
  secondPath: boolean,
): BgpSession {
  const {config, draining} = input
  const neighbor = tunnel.peer as Address
  const family = familyOf(neighbor)
  return {
    ...ORDINARY,
    name: tunnel.session,
    kind: 'tunnel',
    // Nothing that changes while the session goes on: a change of form must not touch this file.
    comment: `tunnel ${tunnel.id}`,
    local: tunnel.local as Address,
    localAs: config.as,
    neighbor,
    neighborAs: as,
    device: tunnel.device,
    // With two uplinks here and one there both sessions have one far end, on two devices (decision 0148).
    igpTable: input.tunnels.some(({device, peer}) => peer === tunnel.peer && device !== tunnel.device)
      ? `ways_${tunnel.session}`
      : `ends${family}`,
    reach: 'direct',
    ttlSecurity: true,
    bfd: secondPath ? gatewayBfd(remote.bfd, 'on') : null,
    holdSeconds: HOLD_SECONDS,
    family,
    maxPrefixes: Math.min(MAX_PREFIXES * sitesThrough(config, tunnel.site).length, MOST_PREFIXES),
    // The session of a withdrawn site stands, so that it can come back, but brings nothing.
    import: tunnelImport(input, tunnel, as),
    export: meaningful([ownPrefixRule(config, family, draining), ...transitExport(input, tunnel)]),
  }
}

function comesAndGoes({id, session, remote}: Tunnel, isLast: boolean): Finding {
  return {
    code: 'tunnel-held-down',
    severity: 'warning',
    where: {source: 'bird', key: session},
    detail: `tunnel ${id} was lost twice within a minute: ${isLast ? 'it is the only way, and stays in use' : 'until half a minute without a loss it is used only where there is no other way'}`,
    remedy: `see what the underlay towards ${remote} loses: \`isthmus get tunnels\` tells loss and jitter`,
  }
}

function sameAs(tunnel: Tunnel, as: number): Finding {
  return {
    code: 'config-conflict',
    severity: 'error',
    where: {source: `export ${tunnel.site}`, key: 'site', field: 'as'},
    detail: `site ${tunnel.site} has AS ${as}, which is this site's own`,
    remedy: 'each site needs an AS number of its own',
  }
}
