import type {Finding} from '../model/index.ts'
import type {DatastoreStatus, SessionStatus, SiteStatus} from './gateway-view.ts'

/** The part of the status whose changes are worth an entry in the log. */
export interface Watched {
  readonly config: {readonly version: number; readonly how: string; readonly pending: boolean}
  readonly drainingSince: string | null
  /** Of the site's gateways the one that writes the export. */
  readonly leader: string | null
  readonly tunnels: readonly {readonly name: string; readonly up: boolean}[]
  readonly sessions: readonly Pick<SessionStatus, 'name' | 'up' | 'lastError'>[]
  readonly datastores: readonly Pick<DatastoreStatus, 'name' | 'connected' | 'lastError'>[]
  readonly sites: readonly Pick<SiteStatus, 'name' | 'state'>[]
  /** `KIND NAME`; the same array as long as none is another, and the same document mostly. */
  readonly policies: readonly {readonly name: string; readonly document: object}[]
  readonly findings: readonly Finding[]
}

export const LOG_CODES = [
  'started',
  'config-applied',
  'config-rolled-back',
  'config-confirmed',
  'tunnel-added',
  'tunnel-removed',
  'tunnel-up',
  'tunnel-down',
  'session-up',
  'session-down',
  'datastore-back',
  'datastore-lost',
  'site-state',
  'policy-added',
  'policy-changed',
  'policy-removed',
  'finding-appeared',
  'finding-ended',
  'drain-began',
  'drain-ended',
  'leader-changed',
  'left-out',
] as const

export type LogCode = (typeof LOG_CODES)[number]

/** One change that somebody on call may want to know of. */
export interface LogEntry {
  /** `RUN-NUMBER`: numbers grow, and the run is another after each start of the daemon. */
  readonly id: string
  readonly at: string
  readonly code: LogCode
  readonly severity: 'error' | 'warning' | 'info'
  /** One sentence. */
  readonly what: string
  /** What it happened to: a name as in `get`. */
  readonly object: string
}

export interface LogAnswer {
  readonly run: string
  /** The newest first. */
  readonly entries: readonly LogEntry[]
  /** There are older ones. */
  readonly more: boolean
}

/** What one is let in by once, within minutes. */
export interface LoginToken {
  readonly token: string
  readonly expiresAt: string
  /** Where the gateway listens: `ADDRESS:PORT`. */
  readonly listen: string
}

/** Who asks, as the gateway sees it. */
export interface LoginAnswer {
  readonly via: 'socket' | 'certificate' | 'session' | 'nobody'
  readonly role: 'viewer' | 'admin' | null
  readonly name: string
  /** When the login ends; null: never. */
  readonly until: string | null
}
