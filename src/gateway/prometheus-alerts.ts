import type {AlertsAnswer, FiringAlert} from '../api/index.ts'

/** A console that waits longer for it shows the rest. */
const TIMEOUT_MS = 3_000
/** Many consoles ask at the same time; Prometheus evaluates its rules no more often. */
const KEPT_MS = 10_000
const MOST_ALERTS = 500
const MOST_BYTES = 4_000_000

const NONE: AlertsAnswer = {prometheus: 'none', problem: null, firing: []}

export interface PrometheusOptions {
  /** null: none is configured. */
  readonly url: () => string | null
  readonly nowMs: () => number
  readonly ask?: typeof fetch
}

/** Which alerts fire, by Prometheus' own word: the gateway asks, never a browser, and what it says is kept for a moment. */
export function createPrometheusAlerts({url, nowMs, ask = fetch}: PrometheusOptions): () => Promise<AlertsAnswer> {
  let kept: {readonly of: string; readonly untilMs: number; readonly answer: Promise<AlertsAnswer>} | null = null
  return () => {
    const of = url()
    if (of === null) return Promise.resolve(NONE)
    if (!kept || kept.of !== of || nowMs() >= kept.untilMs) {
      kept = {of, untilMs: nowMs() + KEPT_MS, answer: askAlerts(of, ask)}
    }
    return kept.answer
  }
}

async function askAlerts(url: string, ask: typeof fetch): Promise<AlertsAnswer> {
  const failed = (problem: string): AlertsAnswer => ({prometheus: 'failed', problem, firing: []})
  try {
    const answer = await ask(`${url.replace(/\/$/, '')}/api/v1/alerts`, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: 'error',
    })
    if (!answer.ok) return failed(`Prometheus answered with status ${answer.status}`)
    const text = await answer.text()
    if (text.length > MOST_BYTES) return failed('Prometheus answered with more than can be shown')
    return {prometheus: 'answered', problem: null, firing: alertsOf(JSON.parse(text))}
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return failed(
      error.name === 'TimeoutError' ? 'Prometheus did not answer in time' : `Prometheus: ${reasonOf(error)}`,
    )
  }
}

const reasonOf = (error: Error): string => (error.cause instanceof Error ? error.cause.message : error.message)

/** What is not an alert as Prometheus writes it is left out: its answer is not ours to trust. */
export function alertsOf(body: unknown): FiringAlert[] {
  const {alerts} = recordOf(recordOf(body).data)
  if (!Array.isArray(alerts)) return []
  const firing = alerts.map(recordOf).flatMap(({labels, annotations, state, activeAt}): FiringAlert[] => {
    if (state !== 'firing' && state !== 'pending') return []
    const {alertname: name = '', severity = '', ...others} = textsOf(labels)
    const {summary = ''} = textsOf(annotations)
    return [{name, state, severity, summary, labels: others, since: typeof activeAt === 'string' ? activeAt : null}]
  })
  const rank = ({state, severity}: FiringAlert): number =>
    (state === 'firing' ? 0 : 10) + Math.max(0, ['critical', 'warning', 'info'].indexOf(severity))
  return firing.sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1)).slice(0, MOST_ALERTS)
}

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}

const textsOf = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(recordOf(value)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
