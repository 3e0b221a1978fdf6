import {type BfdProfile, type Finding, isTakenOut, type RemoteSite, type SiteView, type Tunnel} from '../model/index.ts'
import {type Address, familyOf} from '../net/index.ts'
import type {BfdOptions, BgpSession} from './bird-config.ts'
import type {RoutingInput} from './input.ts'
import {ORDINARY} from './ordinary-session.ts'
import {
  announcedOwns,
  inside,
  LOCAL_PREF,
  meaningful,
  NO_COMMUNITIES,
  netIn,
  ownPrefixRule,
  shutdownPreference,
} from './site-filters.ts'

/** BFD notices a loss first; where it is not up, nothing else would for BIRD's default of four minutes. */
const HOLD_SECONDS = 30
/** Far above what a site's nodes announce; a flood of more specific routes ends here. */
const MAX_PREFIXES = 10_000

const BFD_INTERVAL_MS: Readonly<Record<BfdProfile, number>> = {private: 100, internet: 300}
const BFD_MULTIPLIER: Readonly<Record<BfdProfile, number>> = {private: 3, internet: 5}

export function bfdOptions(profile: BfdProfile, mode: BfdOptions['mode']): BfdOptions {
  return {mode, intervalMs: BFD_INTERVAL_MS[profile], multiplier: BFD_MULTIPLIER[profile]}
}

/**
 * eBGP over every tunnel. In: what we grant the site, from its own AS and nobody behind it; out: own prefixes only, so
 * that no gateway is ever a way between two others.
 *
 * With a second tunnel to the site, lost BFD withdraws at once (`on`); on a single path there is nothing better to
 * move to, and `graceful` makes a restart of BIRD cost nothing.
 */
export function planTunnelSessions(input: RoutingInput): {sessions: BgpSession[]; findings: Finding[]} {
  const {config, world, tunnels} = input
  const paths = new Map<string, number>()
  const wayOf = ({site, peer}: Tunnel): string => `${site} ${familyOf(peer as Address)}`
  for (const tunnel of tunnels) paths.set(wayOf(tunnel), (paths.get(wayOf(tunnel)) ?? 0) + 1)
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
    const view = world.sites.get(tunnel.site)!
    sessions.push(sessionOver(input, tunnel, remote, view, as, paths.get(wayOf(tunnel))! > 1))
  }
  return {sessions, findings}
}

function sessionOver(
  {config, draining}: RoutingInput,
  tunnel: Tunnel,
  remote: RemoteSite,
  {presence}: SiteView,
  as: number,
  secondPath: boolean,
): BgpSession {
  const neighbor = tunnel.peer as Address
  const family = familyOf(neighbor)
  return {
    ...ORDINARY,
    name: tunnel.session,
    kind: 'tunnel',
    comment: `${tunnel.remote} over ${tunnel.encapsulation}`,
    local: tunnel.local as Address,
    localAs: config.as,
    neighbor,
    neighborAs: as,
    device: tunnel.device,
    reach: 'direct',
    ttlSecurity: true,
    bfd: bfdOptions(remote.bfd, secondPath ? 'on' : 'graceful'),
    holdSeconds: HOLD_SECONDS,
    family,
    maxPrefixes: MAX_PREFIXES,
    // The session of a withdrawn site stands, so that it can come back, but brings nothing.
    import: meaningful([
      {
        when: [netIn(isTakenOut(presence) ? [] : inside(announcedOwns(remote), family)), {is: 'path', as}],
        verdict: 'accept',
        // The MED stays: it says which of the site's gateways is to be gone by.
        set: [{attribute: 'local-pref', value: LOCAL_PREF}, shutdownPreference(draining), NO_COMMUNITIES],
      },
    ]),
    export: meaningful([ownPrefixRule(config, family, draining)]),
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
