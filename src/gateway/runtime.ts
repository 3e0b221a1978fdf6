import type {Logger} from 'pino'
import {createBirdDriver, createSysctlDriver} from '../apply/index.ts'
import type {WatchClock} from '../etcd/index.ts'
import {LocalRecords, localDatastores, MemberRecords} from '../export/index.ts'
import {Federation} from '../federate/index.ts'
import type {Decoded, Finding, GatewayConfig, QueueSpec, SourceId, SysctlSpec, World} from '../model/index.ts'
import {planSysctls} from '../plan/index.ts'
import type {Compiled} from '../policy/index.ts'
import {createKeyStore, type StoredKey} from '../store/index.ts'
import {createActualCache} from './actual.ts'
import type {ApplyMetrics} from './apply-metrics.ts'
import type {CarrierKeeping} from './carriers.ts'
import {type Certificates, startCertificates} from './certificates.ts'
import {every, realClock} from './clock.ts'
import {createCompilation} from './compilation.ts'
import {createDeviceIndexes} from './device-indexes.ts'
import {createDrain, type Drain} from './drain.ts'
import {createGathering} from './gathering.ts'
import {createGlance} from './glance.ts'
import {createHeldSessions, type HeldSessions} from './hold-down.ts'
import type {KernelDrivers} from './kernel-drivers.ts'
import {kernelFindings} from './kernel-findings.ts'
import {type Loop, startLoop} from './loop.ts'
import {findingsOfMachine} from './machine-findings.ts'
import {createMemberCounts} from './member-counts.ts'
import {type Monitor, sitesUp, startMonitor, tunnelUp} from './monitor.ts'
import {followNews} from './news.ts'
import {nodeNatFindings} from './node-nat.ts'
import {createPass, type PassReport} from './pass.ts'
import {readPasswords} from './passwords.ts'
import {impatient} from './patience.ts'
import type {PolicyCounts} from './policy-counts.ts'
import type {PublishReport} from './publish.ts'
import {ownSynced, type Publishing, publishingOf, startPublishing} from './publishing.ts'
import {sessionFindings} from './session-findings.ts'
import {createSiteWatch, type SiteWatch} from './site-watch.ts'
import {createTurnstile} from './slices.ts'
import {type Sources, startSources} from './sources.ts'
import {startCarriers} from './start-carriers.ts'
import {sysctlMemory} from './sysctl-memory.ts'
import {tell, tellStep} from './tell.ts'
import {startTunnelHealth, type TunnelHealth} from './tunnel-health.ts'
import {createUplinkDevices, createUplinkMtus, uplinkQueues} from './uplink-devices.ts'
import {startWriteBack, type WriteBack} from './write-back.ts'

/** Rest between passes: what a storm of events costs is one pass in this time. */
const REST_MS = 5
const BACKOFF_MS = {first: 100, last: 60_000}
/** Everything is read anew and compared, even in silence. */
const RESYNC_MS = 300_000
/** What no notification tells of (settings, fou ports, WireGuard's peers, BIRD's file) is looked at this often. */
const CHECK_MS = 1000
/** What was judged is taken from the kernel this often. */
const COUNT_MS = 10_000

/** The gateway under one configuration. */
export interface Runtime {
  readonly config: GatewayConfig
  readonly sources: Sources
  readonly monitor: Monitor
  readonly tunnelHealth: Pick<TunnelHealth, 'readings'>
  readonly siteWatch: SiteWatch
  readonly counts: PolicyCounts
  readonly writeBack: Pick<WriteBack, 'rows'>
  readonly certificates: Certificates
  readonly drain: Drain
  readonly heldSessions: HeldSessions
  readonly carriers: CarrierKeeping
  /** When this gateway made the WireGuard keys of its tunnels, by the keys' names. */
  readonly keys: () => ReadonlyMap<string, StoredKey>
  readonly memberCounts: ReturnType<typeof createMemberCounts>
  world(): World
  /** Every record of a source, as it counts. */
  recordsOf(source: SourceId): Iterable<Decoded>
  compiled(): Compiled | null
  /** The last pass; null before the first. */
  last(): PassReport | null
  /** The last look at the export; null before the first. */
  lastPublish(): PublishReport | null
  readonly publishing: Pick<Publishing, 'leadership' | 'living' | 'transactions'>
  readonly totals: PassTotals
  findings(): readonly Finding[]
  trigger(): void
  /** Ends it; what it made stays. */
  stop(): Promise<void>
}

