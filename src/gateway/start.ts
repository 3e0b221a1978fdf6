import {randomInt} from 'node:crypto'
import {readFile} from 'node:fs/promises'
import {join} from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import type {Logger} from 'pino'
import {Registry} from 'prom-client'
import {type ReloadResult, startApi} from '../api/index.ts'
import {createNetlinkDriver, createNftDriver, createWireguardDriver, generationHalf} from '../apply/index.ts'
import {parseGatewayConfig} from '../config/index.ts'
import {createSourceMetrics, type WatchClock} from '../etcd/index.ts'
import {type Finding, formatFinding, type GatewayConfig, type SiteName} from '../model/index.ts'
import {
  createBirdMetrics,
  createTunnelReader,
  readConntrack,
  registerConntrackMetrics,
  registerTunnelMetrics,
} from '../observe/index.ts'
import {registerProbeMetrics} from '../probe/index.ts'
import {createGatewayMetrics} from './metrics.ts'
import {tunnelUp} from './monitor.ts'
import {createPolicyCounts} from './policy-counts.ts'
import {type KernelDrivers, type Runtime, startRuntime} from './runtime.ts'
import {probeSamples} from './summaries.ts'
import {createView} from './view.ts'

export interface GatewayOptions {
  readonly configFile: string
  readonly log: Logger
}

export interface RunningGateway {
  reload(): Promise<ReloadResult>
  stop(): Promise<void>
}

/** The configuration cannot be used; `findings` has every reason. */
export class ConfigRefused extends Error {
  readonly findings: readonly Finding[]
  constructor(findings: readonly Finding[]) {
    super(findings.map(formatFinding).join('\n'))
    this.findings = findings
  }
}

const clock: WatchClock = {
  nowMs: () => performance.now(),
  // An aborted sleep is one that ended early.
  sleep: (ms, signal) => delay(ms, undefined, {signal}).catch(() => undefined),
  random: Math.random,
}

/** Class numbers of this process: far from those that an earlier one left in the kernel. */
const firstClass = (): number => randomInt(1, 0x7000_0000)

async function readConfig(file: string): Promise<{config: GatewayConfig | null; findings: readonly Finding[]}> {
  try {
    return parseGatewayConfig(await readFile(file, 'utf8'), file)
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    return {
      config: null,
      findings: [{code: 'config-unreadable', severity: 'error', where: {source: `config ${file}`}, detail}],
    }
  }
}

/** Starts the daemon. Throws `ConfigRefused`, or what keeps the API from listening; nothing else ends it. */
export async function startGateway({configFile, log}: GatewayOptions): Promise<RunningGateway> {
  const {config, findings} = await readConfig(configFile)
  if (!config) throw new ConfigRefused(findings)
  const startedAt = new Date()
  let inForce = config
  const kernel: KernelDrivers = {
    netlink: createNetlinkDriver(),
    nft: createNftDriver({half: () => generationHalf(inForce)}),
    wireguard: createWireguardDriver(),
    tunnels: createTunnelReader(),
  }
  const counts = createPolicyCounts({
    source: kernel.nft,
    clock,
    onError: (error) => log.warn({err: error}, 'policy counters not taken'),
  })
  const start = (wanted: GatewayConfig, before: Runtime | null): Promise<Runtime> =>
    startRuntime({
      config: wanted,
      kernel,
      counts,
      previous: before?.compiled() ?? null,
      firstClass: firstClass(),
      clock,
      log,
    })
  let runtime = await start(config, null)

  let refused: readonly Finding[] = []
  // One reload at a time: the second begins from what the first left.
  let reloading: Promise<unknown> = Promise.resolve()
  const reload = (): Promise<ReloadResult> => {
    const next = reloading.then(async (): Promise<ReloadResult> => {
      const read = await readConfig(configFile)
      for (const finding of read.findings) log.error({code: finding.code}, formatFinding(finding))
      refused = read.config ? [] : read.findings
      if (!read.config) {
        log.error('configuration refused; the old one stays in force')
        return {ok: false, findings: read.findings}
      }
      const before = runtime
      await before.stop()
      inForce = read.config
      // Another twin may mean another half of the generation's numbers, which a full read puts right.
      if (read.config.twin !== before.config.twin) kernel.nft.distrust()
      runtime = await start(read.config, before)
      log.info('configuration reloaded')
      return {ok: true, findings: read.findings}
    })
    reloading = next.catch((error) => log.error({err: error}, 'reload failed'))
    return next
  }

  const metrics = createMetrics(() => runtime, kernel)
  const view = createView({
    runtime: () => runtime,
    kernel,
    startedAt,
    nowMs: () => clock.nowMs(),
    reload,
    refused: () => refused,
    metrics,
  })
  const stopping = new AbortController()
  const refreshing = (async () => {
    while (!stopping.signal.aborted) {
      await view.refresh().catch((error) => log.warn({err: error}, 'drop counters not read'))
      await clock.sleep(1000, stopping.signal)
    }
  })()
  const api = await startApi({
    view,
    socketPath: join(config.paths.run, 'api.sock'),
    metrics: config.metrics,
    onError: (error, request) => log.error({err: error, request}, 'request failed'),
  })
  log.info({site: config.site, gateway: config.gateway}, 'started')

  return {
    reload,
    async stop() {
      stopping.abort()
      await Promise.all([api.close(), runtime.stop(), refreshing])
      kernel.netlink.close()
      kernel.tunnels.close()
      kernel.wireguard.close()
      await kernel.nft.close()
      log.info('stopped; what was made stays in force')
    },
  }
}

/** Declares every metric once for the life of the process, filled from the runtime of the moment at each scrape. */
function createMetrics(
  runtime: () => Runtime,
  kernel: KernelDrivers,
): () => Promise<{contentType: string; text: string}> {
  const register = new Registry()
  const ownMetrics = createGatewayMetrics(register)
  const sourceMetrics = createSourceMetrics(register)
  const birdMetrics = createBirdMetrics(register)
  registerConntrackMetrics([register], readConntrack)
  registerTunnelMetrics([register], async () => {
    const {last, monitor} = runtime()
    return (last()?.planned?.desired.tunnels ?? []).map((tunnel) => ({
      id: tunnel.id,
      site: tunnel.site as SiteName,
      encapsulation: tunnel.encapsulation,
      up: tunnelUp(tunnel, monitor),
      counters: monitor.counters().get(tunnel.device) ?? null,
    }))
  })
  registerProbeMetrics([register], () => probeSamples(runtime()))
  return async () => {
    const current = runtime()
    const held = current.last()?.held === false
    ownMetrics.observe(current, await kernel.nft.readCounters(), held ? kernel.nft.generation() : null)
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
