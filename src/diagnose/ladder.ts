import type {Finding, FindingCode} from '../model/index.ts'
import type {Check} from './check.ts'
import {CHECKS, OTHERS_FOLLOW} from './checks/index.ts'
import type {Facts} from './facts.ts'
import type {CheckReport} from './report.ts'

/** Every check of these, in the order of `CHECKS`. */
export const judgeFacts = (facts: Facts, checks: readonly Check[] = CHECKS): CheckReport[] =>
  checks.map((check) => reportOf(check, facts))

function reportOf({code, judge}: Check, facts: Facts): CheckReport {
  const judged = judge(facts)
  if ('notLooked' in judged) return {check: code, evidence: [], findings: [], unreachable: judged.notLooked}
  const findings = judged.found.map((found): Finding => ({code, ...found}))
  return {check: code, evidence: judged.evidence, findings, unreachable: null}
}

/** What the gateway itself finds, but for what is told already: the same code of the same place. */
export function relayFindings(gateway: Facts['gateway'], told: readonly CheckReport[]): CheckReport {
  const check = 'gateway'
  if (!gateway.ok) return {check, evidence: [], findings: [], unreachable: gateway.why}
  const known = new Set(told.flatMap(({findings}) => findings.map(placeOf)))
  const findings = gateway.value.findings.filter((finding) => !known.has(placeOf(finding)))
  return {check, evidence: [`${gateway.value.findings.length} findings of its own`], findings, unreachable: null}
}

const placeOf = ({code, where: {source, key, field}}: Finding): string => JSON.stringify([code, source, key, field])

/** All that may bring a code along, the causes of causes too. */
export function causesOf(code: FindingCode, checks: readonly Check[] = CHECKS): ReadonlySet<FindingCode> {
  const causes = new Set<FindingCode>()
  const add = (one: FindingCode): void => {
    for (const cause of checks.find((check) => check.code === one)?.follows ?? OTHERS_FOLLOW[one] ?? []) {
      if (causes.has(cause)) continue
      causes.add(cause)
      add(cause)
    }
  }
  add(code)
  causes.delete(code)
  return causes
}

/** Says of each report with findings which others of these may be its cause. */
export function withCauses(reports: readonly CheckReport[], checks: readonly Check[] = CHECKS): CheckReport[] {
  const codes = new Set(reports.flatMap(({findings}) => findings.map(({code}) => code)))
  return reports.map((report) => {
    const own = new Set(report.findings.map(({code}) => code))
    const causes = new Set([...own].flatMap((code) => [...causesOf(code, checks)]))
    const found = [...causes].filter((code) => codes.has(code) && !own.has(code))
    return found.length === 0 ? report : {...report, mayFollowFrom: found}
  })
}
