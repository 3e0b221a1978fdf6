import {type GatewayStatus, type GatewayView, type NftStatus, type RunningApi, VERSION} from '../api/index.ts'
import type {Finding} from '../model/index.ts'
import {nodeOfCounter} from '../plan/index.ts'
import type {Configuration} from './configuration.ts'
import {createConsoleView} from './console-view.ts'
import {fastPathNow, type KernelDrivers} from './kernel-drivers.ts'
import {policyRows} from './policy-rows.ts'
import {reachTo} from './reach.ts'
import {rowsOf} from './rows.ts'
import type {Runtime} from './runtime.ts'
import {datastoreRows, exportStatus, sessionRows, siteRows, tunnelRows} from './summaries.ts'
import {traceFlow} from './trace-flow.ts'
import type {TunnelSeriesKeeper} from './tunnel-series.ts'
import {createWatched} from './watched.ts'
import {whyNot} from './why-not.ts'

export interface ViewOptions {
  readonly runtime: () => Runtime
  readonly kernel: KernelDrivers
  readonly startedAt: Date
  readonly nowMs: () => number
  readonly configuration: Configuration
  /** Of the API itself. */
  readonly apiFindings: () => readonly Finding[]
  readonly series: TunnelSeriesKeeper
  readonly metrics: () => Promise<{contentType: string; text: string}>
}

/** What the API reads, from the runtime of the moment. Drop counters are as of the last look, at most a second old. */
export function createView(options: ViewOptions): GatewayView & {refresh(): Promise<void>} {
  const {runtime, kernel, startedAt, nowMs} = options
  let drops: NftStatus['drops'] = []

  function nftStatus(current: Runtime): NftStatus {
    const statistics = current.compiled()?.statistics
    return {
      classes: statistics?.classes ?? 0,
      verdictEntries: statistics?.verdictEntries ?? 0,
      chains: statistics?.chains ?? 0,
      generation: current.last()?.held === false ? kernel.nft.generation() : null,
      drops,
      fastPath: fastPathNow(kernel),
    }
  }

  const findings = (): readonly Finding[] => [
    ...options.configuration.findings(),
    ...options.apiFindings(),
    ...runtime().findings(),
  ]

  function status(): GatewayStatus {
    const current = runtime()
    const last = current.last()
    const unpublished = current.lastPublish()?.failures ?? []
    const {totals, config} = current
    const waiting = current.sources.ids.filter((id) => {
      const source = current.world().sources.get(id)
      return !source?.synced
    })
    const ready = last !== null && !last.held
    return {
      site: config.site,
      gateway: config.gateway,
      version: VERSION,
      startedAt: startedAt.toISOString(),
      ready,
      waitingFor: ready ? null : waiting.length > 0 ? waiting.join(', ') : 'the first pass',
      drainingSince: current.drain.since(),
      tunnels: tunnelRows(current),
      sessions: sessionRows(current),
      datastores: datastoreRows(current, nowMs()),
      sites: siteRows(current),
      policies: [...policyRows(current.world(), current.counts.totals)],
      findings: findings(),
      reconcile: {
        lastSuccess: totals.lastSuccessMs === null ? null : new Date(totals.lastSuccessMs).toISOString(),
        durationMs: last?.durationMs ?? null,
        passes: totals.passes,
        errors: totals.errors,
        dirty: (last?.dirty ?? true) || unpublished.length > 0,
        lastErrors: [
          ...[...(last?.failures ?? []), ...unpublished].map(({step, code, cause}) => `${step}: ${code}: ${cause}`),
          ...[...(last?.unread ?? [])].map(([part, cause]) => `${part} could not be read: ${cause}`),
        ],
      },
      export: exportStatus(current),
      nft: nftStatus(current),
    }
  }

  return {
    status,
    // Also what the configuration and the API find, as in the status.
    get: (kind, meant = {}) => rowsOf({...runtime(), findings}, kind, meant, nowMs()),
    whyNot: (prefix) => whyNot(runtime(), prefix),
    reach: (address) => reachTo(runtime(), address),
    watched: createWatched({runtime, configuration: options.configuration, findings, nowMs}),
    trace: (flow, stations = false) => traceFlow(runtime(), flow, stations),
    reload: options.configuration.reload,
    configuration: options.configuration.control,
    console: createConsoleView({
      runtime,
      series: options.series,
      prometheus: () => runtime().config.prometheus ?? null,
    }),
    drain: (on) => runtime().drain.set(on),
    async rotateKeys(name) {
      const {config, carriers, world} = runtime()
      const site = [...config.sites.keys()].find((known) => known === name) ?? null
      if (name !== null && site === null) {
        return {ok: false, problem: `no site ${name}; there is ${[...config.sites.keys()].join(', ')}`}
      }
      return {ok: true, tunnels: await carriers.renew(site, world().sites)}
    },
    metrics: options.metrics,
    async refresh() {
      const counters = await kernel.nft.readCounters()
      drops = [...counters]
        .filter(([counter]) => nodeOfCounter(counter) === null)
        .map(([reason, {packets}]) => ({reason, packets}))
        .sort((a, b) => (a.reason < b.reason ? -1 : 1))
    },
  }
}

/** What listens on TCP does not, as configured: the gateway works, but nobody comes in that way. */
export function apiFindings(api: Pick<RunningApi, 'tlsProblem' | 'metricsProblem'> | null): readonly Finding[] {
  const found = (field: string, detail: string | null, what: string): readonly Finding[] => {
    const remedy = `mend ${what}; it is tried again every few seconds`
    const where = {source: 'api', field}
    return detail === null ? [] : [{code: 'api-not-listening', severity: 'warning', where, detail, remedy}]
  }
  return [
    ...found('api', api?.tlsProblem() ?? null, '`api.listen` or the files of `api.tls`'),
    ...found('metrics', api?.metricsProblem() ?? null, '`metrics.listen`'),
  ]
}
