import {type Finding, formatFinding} from '../model/index.ts'

/** What one check looked at and what it found. No findings: all that it looks at is in order. */
export interface CheckReport {
  readonly check: string
  /** What was seen, in the order in which it was looked at, a line each: the proof of a finding, and of none. */
  readonly evidence: readonly string[]
  /** Each with its remedy, where there is one. */
  readonly findings: readonly Finding[]
  /** Why the check could not look, where the gateway that it asks does not answer; null: it did. */
  readonly unreachable: string | null
  /** Codes that were found too and may be the cause: they are to be mended first. */
  readonly mayFollowFrom?: readonly string[]
}

/**
 * What a command answers for these checks, in the words of the CLI's exit status: `finding` if one of them found
 * something that is more than information, else `unreachable` if one could not look.
 */
export function summaryOf(reports: readonly CheckReport[]): 'fine' | 'finding' | 'unreachable' {
  if (reports.some(({findings}) => findings.some(({severity}) => severity !== 'info'))) return 'finding'
  return reports.some(({unreachable}) => unreachable !== null) ? 'unreachable' : 'fine'
}

export const isTrouble = ({findings, unreachable}: CheckReport): boolean => unreachable !== null || findings.length > 0

/** For people: `ok CHECK`, `!! CHECK` (something is wrong) or `-- CHECK` (not looked at), below it evidence and findings. */
export function formatReport({check, evidence, findings, unreachable, mayFollowFrom = []}: CheckReport): string {
  const causes = mayFollowFrom.length === 0 ? [] : [`may come of ${mayFollowFrom.join(', ')}: mend that first`]
  const lines = [...evidence, ...findings.map(formatFinding), ...causes].map((line) => `   ${line}`)
  if (unreachable !== null) return [`-- ${check}: not looked at: ${unreachable}`, ...lines].join('\n')
  return [`${findings.some(({severity}) => severity !== 'info') ? '!!' : 'ok'} ${check}`, ...lines].join('\n')
}
