/**
 * What BIRD says of itself, read over its control socket; nothing is ever changed here.
 *
 *     show protocols all ─┐
 *     show bfd sessions ──┼─parse─► RouterState {up, sessions, bfd, routes} ─► status, metrics
 *     show route count ───┘
 *     show route …     ─parse─► BirdRoute, when somebody asks
 *
 * BIRD's answers are tables for people, so parsing keeps to what is stable: the numeric code of a line, the name at
 * the start of a row, `Label: value` below it. What is not understood is left out and never guessed. A BIRD that is
 * away is an answer like any other: `up: false` and nothing else.
 */

export {askRoutes, type RouteQuestion} from './ask-routes.ts'
export {type BirdMetrics, createBirdMetrics} from './metrics.ts'
export {type BfdSession, parseBfdSessions} from './parse-bfd.ts'
export {type BgpSessionState, type LimitHit, parseSessions} from './parse-sessions.ts'
export {type RouterState, readBfd, readRouter, readRoutes, readSessions} from './read.ts'
