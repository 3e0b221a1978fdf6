import {totalmem} from 'node:os'
import {setTimeout as delay} from 'node:timers/promises'
import {diff, diffNft, foreignQueues} from '../diff/index.ts'
import {
  type ActualNft,
  DRAIN_MS,
  type DriverName,
  type Finding,
  type GatewayConfig,
  type NftTable,
  type NodeStep,
  type Outcome,
  type QueueSpec,
  type SiteName,
  type SourceId,
  type World,
} from '../model/index.ts'
import {createPlan, type PlanInput, type Planned} from '../plan/index.ts'
import type {ActualCache} from './actual.ts'
import {mayRunFirst} from './first-pass.ts'
import {type Appliers, applySteps} from './reconcile.ts'

export interface PassDeps {
  readonly config: GatewayConfig
  /** What must be done while the last policy is still in force, before the world is looked at. */
  readonly beforeWorld?: () => Promise<void>
  readonly world: () => World
  /** `held`: what the kernel has of the ruleset, whose class numbers a start goes on with. */
  readonly compile: (world: World, held: ActualNft | null) => PlanInput['policy'] | Promise<PlanInput['policy']>
  readonly keys: {
    readonly known: () => PlanInput['keys']
    readonly make: (names: readonly string[]) => Promise<readonly Finding[]>
    readonly drop: (names: readonly string[]) => Promise<void>
  }
  /** The same object as long as it says the same. */
  readonly carriers: (sites: World['sites']) => Promise<NonNullable<PlanInput['carriers']>>
  readonly passwords: ReadonlyMap<string, string>
  readonly draining: () => boolean
  /** The same object as long as it says the same. */
  readonly held?: () => ReadonlySet<string>
  readonly uplinkDevices: () => readonly string[]
  /** By uplink; the same object as long as it says the same. */
  readonly underlayMtus?: () => ReadonlyMap<string, number>
  /** The same object as long as it says the same. */
  readonly queues?: () => readonly QueueSpec[]
  /** The machine has a fast path (apply/fast-path). */
  readonly fastPath?: boolean
  /** The same object as long as no device has come or gone. */
  readonly devices: () => PlanInput['devices']
  /** The same object as long as it says the same. */
  readonly limits: () => PlanInput['limits']
  readonly cache: ActualCache
  readonly appliers: Appliers
  readonly raiseGeneration: (signal: AbortSignal) => Promise<unknown>
  readonly sources: readonly SourceId[]
  /** Monotonic. */
  readonly nowMs: () => number
}

/** What one pass found and did. */
export interface PassReport {
  /** Waits for sources before it touches a kernel that is already programmed. */
  readonly held: boolean
  /** null while held. */
  readonly planned: Planned | null
  readonly world: World
  readonly steps: readonly NodeStep[]
  readonly failures: readonly Extract<Outcome, {ok: false}>[]
  readonly unread: ReadonlyMap<DriverName, string>
  readonly findings: readonly Finding[]
  readonly durationMs: number
  readonly dirty: boolean
}

/**
 * Makes the pass: bring this node to what the world says. Safe at any time, any number of times; what fails is in the
 * report and makes it dirty, so that the loop comes back.
 */
