import type {Logger} from 'pino'
import {type Finding, formatFinding, type Step} from '../model/index.ts'
import type {PassReport} from './pass.ts'

/** More nft steps than this in one transaction are told as one line. */
const MANY_STEPS = 8

/** One line a step, with its reason; findings when they change; failures with the driver's own words. */
export function tell(log: Logger, report: PassReport, before: PassReport | null): void {
  const failed = new Map(report.failures.map((failure) => [failure.step, failure]))
  const nft = report.steps.filter(({driver}) => driver === 'nft')
  const folded = nft.length > MANY_STEPS && !nft.some(({key}) => failed.has(key))
  if (folded) log.info({steps: nft.length, reason: nft[0]?.reason}, 'nft transaction done')
  for (const step of report.steps) {
    if (folded && step.driver === 'nft') continue
    tellStep(log, step, failed.get(step.key))
  }
  for (const [part, cause] of report.unread) log.warn({part, cause}, 'could not be read')
  tellFindings(log, report.findings, before?.findings ?? [])
}

/** Those that stay are the same objects mostly; only what is left over has to be read. */
function tellFindings(log: Logger, now: readonly Finding[], before: readonly Finding[]): void {
  const stayed = new Set(before)
  const others = now.filter((finding) => !stayed.has(finding))
  if (others.length === 0) return
  const known = new Set(before.map(formatFinding))
  for (const finding of others) {
    const text = formatFinding(finding)
    if (!known.has(text)) log.warn({code: finding.code}, text)
  }
}

export function tellStep(log: Logger, {key, reason}: Step, failure: PassReport['failures'][number] | undefined): void {
  if (failure) log.error({step: key, reason, code: failure.code, cause: failure.cause}, 'step failed')
  else log.info({step: key, reason}, 'step done')
}
