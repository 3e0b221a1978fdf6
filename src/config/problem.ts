import type {FindingCode} from '../model/index.ts'

/** A place in the document, as keys and indices from the top. */
export type Path = readonly PropertyKey[]

export interface Problem {
  readonly code: FindingCode
  readonly path: Path
  readonly detail: string
  readonly remedy?: string
}
