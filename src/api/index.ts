/**
 * The gateway's answers to people and programs: HTTP over a Unix socket and over TLS, and metrics over TCP.
 *
 *     CLI ─────────► <run>/api.sock ─┐ admin              ┌─► routes (route.ts) ─► GatewayView (gateway-view.ts) ─► JSON
 *     console, CLI ► api.listen, TLS ┼─► caller ─► dispatch┤                              ▲
 *     Prometheus ──► metrics.listen ─┘                     └─► events (event-hub.ts) ─────┤
 *                                                                               gateway/ implements it
 *
 * The API decides nothing and keeps nothing but who is logged in: it reads one `GatewayView`, which it declares itself, so
 * that it can be tested with a plain object. A route is data: method, path, role, schemas of query and body; what is checked
 * and refused follows from it. The socket's mode (0660, owner and group) is its login. Over TLS it is a client certificate
 * that the configuration names, or a token that the socket has given out, for viewers. Plain TCP carries no more than
 * metrics and health, since whoever reaches it need not prove who he is. Errors are JSON with a code for programs, a
 * sentence for people, and the field that is wrong. Outsiders that ask a gateway use `client.ts`, which loads nothing of
 * the server.
 */
export type {Audit, AuditAnswer, AuditEntry, Changed} from './audit.ts'
export type * from './config-view.ts'
export type * from './gateway-view.ts'
export type * from './live-view.ts'
export {type ApiOptions, type RunningApi, startApi} from './server.ts'
export {VERSION} from './version.ts'
