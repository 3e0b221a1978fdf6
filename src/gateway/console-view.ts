import type {ConsoleView} from '../api/index.ts'
import {policyMatrix, policyPair} from './policy-answers.ts'
import {policyDiff, policyText} from './policy-what-if.ts'
import {createPrometheusAlerts} from './prometheus-alerts.ts'
import type {Runtime} from './runtime.ts'
import type {TunnelSeriesKeeper} from './tunnel-series.ts'

export interface ConsoleViewOptions {
  readonly runtime: () => Runtime
  readonly series: TunnelSeriesKeeper
  readonly prometheus: () => string | null
}

/** What the console asks for beside the tables, from the runtime of the moment. */
export function createConsoleView({runtime, series, prometheus}: ConsoleViewOptions): ConsoleView {
  return {
    series: (tunnel, minutes) => series.read(tunnel, minutes, Date.now()),
    policyMatrix: (by) => policyMatrix(runtime(), by),
    policyPair: (by, from, to) => policyPair(runtime(), by, from, to),
    policyText: (name) => policyText(runtime(), name),
    policyDiff: (text, deleted) => policyDiff(runtime().world(), runtime().config.default, text, deleted),
    alerts: createPrometheusAlerts({url: prometheus, nowMs: Date.now}),
  }
}
