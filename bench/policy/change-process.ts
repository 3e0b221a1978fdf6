// Changes at full size against a real table, in a namespace of its own: prints a `ChangeFigures` as JSON.
// Argument: which shape the table has.

import {setTimeout as delay} from 'node:timers/promises'
import {createFastPath, createNftDriver} from '../../src/apply/index.ts'
import {diffNft} from '../../src/diff/index.ts'
import {DRAIN_MS, type Member, type NftStep, type Policy, type World} from '../../src/model/index.ts'
import {addressNumber, type Prefix} from '../../src/net/index.ts'
import type {PolicyPart} from '../../src/plan/ruleset.ts'
import {type ChangedMembers, type Compiled, compilePolicy} from '../../src/policy/index.ts'
import type {ChangeFigures, ChangePlan} from './change-cost.ts'
import {destinationShape} from './destination-shape.ts'
import {DEFAULT, gatewayTable} from './gateway-table.ts'
import {seededRandom} from './random.ts'
import {FULL_SIZE, policyList, SITES, workloadOf} from './workload.ts'

const SEED = 7
const signal = new AbortController().signal
const plan = JSON.parse(process.argv[2]!) as ChangePlan
const {world: first, endpoints} = workloadOf(FULL_SIZE)
const members = new Map(first.members)
const random = seededRandom(SEED)
const driver = createNftDriver({fastPath: createFastPath()})
let world: World = {...first, members}
let compiled: Compiled | null = null
let loaded = false

interface Passed {
  readonly computeMs: number
  readonly kernelMs: number
  /** Compiling, stages with their pauses, the table, the generation. */
  readonly totalMs: number
}

/** What a gateway does between a changed World and the kernel. `raise`: also until running flows are judged anew. */
async function pass(changes: ReadonlyMap<Prefix, ChangedMembers> | null, raise: boolean): Promise<Passed> {
  const beganMs = performance.now()
  let kernelMs = 0
  const kernel = async (work: () => Promise<unknown>): Promise<void> => {
    const startMs = performance.now()
    await work()
    kernelMs += performance.now() - startMs
  }
  compiled = compilePolicy(world, {default: DEFAULT, previous: compiled, firstClass: 1, changes})
  const put = async (part: PolicyPart): Promise<number> => {
    const steps = diffNft(gatewayTable(world, part), await driver.read(signal))
    if (steps.length > 0) await kernel(() => applied(steps))
    return steps.length
  }
  let pausesMs = 0
  if (plan.shape === 'pairs' && loaded) {
    for (const stage of compiled.stages) {
      if ((await put(stage)) === 0) continue
      await delay(DRAIN_MS)
      pausesMs += DRAIN_MS
    }
  }
  await put(plan.shape === 'destinations' ? destinationShape(compiled) : compiled)
  loaded = true
  if (raise) {
    await delay(DRAIN_MS)
    pausesMs += DRAIN_MS
    await kernel(() => driver.raiseGeneration())
  }
  const totalMs = performance.now() - beganMs
  return {computeMs: totalMs - kernelMs - pausesMs, kernelMs, totalMs}
}

async function applied(steps: readonly NftStep[]): Promise<void> {
  const failed = (await driver.apply(steps, signal)).find((o) => !o.ok && o.code !== 'skipped')
  if (failed) throw new Error(`not applied: ${JSON.stringify(failed)}`)
}

/** Pods that the same nets of rules hold have addresses with these leading bits: see `workload.ts`. */
const NET_BITS = 12
const neighbours = Map.groupBy(endpoints, ({address}) => addressNumber(address) >> BigInt(NET_BITS))

/**
 * A pod gets the labels of another one, goes, or comes back: one change of the member table, as federate reports it.
 * `known`: the other one is in the same nets, so that the combination is nothing new.
 */
function changeMember(known: boolean): ReadonlyMap<Prefix, ChangedMembers> {
  const endpoint = random.pick(endpoints)
  const key = `${endpoint.address}/32` as Prefix
  const own = addressNumber(endpoint.address) >> BigInt(NET_BITS)
  const far = random.pick([...neighbours.keys()].filter((other) => other !== own && other >> 8n === own >> 8n))
  const like = random.pick(neighbours.get(known ? own : far)!)
  const after: readonly Member[] | undefined =
    known && members.has(key) && random.chance(0.5) ? undefined : first.members.get(`${like.address}/32` as Prefix)!
  if (after) members.set(key, after)
  else members.delete(key)
  world = {...world, memberRevision: world.memberRevision + 1}
  return new Map([[key, {after}]])
}

/** One policy gets the text of another that is not in the list: other selectors, other rules. */
function changePolicy(index: number): void {
  const policies = [...world.policies.policies]
  const at = random.below(policies.length)
  policies[at] = {...spare[index]!, meta: policies[at]!.meta, keyName: policies[at]!.keyName}
  world = {...world, policies: {...world.policies, policies}}
}
const spare: readonly Policy[] = policyList(
  FULL_SIZE.policies + plan.policyChanges,
  FULL_SIZE.attributeSets / SITES.length,
).slice(FULL_SIZE.policies)

const load = await pass(null, false)
// A gateway looks once more after what it did.
await pass(new Map(), false)
/** Until V8 has compiled what runs for each change, it takes three times as long. */
const WARM_UP = 500
for (let i = 0; i < Math.min(WARM_UP, plan.endpointChanges); i++) await pass(changeMember(true), false)
const changed: number[] = []
// One each millisecond; what waits for the one before it waits on the clock.
let dueMs = performance.now()
for (let i = 0; i < plan.endpointChanges; i++) {
  dueMs += plan.everyMs
  while (performance.now() < dueMs) await new Promise((resolve) => setImmediate(resolve))
  await pass(changeMember(true), false)
  changed.push(performance.now() - dueMs)
}
const unknown: number[] = []
for (let i = 0; i < plan.newCombinations; i++) {
  unknown.push((await pass(changeMember(false), false)).totalMs)
}
const policyPasses: Passed[] = []
for (let i = 0; i < plan.policyChanges; i++) {
  changePolicy(i)
  policyPasses.push(await pass(new Map(), true))
}
const figures: ChangeFigures = {
  load,
  endpointMs: changed,
  newCombinationMs: unknown,
  policies: policyPasses,
  rssMib: process.resourceUsage().maxRSS / 1024,
}
console.log(JSON.stringify(figures))
await driver.close()
