/**
 * Which prefix by which way: BIRD's whole configuration, as a typed tree and as text.
 *
 *     GatewayConfig, World (sites' AS numbers, nodes), Tunnel[], secrets
 *          │ planRouting
 *          ▼
 *     BirdConfig: statics, sessions, filters as data ──renderBird──► bird.conf, byte-stable, with its own hash
 *
 * BIRD routes, Isthmus decides: nothing here is in the failover path. Every session has explicit filters, written as
 * lists of rules that end in reject (RFC 8212). Three kinds of session: tunnels carry exactly the own site's prefixes
 * out and the granted ones in, and what a hub is configured to pass on (`transit.ts`); WAN routers hear of uplinks, and of own prefixes only where a pair has
 * no tunnel; nodes hear of what is reachable, and of nothing else. Beneath all of it lies an unreachable route for
 * every prefix that must not fall through to the default route. All BIRD syntax is in render*.ts, and nowhere else.
 */
export type {BgpSession, BirdConfig, Condition, FilterRule, PrefixPattern, StaticProtocol} from './bird-config.ts'
export {type HoldDown, heldDown, NO_HOLD_DOWN, nextHoldDown, type SeenSession} from './hold-down.ts'
export type {RoutingInput} from './input.ts'
export {sessionsWith} from './node-sessions.ts'
export {planRouting} from './plan.ts'
export {renderBird} from './render.ts'
export type {SessionFacts, Way, WayStep, WhyNotFacts} from './way.ts'
export {whyNot} from './why-not.ts'
