import type {Decoded, DecodedBad, Finding, FindingCode} from '../model/index.ts'
import type {Problem} from './fields.ts'

/** The record under decode: what every answer carries. */
export interface Place {
  readonly key: string
  readonly modRevision: number
  /** For findings: `datastore NAME`, `export SITE`, `file NAME`. */
  readonly source: string
  /** The kind that the key names, once that is known. */
  readonly kind?: string
}

export function toFinding(place: Place, problem: Problem): Finding {
  const {source, key} = place
  const where = problem.path === '' ? {source, key} : {source, key, field: problem.path}
  return {code: problem.code, severity: problem.severity, where, detail: problem.detail}
}

export function bad(
  place: Place,
  code: FindingCode,
  detail: string,
  severity: Finding['severity'] = 'error',
): DecodedBad {
  const where = {source: place.source, key: place.key}
  return badWith(place, [{code, severity, where, detail}])
}

export function badWith(place: Place, findings: readonly Finding[], standIn: DecodedBad['standIn'] = null): DecodedBad {
  return {type: 'bad', key: place.key, modRevision: place.modRevision, kind: place.kind ?? null, findings, standIn}
}

export function ignored(place: Place, kind: string): Decoded {
  return {type: 'ignored', kind, key: place.key, modRevision: place.modRevision, findings: []}
}

/** What was built, unless an error was noted on the way: then the record is refused, and `standIn` may stand in. */
export function finished<T extends Decoded>(
  place: Place,
  problems: readonly Problem[],
  build: (findings: readonly Finding[]) => T,
  standIn: () => DecodedBad['standIn'] = () => null,
): T | DecodedBad {
  const findings = problems.map((problem) => toFinding(place, problem))
  return problems.some((problem) => problem.severity === 'error')
    ? badWith(place, findings, standIn())
    : build(findings)
}
