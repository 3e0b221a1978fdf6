import {EXIT, type ExitStatus} from '../context.ts'

/** One check of the joined sites, with its proof. */
export interface Proof {
  readonly site: string
  readonly check: string
  /** `skipped`: there is nothing of that sort to look at; `unknown`: it could not be looked at. */
  readonly result: 'ok' | 'failed' | 'skipped' | 'unknown'
  /** What was seen, a line each; of what was not looked at: why. */
  readonly evidence: readonly string[]
  /** What to do or to look at next; null: nothing. */
  readonly next: string | null
}

/** What fails counts more than what could not be looked at; that nothing at all was proven is no success either. */
export function statusOf(proofs: readonly Proof[]): ExitStatus {
  if (proofs.some(({result}) => result === 'failed')) return EXIT.finding
  return proofs.some(({result}) => result === 'unknown') || proofs.length === 0 ? EXIT.unreachable : EXIT.fine
}

const WORDS = {ok: 'ok', failed: 'no', skipped: '--', unknown: '--'} as const

/** `ok b datastore: …`; below a check that does not hold what to do next. */
export function proofLines({site, check, result, evidence, next}: Proof, paint: (word: string) => string): string[] {
  const not = result === 'skipped' || result === 'unknown' ? 'not looked at: ' : ''
  const [first = '', ...more] = evidence
  return [
    `${paint(WORDS[result])} ${site} ${check}: ${not}${first}`,
    ...more.map((line) => `      ${line}`),
    ...(next !== null ? [`      next: ${next}`] : []),
  ]
}
