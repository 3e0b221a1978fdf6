// Changes at full size against a real table, in a namespace of its own: prints a `ChangeFigures` as JSON.
// Argument: which shape the table has.
import {createNftDriver} from '../../src/apply/index.ts'
import {diffNft} from '../../src/diff/index.ts'
import type {Member, NftTable, Policy, World} from '../../src/model/index.ts'
import {addressNumber, type Prefix} from '../../src/net/index.ts'
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
const driver = createNftDriver()
let world: World = {...first, members}
let compiled: Compiled | null = null

/** What a gateway does between a changed World and the kernel; ms for the pure part and for the kernel's. */
async function pass(
  changes: ReadonlyMap<Prefix, ChangedMembers> | null,
): Promise<{computeMs: number; applyMs: number}> {
  const beganMs = performance.now()
  compiled = compilePolicy(world, {default: DEFAULT, previous: compiled, firstClass: 1, changes})
  const table: NftTable = gatewayTable(world, plan.shape === 'pairs' ? compiled : destinationShape(compiled))
  const steps = diffNft(table, await driver.read(signal))
  const computedMs = performance.now()
  const failed = (await driver.apply(steps, signal)).find(({ok}) => !ok)
  if (failed) throw new Error(`not applied: ${JSON.stringify(failed)}`)
  return {computeMs: computedMs - beganMs, applyMs: performance.now() - computedMs}
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

const load = await pass(null)
const changed: number[] = []
// One each millisecond; what waits for the one before it waits on the clock.
let dueMs = performance.now()
for (let i = 0; i < plan.endpointChanges; i++) {
  dueMs += plan.everyMs
  while (performance.now() < dueMs) await new Promise((resolve) => setImmediate(resolve))
  await pass(changeMember(true))
  changed.push(performance.now() - dueMs)
}
const unknown: number[] = []
for (let i = 0; i < plan.newCombinations; i++) {
  const {computeMs, applyMs} = await pass(changeMember(false))
  unknown.push(computeMs + applyMs)
}
const policyPasses: {computeMs: number; applyMs: number}[] = []
for (let i = 0; i < plan.policyChanges; i++) {
  changePolicy(i)
  policyPasses.push(await pass(new Map()))
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
