/**
 * The gateway's answers to people and programs: HTTP over a Unix socket, and metrics over TCP.
 *
 *     CLI, console ──► <run>/api.sock ─┐
 *                                      ├─► route ─► GatewayView (gateway-view.ts) ─► JSON
 *     Prometheus ──► metrics.listen ───┘                    ▲
 *                                                    gateway/ implements it
 *
 * The API decides nothing and keeps nothing: it reads one `GatewayView`, which it declares itself, so that it can be
 * tested with a plain object. The socket's mode (0660, owner and group) is its login; TCP carries no more than metrics
 * and health, since whoever reaches it need not prove who he is. Errors are JSON with a code for programs and a
 * sentence for people. Outsiders that ask a gateway use `client.ts`, which loads nothing of the server.
 */
export type * from './console-view.ts'
export type * from './gateway-view.ts'
export {type ApiOptions, type RunningApi, startApi} from './server.ts'
export {VERSION} from './version.ts'
