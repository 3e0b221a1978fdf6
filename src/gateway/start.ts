import {randomInt} from 'node:crypto'
import {join} from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import type {Logger} from 'pino'
import {Registry} from 'prom-client'
import {type ReloadResult, type RunningApi, startApi} from '../api/index.ts'
import {createSourceMetrics, type WatchClock} from '../etcd/index.ts'
import type {GatewayConfig, SiteName} from '../model/index.ts'
import {
  createBirdMetrics,
  readConntrack,
  readKernelMartians,
  readSoftirqSeconds,
  registerConntrackMetrics,
  registerFastPathMetrics,
  registerMartianMetric,
  registerSoftirqMetric,
  registerTunnelMetrics,
} from '../observe/index.ts'
import {registerProbeMetrics} from '../probe/index.ts'
import {openAuditLog} from '../store/index.ts'
import {createAudit} from './audit.ts'
import {changeOver} from './change-over.ts'
import {every} from './clock.ts'
import {type Configuration, openConfiguration} from './configuration.ts'
import {createForgetting} from './forget-unnamed.ts'
import {closeKernelDrivers, fastPathNow, type KernelDrivers, openKernelDrivers} from './kernel-drivers.ts'
import {createGatewayMetrics, type GatewayMetrics} from './metrics.ts'
import {tunnelUp} from './monitor.ts'
import {createPolicyCounts} from './policy-counts.ts'
import {type Runtime, startRuntime} from './runtime.ts'
import {probeSamples, tunnelRows} from './summaries.ts'
import {createTunnelSeries} from './tunnel-series.ts'
import {apiFindings, createView} from './view.ts'

export interface GatewayOptions {
  readonly configFile: string
  readonly log: Logger
}

export interface RunningGateway {
  reload(): Promise<ReloadResult>
  stop(): Promise<void>
}

const clock: WatchClock = {
  nowMs: () => performance.now(),
  // An aborted sleep is one that ended early.
  sleep: (ms, signal) => delay(ms, undefined, {signal}).catch(() => undefined),
  random: Math.random,
}

/** How often tunnels are looked at for the plots of the console. */
const SAMPLE_MS = 5000

/** Class numbers of this process: far from those that an earlier one left in the kernel. */
const firstClass = (): number => randomInt(1, 0x7000_0000)

/** Starts the daemon. Throws `ConfigRefused`, or what keeps the API from listening; nothing else ends it. */
export async function startGateway({configFile, log}: GatewayOptions): Promise<RunningGateway> {
  const isPending = (): boolean => configuration.control.history().pending !== null
  const configuration = await openConfiguration({file: configFile, clock, log, put: (wanted) => put(wanted)})
  const {config} = configuration
  const startedAt = new Date()
  let inForce = config
  const kernel = openKernelDrivers(() => inForce)
  if (kernel.fastPath.missing !== null) log.info({reason: kernel.fastPath.missing}, 'no fast path here')
  const counts = createPolicyCounts({
    source: kernel.nft,
    clock,
    onError: (error) => log.warn({err: error}, 'policy counters not taken'),
  })
  const register = new Registry()
  const ownMetrics = createGatewayMetrics(register)
  const start = (wanted: GatewayConfig, before: Runtime | null): Promise<Runtime> =>
    startRuntime({
      config: wanted,
      kernel,
      counts,
      applied: ownMetrics.applied,
      previous: before?.compiled() ?? null,
      firstClass: firstClass(),
      ...{isPending, clock, log},
    })
  const forget = createForgetting(isPending, log)
  await forget(config)
  let api: RunningApi | null = null
  let runtime: Runtime
  runtime = await start(config, null)

  const stopping = new AbortController()
  const put = async (wanted: GatewayConfig): Promise<void> => {
    const before = runtime
    const {state, run} = before.config.paths
    if (wanted.paths.state !== state || wanted.paths.run !== run) {
      // Its keys, its history and its API are where they are.
      throw new Error('another paths.state or paths.run needs a restart')
    }
    const begin = (config: GatewayConfig, isSure: boolean): Promise<Runtime> => {
      inForce = config
      // Another twin may mean another half of the generation's numbers, which a full read puts right.
      if (!isSure) kernel.nft.distrust()
      return start(config, before)
    }
    const {runtime: next, failure} = await changeOver({
      before,
      startWanted: () => begin(wanted, wanted.twin === before.config.twin),
      startBefore: () => begin(before.config, false),
      ...{clock, signal: stopping.signal},
      onError: (what, error) => log.error({err: error}, what),
    })
    runtime = next
    if (failure) throw failure.cause
    // They come when they can, and say of themselves why not.
    await api?.listenOn(wanted.api ?? null)
    await api?.metricsOn(wanted.metrics)
  }

  const series = createTunnelSeries()
  const ofConfiguration = {
    control: configuration.control,
    findings: () => [...configuration.findings(), ...apiFindings(api)],
  }
  const metrics = createMetrics({
    ...{register, ownMetrics, configuration: ofConfiguration, runtime: () => runtime, kernel},
  })
  const view = createView({
    runtime: () => runtime,
    kernel,
    startedAt,
    nowMs: () => clock.nowMs(),
    configuration,
    apiFindings: () => apiFindings(api),
    series,
    metrics,
  })
  const sampling = every(SAMPLE_MS, () => series.take(tunnelRows(runtime), Date.now()), clock, stopping.signal)
  ownMetrics.ofProcess.watchLoop(stopping.signal)
  const refreshing = (async () => {
    while (!stopping.signal.aborted) {
      await view.refresh().catch((error) => log.warn({err: error}, 'drop counters not read'))
      await clock.sleep(1000, stopping.signal)
    }
  })()
  const audit = createAudit({
    ...{log: await openAuditLog(config.paths.state), configuration, wallIso: () => new Date().toISOString()},
    onError: (error) => log.error({err: error}, 'audit log not written'),
  })
  const auditing = every(1000, () => void audit.look(), clock, stopping.signal)
  const forgetting = every(1000, () => void forget(runtime.config), clock, stopping.signal)
  api = await startApi({
    view,
    audit,
    listen: inForce.api ?? null,
    socketPath: join(config.paths.run, 'api.sock'),
    metrics: inForce.metrics,
    // Beside the bundle; a daemon that runs from its sources has none.
    consoleFolder: join(import.meta.dirname, 'console'),
    onError: (error, request) => log.error({err: error, request}, 'request failed'),
  })
  const following = configuration.follow(stopping.signal)
  log.info({site: config.site, gateway: config.gateway}, 'started')

  return {
    reload: configuration.reload,
    async stop() {
      stopping.abort()
      // What it is in the middle of may start a runtime.
      await following
      await Promise.all([api?.close(), runtime.stop(), refreshing, auditing, sampling, forgetting])
      await closeKernelDrivers(kernel)
      log.info('stopped; what was made stays in force')
    },
  }
}