export interface PassTotals {
  passes: number
  errors: number
  lastSuccessMs: number | null
  /** Sum of all durations, for the rate. */
  secondsSum: number
}

export interface RuntimeOptions {
  readonly config: GatewayConfig
  readonly kernel: KernelDrivers
  /** Goes on from runtime to runtime. */
  readonly counts: PolicyCounts
  readonly applied: ApplyMetrics
  /** Of an earlier runtime in this process: its class numbers go on. */
  readonly previous: Compiled | null
  readonly firstClass: number
  /** Keys that it does not need are kept for the configuration before, which may come back. */
  readonly isPending: () => boolean
  readonly clock: WatchClock
  readonly log: Logger
}

export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const stopping = new AbortController()
  try {
    return await begin(options, stopping)
  } catch (error) {
    // What runs by then must not go on beside the configuration that stays in force.
    stopping.abort()
    throw error
  }
}

async function begin(options: RuntimeOptions, stopping: AbortController): Promise<Runtime> {
  const {config, kernel, counts, applied, previous, firstClass, isPending, clock, log} = options
  const {signal} = stopping
  const federation = new Federation(config)
  const members = new MemberRecords(config.site)
  const granted = federation.world().sites.get(config.site)?.granted ?? []
  const local = new LocalRecords(localDatastores(config), granted)
  const [{store: keys, findings: keyFindings}, {passwords, findings: passwordFindings}] = await Promise.all([
    createKeyStore(config.paths.state),
    readPasswords(config),
  ])

  /** Asked for again each second: at each pass it would be a good part of one. */
  let uplinks: readonly string[] | null = null
  const devicesOfUplinks = createUplinkDevices(config.uplinks)
  let queues: readonly QueueSpec[] = []
  let last: PassReport | null = null
  /** A policy has been computed from all that a start gathers. */
  let isOpen = previous !== null
  let lastPublish: PublishReport | null = null
  let loop: Loop | null = null
  let publishing: Publishing | null = null
  const trigger = (): void => loop?.trigger()
  const drain = await createDrain(config.paths.state, () => new Date().toISOString(), trigger)
  const heldSessions = createHeldSessions({nowMs: () => clock.nowMs(), wallMs: Date.now, changed: trigger})
  const totals: PassTotals = {passes: 0, errors: 0, lastSuccessMs: null, secondsSum: 0}

  const bird = createBirdDriver({configFile: config.paths.birdConfig, socket: config.paths.birdSocket, until: signal})
  const settings = (): readonly SysctlSpec[] => last?.planned?.desired.sysctls ?? planSysctls([])
  const sysctl = createSysctlDriver(settings, sysctlMemory(config.paths.state, log))
  const {fou, netlink, wireguard, nft} = kernel
  const cache = createActualCache({
    sysctl: (abort) => sysctl.read(abort),
    fou: (abort) => kernel.fou.read(abort),
    netlink: (abort) => kernel.netlink.read(abort),
    wireguard: (abort) => kernel.wireguard.read(abort),
    nft: (abort) => kernel.nft.read(abort),
    bird: impatient((abort) => bird.read(abort)),
  })

  const gate = createTurnstile()
  /** The pass's, from the moment at which it looks at the World until it is done with its members. */
  let leaveGate = (): void => undefined
  let sources: Sources | null = null
  let monitor: Monitor | null = null
  const writeBack = startWriteBack({
    ...{config, signal, log, backoffMs: BACKOFF_MS, idleMs: CHECK_MS},
    reachable: (name) => sources?.states().get(`datastore/${name}`)?.connected ?? false,
    mayWrite: (name) => publishing?.guards(name) ?? null,
  })
  const siteWatch = await createSiteWatch({
    config,
    federation,
    states: () => sources?.states() ?? new Map(),
    up: () => sitesUp(last?.planned?.desired.tunnels ?? [], monitor),
    last: () => last,
    forget: async (source) => sources?.forget(source),
    nowMs: () => clock.nowMs(),
    trigger,
    gate,
    onError: (error) => log.warn({err: error}, 'states of remote sites'),
  })
  sources = await startSources({
    config,
    federation,
    clock,
    signal,
    gate,
    onBatch: (batch, decoded) => {
      local.take(batch, decoded)
      writeBack.takeBatch(batch)
    },
    onChange: () => {
      applied.told()
      trigger()
    },
    isStarting: () => !isOpen,
    onSaveFailed: (source, error) => log.warn({source, err: error}, 'last known state not saved'),
  })

  const isGathered = createGathering({
    sources: sources.ids,
    hasFailed: (source) => Boolean(sources.states().get(source)?.lastError),
    nowMs: () => clock.nowMs(),
  })
  const compilation = createCompilation({config, firstClass, previous, isGathered, gate, trigger})
  // Before the first pass, which must not raise what an earlier run has lowered.
  const tunnelHealth = await startTunnelHealth({
    ...{state: config.paths.state, planned: () => last?.planned ?? null, clock, signal, trigger, log},
  })
  const carriers = await startCarriers({
    ...{config, keys: keys.known, last: () => last, trigger, readings: tunnelHealth.readings, clock, signal, log},
    isUp: (tunnel) => monitor !== null && tunnelUp(tunnel, monitor),
  })
  const pass = createPass({
    config,
    beforeWorld: async () => {
      await counts.beforeCompile(compilation.current, federation.world())
      leaveGate = await gate.enter()
    },
    world: () => {
      applied.taken()
      const world = federation.world()
      const changes = federation.takeMemberChanges()
      members.take(changes.others, world.attributes)
      writeBack.takeMembers(changes, world)
      compilation.noteChanges(changes)
      return world
    },
    compile: async (world, held) => {
      const policy = await applied.compile(compilation.current(), () => compilation.compile(world, held))
      isOpen ||= !policy.isShut
      leaveGate()
      return policy
    },
    keys: {...keys, drop: async (names) => (isPending() ? undefined : keys.drop(names))},
    carriers: carriers.next,
    passwords,
    draining: () => drain.since() !== null,
    held: heldSessions.held,
    uplinkDevices: () => (uplinks ??= devicesOfUplinks()),
    queues: () => {
      const now = uplinkQueues(config.uplinks)
      if (JSON.stringify(now) !== JSON.stringify(queues)) queues = now
      return queues
    },
    underlayMtus: createUplinkMtus(config.uplinks),
    fastPath: kernel.fastPath.missing === null,
    devices: createDeviceIndexes(() => clock.nowMs()),
    limits: () => tunnelHealth.limits(),
    cache,
    appliers: applied.watch({sysctl, fou, netlink, wireguard, nft, bird}),
    raiseGeneration: () => kernel.nft.raiseGeneration(),
    sources: sources.ids,
    nowMs: () => clock.nowMs(),
  })

  const runPass = async (abort: AbortSignal): Promise<boolean> => {
    totals.passes++
    try {
      const report = await pass(abort)
      tell(log, report, last)
      applied.passed(report, last)
      last = report
      void siteWatch.look()
      publishing?.trigger()
      totals.secondsSum += report.durationMs / 1000
      totals.errors += report.failures.length + report.unread.size
      if (!report.dirty) totals.lastSuccessMs = Date.now()
      return report.dirty
    } catch (error) {
      if (abort.aborted) return false
      // Never half a change and never an end: what was in force stays, and the loop comes back.
      totals.errors++
      log.error({err: error}, 'pass failed')
      cache.invalidate()
      return true
    } finally {
      leaveGate()
    }
  }
  loop = startLoop({
    clock: realClock,
    pass: runPass,
    signal,
    restMs: REST_MS,
    backoffMs: BACKOFF_MS,
    idleMs: CHECK_MS,
  })

  publishing = startPublishing({
    ...publishingOf(config),
    // As of the last pass: what it has made of the world is in the members' records too.
    wanted: () => (last?.planned && ownSynced(sources.ids, last.world) ? last.planned.desired.exported : null),
    kept: [members.records, local.records],
    clock,
    signal,
    backoffMs: BACKOFF_MS,
    idleMs: CHECK_MS,
    onReport: (report) => {
      lastPublish = report
      totals.errors += report.failures.length
      for (const step of report.steps) {
        const failure = report.failures.find((one) => one.step === step.key)
        tellStep(log, step, failure)
      }
    },
    onLeadership: ({leader, leads}) => log.info({leader, leads}, 'leadership of the export'),
  })

  const news = followNews({kernel, birdSocket: config.paths.birdSocket, cache, signal, trigger, last: () => last})
  const glance = createGlance({cache, last: () => last, signal, trigger, uplinks: devicesOfUplinks})
  const check = (): void => {
    uplinks = null
    void glance()
  }
  const checks = every(CHECK_MS, check, clock, signal)
  let nodeNat: readonly Finding[] = []
  const lookAtNodes = async (): Promise<void> => {
    const {nat} = federation.world()
    nodeNat = nat.length === 0 ? [] : nodeNatFindings(nat, await kernel.nft.readCounters())
  }
  const count = (): void => {
    void counts.take(compilation.current)
    lookAtNodes().catch((error) => log.warn({err: error}, 'counters of nodes not read'))
  }
  const counting = every(COUNT_MS, count, clock, signal)
  const resync = (): void => {
    cache.invalidate()
    publishing?.distrust()
  }
  const resyncs = every(RESYNC_MS, resync, clock, signal)
  monitor = startMonitor({
    birdSocket: config.paths.birdSocket,
    tunnels: () => last?.planned?.desired.tunnels ?? [],
    reader: kernel.tunnels,
    clock,
    signal,
    onRouter: (router) => heldSessions.look(router, last?.planned?.desired.tunnels ?? []),
    onError: (what, error) => log.warn({what, err: error}, 'not observed'),
  })
  const following = siteWatch.follow(clock, signal)
  const certificates = startCertificates({
    config,
    clock,
    wallMs: Date.now,
    signal,
    onError: (source, error) => log.warn({source, err: error}, 'certificates not looked at'),
  })

  return {
    config,
    sources,
    monitor,
    tunnelHealth,
    siteWatch,
    counts,
    writeBack,
    certificates,
    drain,
    heldSessions,
    carriers,
    keys: keys.known,
    totals,
    memberCounts: createMemberCounts(),
    world: () => federation.world(),
    recordsOf: (source) => federation.recordsOf(source),
    compiled: compilation.current,
    last: () => last,
    lastPublish: () => lastPublish,
    publishing,
    findings: () => [
      ...[
        ...keyFindings,
        ...passwordFindings,
        ...sources.findings,
        ...siteWatch.findings(),
        ...certificates.findings(),
        ...drain.findings(),
        ...carriers.findings(),
        ...kernelFindings(last),
        ...findingsOfMachine(config),
        ...sessionFindings(monitor?.router() ?? null),
        ...nodeNat,
      ],
      ...[...(last?.findings ?? []), ...(publishing?.findings() ?? []), ...writeBack.findings()],
      ...tunnelHealth.findings(),
    ],
    trigger,
    async stop() {
      stopping.abort()
      news.stop()
      const ends = [loop.done, sources.done, monitor.done, certificates.done, news.done, checks, resyncs, counting]
      await Promise.all([...ends, following, carriers.done, publishing?.done, writeBack.done, tunnelHealth.done])
    },
  }
}
