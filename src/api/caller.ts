/** What somebody may do: a viewer sees everything and changes nothing. */
export type Role = 'viewer' | 'admin'

/** Who asks, and how that is known. */
export interface Caller {
  readonly via: 'socket' | 'certificate' | 'session' | 'nobody'
  /** null: has not said who it is. */
  readonly role: Role | null
  /** For people and the audit log: `uid 0 (root)`, `CN=alice`, `session 3f2a9c01`. */
  readonly name: string
  /** Over TCP. */
  readonly address: string | null
  /** When it has to log in again, ISO 8601; null: never. */
  readonly until: string | null
  /** What it was let in for still holds; asked of whoever stays. */
  readonly isStill: () => boolean
}

/** Of the metrics' port and of a connection without a login. */
export const nobody = (address: string | null): Caller => ({
  ...{via: 'nobody', role: null, name: 'nobody', address, until: null},
  isStill: () => true,
})

const RANK = {anyone: 0, viewer: 1, admin: 2} as const

export const mayAsk = (role: Role | null, needed: Role | 'anyone'): boolean => RANK[role ?? 'anyone'] >= RANK[needed]
