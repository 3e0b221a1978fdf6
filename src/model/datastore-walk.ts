import type {PasswordFileFacts, PresentedFacts, TlsFileFacts} from './certificate.ts'
import type {EtcdPermission} from './etcd-rights.ts'

/** The way to one endpoint of a datastore, as far as it went; what was not reached is null. */
export interface EndpointWalk {
  readonly endpoint: string
  /** By name, TCP, TLS and certificate; null: clear text, of which only the rest is walked. */
  readonly presented: PresentedFacts | null
  readonly etcd: EtcdWalk | null
}

export type Walked<T> =
  | {readonly ok: true; readonly value: T}
  | {readonly ok: false; readonly detail: string; readonly denied: boolean}

export interface EtcdWalk {
  readonly status: Walked<{readonly version: string; readonly hasLeader: boolean}>
  /** Whether it asks who somebody is. */
  readonly asks: Walked<boolean> | null
  /** What it lets our user do; not ok: it does not know him, or does not say. */
  readonly user: Walked<{readonly roles: readonly string[]; readonly permissions: readonly EtcdPermission[]}> | null
  /** One of each prefix that is read. */
  readonly ranges: readonly {
    readonly prefix: string
    readonly found: Walked<{readonly keys: number; readonly revision: number}>
  }[]
  readonly watches: readonly {readonly prefix: string; readonly opened: Walked<null>}[]
}

/** A datastore or site as the configuration has it, and the ways to it. */
export interface DatastoreFacts {
  readonly source: string
  /** The one who comes with the password; without one the CN of our certificate. */
  readonly user: string | null
  readonly tls: TlsFileFacts | null
  /** null: the user comes by certificate. */
  readonly password: PasswordFileFacts | null
  readonly walks: readonly EndpointWalk[]
}