interface MetricsOptions {
  readonly register: Registry
  readonly ownMetrics: GatewayMetrics
  /** Its findings with those of the API. */
  readonly configuration: Pick<Configuration, 'control' | 'findings'>
  readonly runtime: () => Runtime
  readonly kernel: KernelDrivers
}

/** Declares every metric once for the life of the process, filled from the runtime of the moment at each scrape. */
function createMetrics({
  register,
  ownMetrics,
  configuration,
  runtime,
  kernel,
}: MetricsOptions): () => Promise<{contentType: string; text: string}> {
  const sourceMetrics = createSourceMetrics(register)
  const birdMetrics = createBirdMetrics(register)
  registerConntrackMetrics([register], readConntrack)
  registerFastPathMetrics([register], () => fastPathNow(kernel))
  registerMartianMetric([register], readKernelMartians)
  registerSoftirqMetric([register], readSoftirqSeconds)
  registerTunnelMetrics([register], async () => {
    const {config, last, monitor, heldSessions, keys} = runtime()
    const made = new Map([...keys().values()].map(({publicKey, madeMs}) => [publicKey, madeMs / 1000]))
    const keyOf = new Map(last()?.planned?.desired.wireguard.map(({device, publicKey}) => [device, publicKey]))
    return (last()?.planned?.desired.tunnels ?? []).map((tunnel, index, all) => ({
      id: tunnel.id,
      site: tunnel.site as SiteName,
      encapsulation: tunnel.encapsulation,
      up: tunnelUp(tunnel, monitor),
      heldDown: (config.sites.get(tunnel.site)?.holdDown && heldSessions.held().has(tunnel.session)) ?? false,
      keyMadeSeconds: made.get(keyOf.get(tunnel.device)!) ?? null,
      // Of a device that bears both families once, with its first tunnel.
      counters: all[index - 1]?.device === tunnel.device ? null : (monitor.counters().get(tunnel.device) ?? null),
    }))
  })
  registerProbeMetrics([register], () => probeSamples(runtime()))
  return async () => {
    const current = runtime()
    const held = current.last()?.held === false
    const counters = await kernel.nft.readCounters()
    ownMetrics.observe(current, configuration, counters, held ? kernel.nft.generation() : null)
    const known = current.world().sources
    for (const [source, state] of current.sources.states()) {
      const {keys, decodeErrors} = known.get(source) ?? {keys: 0, decodeErrors: 0}
      sourceMetrics.observe(source, state, {nowMs: clock.nowMs(), keys, decodeErrors})
    }
    const router = current.monitor.router()
    if (router) birdMetrics.set(router)
    return {contentType: register.contentType, text: await register.metrics()}
  }
}