export function createPass(deps: PassDeps): (signal: AbortSignal) => Promise<PassReport> {
  const startedMs = deps.nowMs()
  const planWithKeys = createPlanner(deps)
  let first = true
  let raiseDue = false
  /** Its stages have been passed, or given up: from there it is one step to what is wanted. */
  let staged: PlanInput['policy'] | null = null
  const raiseIfDue = async (signal: AbortSignal): Promise<void> => {
    if (!raiseDue) return
    await delay(DRAIN_MS)
    await deps.raiseGeneration(signal)
    raiseDue = false
  }

  return async (signal) => {
    const beganMs = deps.nowMs()
    await deps.beforeWorld?.()
    const world = deps.world()
    // What is slow to answer, BIRD above all, does not hold up the ruleset.
    const reading = deps.cache.read(signal)
    reading.catch(() => undefined)
    const {
      actual: {nft},
      unread: unreadNft,
    } = await deps.cache.read(signal, ['nft'])
    const elapsedMs = deps.nowMs() - startedMs
    const {sources} = deps
    // What cannot be read may be programmed, and must not be taken for an empty kernel, however long that lasts.
    const isUnknown = unreadNft.has('nft')
    if (first && (isUnknown || !mayRunFirst({tableExists: nft !== null, sources, known: world.sources, elapsedMs}))) {
      const unread = new Map([...(await reading).unread, ...unreadNft])
      const nothing = {planned: null, steps: [], failures: [], findings: world.findings}
      return {...nothing, world, unread, held: true, durationMs: deps.nowMs() - beganMs, dirty: true}
    }
    // A process before may have ended between a ruleset and its raise: what the old one allowed would go on, whatever the new one says.
    raiseDue ||= first && nft !== null
    first = false
    const {planned, policy, findings} = await planWithKeys(world, nft)

    // Without a table the order of `diff` counts: settings first, then the table, whole.
    const isEarly = nft !== null
    const tables = policy === staged ? [planned.desired.nft] : [...planned.stages, planned.desired.nft]
    staged = policy
    const early = await putInForce(isEarly ? tables : [], nft, deps, signal)
    raiseDue ||= early.isChanged
    await raiseIfDue(signal)

    const {actual, unread: unreadOthers} = await reading
    const unread = new Map([...unreadOthers, ...unreadNft])
    const mayPrune = (site: SiteName): boolean => {
      const state = world.sources.get(`export/${site}`)
      return !deps.config.sites.has(site) || (state !== undefined && (state.synced || state.restored))
    }
    const rest = diff(planned.desired, {...actual, nft: early.nft}, {mayPrune}).filter(
      ({driver}) => !unread.has(driver) && !(isEarly && driver === 'nft'),
    )
    const outcomes = await applySteps(rest, deps.appliers, signal)
    const steps = [...early.steps, ...rest]
    const failures = [...early.failures, ...[...outcomes.values()].filter((outcome) => !outcome.ok)]
    if (steps.length > 0) putInDoubt(deps.cache, steps)
    raiseDue ||= rest.some((step) => step.driver === 'nft' && outcomes.get(step.key)?.ok)
    await raiseIfDue(signal)
    const foreign = foreignQueues(planned.desired.queues, actual.queues)
    const report = {world, planned, unread, findings: [...findings, ...foreign, ...planned.desired.findings]}
    const dirty = failures.length > 0 || unread.size > 0
    // Their devices are gone.
    const retired = dirty ? [] : planned.retiredKeys
    if (retired.length > 0) {
      await deps.keys.drop(retired).catch((error: unknown) => {
        report.findings.push(keysNotKept('forgotten', retired, error))
      })
    }
    return {...report, held: false, steps, failures, durationMs: deps.nowMs() - beganMs, dirty}
  }
}

/**
 * Puts tables in force one after the other: stages, each until no packet that came before it can be on its way, and what
 * is wanted in the end. A stage that fails is the last one: what is wanted is reached from anywhere.
 */
async function putInForce(
  tables: readonly NftTable[],
  nft: ActualNft | null,
  {appliers, cache}: Pick<PassDeps, 'appliers' | 'cache'>,
  signal: AbortSignal,
): Promise<{
  readonly nft: ActualNft | null
  readonly steps: readonly NodeStep[]
  readonly failures: PassReport['failures']
  readonly isChanged: boolean
}> {
  const steps: NodeStep[] = []
  const failures: Extract<Outcome, {ok: false}>[] = []
  let held = nft
  let isChanged = false
  let left = tables
  while (held !== null && left.length > 0) {
    const [table, ...others] = left
    left = others
    const due = diffNft(table!, held)
    if (due.length === 0) continue
    const outcomes = [...(await applySteps(due, appliers, signal)).values()]
    steps.push(...due)
    cache.invalidate('nft')
    const failed = outcomes.filter((outcome) => !outcome.ok)
    failures.push(...failed)
    isChanged ||= failed.length < outcomes.length
    if (left.length === 0) break
    if (failed.length > 0) left = left.slice(-1)
    else await delay(DRAIN_MS)
    const {actual, unread} = await cache.read(signal, ['nft'])
    if (unread.has('nft')) throw new Error(`nft tables between two stages: ${unread.get('nft')}`)
    held = actual.nft
  }
  return {nft: held, steps, failures, isChanged}
}

