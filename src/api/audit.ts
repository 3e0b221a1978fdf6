import type {Caller} from './caller.ts'

/** Where changes are written down; the gateway keeps it. */
export interface Audit {
  /** Before the change. Rejects where it cannot be written down: then the change must not be made. */
  begin(change: BegunChange): Promise<EndChange>
  /** The newest first; `before` is a number. */
  read(limit: number, before: number | null): Promise<AuditAnswer>
}

export interface BegunChange {
  readonly caller: Pick<Caller, 'via' | 'name' | 'address'>
  /** `POST /v1/drain`, with its query. */
  readonly what: string
}

/** What became of it; `changed`: in words, or as two texts. */
export type EndChange = (end: {readonly result: string; readonly changed: Changed | null}) => Promise<void>

export type Changed = string | {readonly before: string; readonly after: string}

export interface AuditEntry {
  /** Grows with each. */
  readonly number: number
  readonly at: string
  /** `timer` and `file`: the daemon itself, for want of a confirmation, or since the file was another. */
  readonly via: 'socket' | 'certificate' | 'session' | 'nobody' | 'timer' | 'file'
  readonly who: string
  readonly address: string | null
  readonly what: string
  /** `ok`, a code of an error, or null: the daemon ended before it was known. */
  readonly result: string | null
  readonly difference: string | null
}

export interface AuditAnswer {
  readonly entries: readonly AuditEntry[]
  readonly more: boolean
}
