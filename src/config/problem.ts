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
