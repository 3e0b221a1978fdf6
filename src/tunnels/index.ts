/**
 * Which tunnels this gateway has: from the configuration and what the remote sites' exports offer.
 *
 *     GatewayConfig ─┐               ┌─► links, addresses, wireguard     (what the kernel must hold)
 *     SiteView[] ────┼─► planTunnels ┼─► tunnels                         (what routing speaks BGP over)
 *     own keys ──────┘               ├─► offers, wantedKeys              (what the export says, which keys to make)
 *                                    └─► findings
 *
 * Both ends must offer one slot with one encapsulation, or there is no tunnel: never a weaker one, and never half of
 * one that drops what the other end sends. Names, VNIs and addresses come from identity, so that a new site changes
 * nothing for the others; both ends compute the same without a word between them (the mirror test holds them to it).
 * Everything is one value; the commands and the DOT graph are views of it.
 */
export {type FormProbes, type FormReadings, type FormWord, formPasses, nextWord} from './auto.ts'
export {canTry, type Trial} from './forms.ts'
export {underlayMtuDefault} from './mtu.ts'
export {
  LEAST_IPV6_MTU,
  LEAST_MTU,
  limitOf,
  limitsOf,
  newPathMtu,
  nextPathMtu,
  type PathEvent,
  type PathMtu,
  type PathProbes,
  type PathSearch,
  type TunnelLimit,
} from './path-mtu.ts'
export {
  keyNameOf,
  type PlannedTunnels,
  planTunnels,
  retiredKeys,
  type TunnelInput,
  type TunnelKey,
} from './plan.ts'
export {canStandBeside, isOffered, nextCarriers, type SuccessionView} from './succession.ts'
export {isStrict, offersOf, type UplinkPairing, uplinkPairs, wantedOf} from './uplink-pairs.ts'
export {renderTunnelCommands, renderTunnelGraph} from './views.ts'
