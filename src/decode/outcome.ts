import {brief, type Decoded, type DecodedBad, type Finding, type FindingCode} from '../model/index.ts'
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

/** So many faults of one record are named. */
const NAMED = 20

/** What is wrong with a record, errors first where there is more than can be named. */
export function findingsOf(place: Place, problems: readonly Problem[]): Finding[] {
  if (problems.length <= NAMED) return problems.map((problem) => toFinding(place, problem))
  const isError = ({severity}: Problem): boolean => severity === 'error'
  const sorted = [...problems.filter(isError), ...problems.filter((problem) => !isError(problem))]
  const [next] = sorted.slice(NAMED)
  const more = {...next!, path: '', detail: `${problems.length - NAMED} more faults in this record`}
  return [...sorted.slice(0, NAMED), more].map((problem) => toFinding(place, problem))
}

function toFinding(place: Place, problem: Problem): Finding {
  const {source, key} = whereIn(place)
  const where = problem.path === '' ? {source, key} : {source, key, field: brief(problem.path)}
  return {code: problem.code, severity: problem.severity, where, detail: brief(problem.detail)}
}

const whereIn = ({source, key}: Place): {source: string; key: string} => ({source, key: brief(key)})

export function bad(
  place: Place,
  code: FindingCode,
  detail: string,
  severity: Finding['severity'] = 'error',
): DecodedBad {
  return badWith(place, [{code, severity, where: whereIn(place), detail: brief(detail)}])
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
  const findings = findingsOf(place, problems)
  return problems.some((problem) => problem.severity === 'error')
    ? badWith(place, findings, standIn())
    : build(findings)
}