const NO_QUEUES: readonly QueueSpec[] = []
const NO_SESSIONS: ReadonlySet<string> = new Set()

/** Plans, makes the keys that tunnels wait for, and plans again; unchanged input is not planned twice. */
function createPlanner(deps: PassDeps) {
  const plan = createPlan()
  let last: {readonly input: PlanInput; readonly planned: Planned} | null = null
  const planOnce = (input: PlanInput): Planned => {
    if (last && sameInput(last.input, input)) return last.planned
    last = {input, planned: plan(input)}
    return last.planned
  }
  return async (
    world: World,
    held: ActualNft | null,
  ): Promise<{planned: Planned; policy: PlanInput['policy']; findings: readonly Finding[]}> => {
    const policy = await deps.compile(world, held)
    const carriers = await deps.carriers(world.sites)
    const input = (): PlanInput => ({
      config: deps.config,
      world,
      policy,
      carriers,
      keys: deps.keys.known(),
      passwords: deps.passwords,
      draining: deps.draining(),
      held: deps.held?.() ?? NO_SESSIONS,
      uplinkDevices: sameList(last?.input.uplinkDevices, deps.uplinkDevices()),
      queues: deps.queues?.() ?? NO_QUEUES,
      devices: deps.devices(),
      limits: deps.limits(),
      memoryBytes: totalmem(),
      fastPath: deps.fastPath ?? false,
      ...(deps.underlayMtus ? {underlayMtus: deps.underlayMtus()} : {}),
    })
    const planned = planOnce(input())
    const missing = planned.wantedKeys.filter((name) => !deps.keys.known().has(name))
    if (missing.length === 0) return {planned, policy, findings: []}
    const findings = await deps.keys.make(missing).catch((error: unknown) => [keysNotKept('made', missing, error)])
    return {planned: planOnce(input()), policy, findings}
  }
}

/** A full disk must not be the end of passes: the tunnels that wait for a key wait on, all else is put in force. */
const keysNotKept = (what: string, names: readonly string[], error: unknown): Finding => ({
  code: 'state-not-writable',
  severity: 'error',
  where: {source: 'state keys'},
  detail: `keys of ${names.join(', ')} were not ${what}: ${error instanceof Error ? error.message : String(error)}`,
  remedy: 'make room on the disk of `paths.state`; each pass tries again',
})

const sameList = (before: readonly string[] | undefined, now: readonly string[]): readonly string[] =>
  before?.join() === now.join() ? before : now

/** All are new objects whenever anything in them is new. */
function sameInput(a: PlanInput, b: PlanInput): boolean {
  return (
    a.world === b.world &&
    a.policy === b.policy &&
    a.keys === b.keys &&
    a.carriers === b.carriers &&
    a.devices === b.devices &&
    a.limits === b.limits &&
    a.draining === b.draining &&
    a.held === b.held &&
    a.queues === b.queues &&
    a.underlayMtus === b.underlayMtus &&
    a.uplinkDevices === b.uplinkDevices
  )
}

/** A part that was stepped on is read again next time: what the kernel made of a step is not taken on trust. */
function putInDoubt(cache: ActualCache, steps: readonly NodeStep[]): void {
  cache.invalidate(
    ...new Set(steps.flatMap(({driver}) => (driver === 'netlink' ? [driver, 'wireguard' as const] : driver))),
  )
}
