import {type GatewayConfig, type GatewayLan, type GatewayName, type RemoteSite, sessionName} from '../model/index.ts'
import type {BgpSession, Condition} from './bird-config.ts'
import {lastTranslatedProtocol, type RoutingInput, translatedProtocol} from './input.ts'
import {ORDINARY} from './ordinary-session.ts'
import {inside, meaningful, NO_COMMUNITIES, netIn} from './site-filters.ts'
import {gatewayBfd} from './tunnel-sessions.ts'

const HOLD_SECONDS = 30
const MAX_PREFIXES = 100_000
/** Below BGP's 100: by the twin only where no way of our own is left. */
const TWIN_PREFERENCE = 50
/** Of a translated way by a tunnel that comes and goes at the twin: below such a one of our own, or each would send to the other. */
const TWIN_LAST_PREFERENCE = 30

interface Twin {
  readonly name: GatewayName
  readonly lan: GatewayLan
}

const twinOf = ({twin, lan}: GatewayConfig): Twin | null => (twin !== null && lan ? {name: twin, lan} : null)

const nameOf = ({name, lan}: Twin): string => sessionName('twin', name, `${name} ${lan.twin}`)

/** Of the session with the twin, if there is one. */
export const twinSessionNames = (config: GatewayConfig): string[] => [twinOf(config) ?? []].flat().map(nameOf)

/**
 * iBGP with the site's other gateway over the LAN: ways to remote prefixes, each by the gateway that has tunnels there. Hosts
 * without BGP go on sending to an address that a gateway holds also when it has lost its tunnels; it passes their packets on.
 *
 * Of the four tunnels between two sites with two gateways each one carries both directions, also while the first of them is
 * lost: else each half of a flow passes other gateways, and a new one is answered where its beginning is not known yet. The
 * site whose name comes first keeps to its preferred gateway; the other one goes by the gateway that the first
 * prefers, if need be by its twin. Both gateways compare the same two ways by the same attributes, so no two ever prefer
 * each other.
 *
 * What came by the twin goes to nobody: iBGP does not tell it to the twin again, and nodes hear of it from the twin itself.
 */
export function planTwinSession({config}: RoutingInput): BgpSession[] {
  const twin = twinOf(config)
  if (twin === null) return []
  const sites = [...config.sites.values()]
  const ownsOf = (some: readonly RemoteSite[]): Condition =>
    netIn(
      inside(
        some.flatMap(({owns}) => owns),
        4,
      ),
    )
  const remote = ownsOf(sites)
  const translated = [...config.sites.values()].flatMap((site) => site.translations.map(({seen}) => seen))
  const fromSessions: Condition = {is: 'source', source: 'bgp'}
  return [
    {
      ...ORDINARY,
      name: nameOf(twin),
      kind: 'twin',
      comment: `twin ${twin.name} on the LAN`,
      local: twin.lan.address,
      localAs: config.as,
      neighbor: twin.lan.twin,
      neighborAs: config.as,
      device: twin.lan.device,
      reach: 'direct',
      bfd: gatewayBfd('private', 'on'),
      holdSeconds: HOLD_SECONDS,
      family: 4,
      maxPrefixes: MAX_PREFIXES,
      import: meaningful([
        {
          when: [netIn(inside(translated, 4)), {is: 'local-pref', value: 0}],
          verdict: 'accept',
          set: [{attribute: 'preference', value: TWIN_LAST_PREFERENCE}, NO_COMMUNITIES],
        },
        {when: [ownsOf(sites.filter(({name}) => name < config.site))], verdict: 'accept', set: [NO_COMMUNITIES]},
        {when: [remote], verdict: 'accept', set: [{attribute: 'preference', value: TWIN_PREFERENCE}, NO_COMMUNITIES]},
      ]),
      export: meaningful([
        {when: [remote, fromSessions, {is: 'reachable'}], verdict: 'accept', set: [NO_COMMUNITIES]},
        {
          when: [netIn(inside(translated, 4)), {is: 'from', protocol: translatedProtocol(4)}],
          verdict: 'accept',
          set: [NO_COMMUNITIES],
        },
        {
          when: [netIn(inside(translated, 4)), {is: 'from', protocol: lastTranslatedProtocol(4)}],
          verdict: 'accept',
          set: [{attribute: 'local-pref', value: 0}, NO_COMMUNITIES],
        },
      ]),
    },
  ]
}
