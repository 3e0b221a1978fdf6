import type {FindingCode} from '../model/index.ts'
import type {Path} from '../yaml/index.ts'

export interface Problem {
  readonly code: FindingCode
  readonly path: Path
  readonly detail: string
  readonly remedy?: string
  /** Absent: an error, which refuses the whole configuration. */
  readonly severity?: 'warning'
}

/** What cannot be as it stands beside the rest of the file. */
export const conflict = (path: Path, detail: string, remedy?: string): Problem => ({
  code: 'config-conflict',
  path,
  detail,
  ...(remedy ? {remedy} : {}),
})
