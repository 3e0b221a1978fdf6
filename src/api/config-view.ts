import type {Finding} from '../model/index.ts'

/** What may be done with the configuration beside reading it again. */
export interface ConfigControl {
  inForce(): ConfigInForce
  /** null: no such version. */
  version(version: number): Promise<string | null>
  history(): ConfigHistoryAnswer
  /**
   * Puts another one in force, and in the file; undone after `confirmSeconds` unless it is confirmed. Of all three: only if
   * `expected` is the version in force, null: whatever is.
   */
  apply(text: string, confirmSeconds: number | null, expected?: number | null): Promise<ConfigChange>
  confirm(expected?: number | null): Promise<ConfigChange>
  /** To a version, or to the one before that in force. Of one that waits to be confirmed: at once. */
  rollback(version: number | null, expected?: number | null): Promise<ConfigChange>
}

export interface ConfigInForce {
  readonly version: number
  readonly text: string
}

export interface ConfigHistoryAnswer {
  /** The oldest first; the last one that is not `kept` is in force. */
  readonly versions: readonly {readonly version: number; readonly at: string; readonly how: string}[]
  readonly inForce: number
  readonly pending: ConfigPending | null
}

/** A version that is undone unless it is confirmed. */
export interface ConfigPending {
  readonly version: number
  readonly previous: number
  readonly leftSeconds: number
}

export const CONFIG_ERROR_CODES = [
  'config-refused',
  'config-unwritable',
  'change-pending',
  'nothing-pending',
  'no-such-version',
  'needs-restart',
  'version-changed',
] as const

export type ConfigErrorCode = (typeof CONFIG_ERROR_CODES)[number]

export type ConfigChange =
  | {
      readonly ok: true
      /** In force now. */
      readonly version: number
      /** It was before. */
      readonly unchanged: boolean
      readonly pending: ConfigPending | null
      readonly findings: readonly Finding[]
    }
  | {
      readonly ok: false
      readonly code: ConfigErrorCode
      readonly message: string
      readonly findings: readonly Finding[]
    }
