import type {PolicyPart} from '../../src/plan/ruleset.ts'
import {type Compiled, compilePolicy} from '../../src/policy/index.ts'
import type {Namespace} from '../../test/support/namespace.ts'
import {type BenchOptions, type BenchResult, medianOf} from '../result.ts'
import {destinationShape} from './destination-shape.ts'
import {felixLayout} from './felix-layout.ts'
import {iptablesScripts, nftScript} from './felix-scripts.ts'
import {framesOf, randomFlows} from './flows.ts'
import {DEFAULT, gatewayTable, loadGateway} from './gateway-table.ts'
import type {SentRound} from './packet-source.ts'
import {seededRandom} from './random.ts'
import {createRouterBed, type RouterBed, routerMac} from './router-bed.ts'
import {FULL_SIZE, type Workload, workloadOf} from './workload.ts'

export const POLICY_COUNTS = [10, 100, 1_000, 10_000] as const
const FULL = POLICY_COUNTS.at(-1)!
/** Packets of each flow: formats.md. */
const PACKETS_OF_FLOW = 100
/** A slice is some 20 ms, short against the swings of a shared machine. */
const SLICES = 10

/** `flows` at a time, new ones in each round. */
export interface Scale {
  readonly rounds: number
  readonly flows: number
}
const QUICK: Scale = {rounds: 3, flows: 100}
const FULL_SCALE: Scale = {rounds: 20, flows: 1_000}

const SEED = 4

const [SENDER, PLAIN, CONNTRACK, EMPTY, JUDGED] = ['sender', 'plain', 'conntrack', 'empty', 'judged']
const [RULES_ALONE, JUDGED_BY_RULES] = ['rules alone', 'judged by rules']
const [OTHER_SHAPE, OTHER_JUDGED] = ['other shape', 'other shape, judged']
/** Felix's layouts are measured to where loading them takes minutes. */
const LAYOUT_COUNTS = [10, 100, 1_000] as const
/** A layout forwards in proportion to its rules: a round of all flows would take it minutes. Fewer flows are kinder to it. */
const fewerFlows =
  (flows: number) =>
  (count: number): [string, number][] => {
    const own = Math.max(10, (10 * flows) / count)
    return own < flows ? [iptables, nftSets].map((name) => [name(count), own]) : []
  }
const iptables = (count: number): string => `iptables ${count}`
const nftSets = (count: number): string => `nft sets ${count}`
const policies = (count: number): string => `policies ${count}`

/** Conntrack and no policy: what a stateful router does at least. */
export const CONNTRACK_ONLY = `table inet conntrack {
  chain forward {
    type filter hook forward priority 0; policy accept;
    ct state invalid drop
  }
}
`
const DROP_AT_ONCE = `table netdev dropped {
  chain dropped {
    type filter hook ingress device left priority 0; policy drop;
  }
}
`

export interface Prepared {
  readonly workload: Workload
  readonly compiled: Compiled
  /** What goes into the table. */
  readonly part: PolicyPart
  readonly frames: Buffer
}

/** Packets through routers in namespaces, interleaved; every ratio is of two figures of the same round. */
export async function forwarding({quick}: BenchOptions): Promise<readonly BenchResult[]> {
  const scale = quick ? QUICK : FULL_SCALE
  const bed = createRouterBed()
  try {
    const prepared = new Map(POLICY_COUNTS.map((count) => [count, prepare(count, scale)]))
    const full = prepared.get(FULL)!
    bed.add(SENDER, full.frames, ({run}) => run('nft -f -', DROP_AT_ONCE), true)
    bed.add(PLAIN, full.frames, () => undefined)
    bed.add(CONNTRACK, full.frames, ({run}) => run('nft -f -', CONNTRACK_ONLY))
    bed.add(EMPTY, full.frames, loadTable(emptied(full), false))
    for (const [count, one] of prepared) bed.add(policies(count), one.frames, loadTable(one, false))
    bed.add(RULES_ALONE, full.frames, loadTable(full, false, false))
    bed.add(JUDGED, full.frames, ({name, run}) =>
      loadGateway({name, run}, gatewayTable(full.workload.world, full.part), {judged: false, judges: true}),
    )
    bed.add(JUDGED_BY_RULES, full.frames, loadTable(full, true))
    const other = destinationShape(full.compiled)
    bed.add(OTHER_SHAPE, full.frames, loadTable({...full, part: other}, false))
    bed.add(OTHER_JUDGED, full.frames, loadTable({...full, part: other}, true))
    for (const count of LAYOUT_COUNTS) {
      const {workload, frames} = prepared.get(count)!
      const layout = felixLayout(workload)
      const {sets, rules} = iptablesScripts(layout)
      bed.add(iptables(count), frames, ({run}) => {
        run('ipset restore', sets)
        run('iptables-nft-restore', rules)
      })
      bed.add(nftSets(count), frames, ({run}) => run('nft -f -', nftScript(layout)))
    }

    await check(bed, scale)
    const rates = await measure(bed, scale)
    const ratio = (name: string, above: string, below: string, goal?: string): BenchResult => ({
      name: `forwarding/${name}/ratio`,
      ...medianOf(rates.get(above)!.map((rate, round) => rate / rates.get(below)![round]!)),
      unit: 'ratio',
      ...(goal ? {goal} : {}),
    })
    const rate = (name: string): BenchResult => ({
      name: `forwarding/${name}/packets-per-second`,
      ...medianOf(rates.get(name)!),
      unit: '1/s',
    })
    return [
      ...POLICY_COUNTS.map((count) =>
        ratio(`${count}-policies`, policies(count), CONNTRACK, count === FULL ? '>=0.9' : undefined),
      ),
      flatness(rates),
      ratio('rules-alone', RULES_ALONE, CONNTRACK),
      ratio('every-packet-judged', JUDGED, CONNTRACK, '>=0.75'),
      ratio('every-packet-judged/by-rules', JUDGED_BY_RULES, CONNTRACK),
      ratio('of-plain', policies(FULL), PLAIN),
      ratio('empty-table', EMPTY, CONNTRACK),
      ratio('conntrack-of-plain', CONNTRACK, PLAIN),
      ...LAYOUT_COUNTS.flatMap((count) => [
        ratio(`iptables-layout/${count}`, iptables(count), CONNTRACK),
        ratio(`nft-sets-layout/${count}`, nftSets(count), CONNTRACK),
      ]),
      ratio('destination-shape', OTHER_SHAPE, CONNTRACK),
      ratio('destination-shape/every-packet-judged', OTHER_JUDGED, CONNTRACK),
      ratio('destination-shape/every-packet-judged/of-pair-shape', OTHER_JUDGED, JUDGED_BY_RULES),
      rate(SENDER),
      rate(PLAIN),
      rate(CONNTRACK),
    ]
  } finally {
    bed.close()
  }
}

export function prepare(count: number, {rounds, flows}: Scale): Prepared {
  const workload = workloadOf({...FULL_SIZE, policies: count})
  const compiled = compilePolicy(workload.world, {default: DEFAULT, previous: null, firstClass: 1})
  const random = seededRandom(SEED + count)
  const pick = (number: number, wanted: 'allow' | 'deny') =>
    randomFlows(compiled, workload.endpoints, number, random, wanted)
  // The head of the frames is for the check.
  const all = [...pick(flows / 2, 'allow'), ...pick(flows / 2, 'deny'), ...pick(rounds * flows, 'allow')]
  return {workload, compiled, part: compiled, frames: framesOf(all, routerMac)}
}

const loadTable =
  ({workload, part}: Prepared, judged: boolean, fastPath = true) =>
  (namespace: Namespace): void =>
    loadGateway(namespace, gatewayTable(workload.world, part, fastPath), {judged})

/** The same addresses under no policy at all. */
function emptied({workload, frames}: Prepared): Prepared {
  const world = {...workload.world, policies: {tiers: [], policies: []}}
  const compiled = compilePolicy(world, {default: DEFAULT, previous: null, firstClass: 1})
  return {workload: {...workload, world}, compiled, part: compiled, frames}
}

/** Every layout of the same policies must let the same number of the same packets through, or it is none of them. */
async function check(bed: RouterBed, {flows}: Scale): Promise<void> {
  const policed = (name: string): boolean => ![SENDER, PLAIN, CONNTRACK, EMPTY].includes(name)
  const all = bed.names.map((_, index) => index)
  for (const {router, arrived} of await bed.send({rounds: [all], flows, packetsOfFlow: 1, slices: 1})) {
    const name = bed.names[router]!
    if (policed(name) && arrived !== flows / 2) {
      throw new Error(`${name} is not the policy: ${arrived} of ${flows} packets passed, not half of them`)
    }
  }
}

const measure = (bed: RouterBed, scale: Scale): Promise<ReadonlyMap<string, readonly number[]>> =>
  rounds(bed, scale, new Map(LAYOUT_COUNTS.flatMap(fewerFlows(scale.flows))))

/** Each way once a round, in a random order; the first round warms up. */
export function shuffledOrders({names}: Pick<RouterBed, 'names'>, rounds: number): readonly (readonly number[])[] {
  const random = seededRandom(SEED)
  const indexes = names.map((_, index) => index)
  return Array.from({length: rounds}, () => shuffled(indexes, random.below))
}

/** Packets a second by router, a figure a round. The first frames are those of the check; the first round warms up. */
export async function rounds(
  bed: RouterBed,
  {rounds, flows}: Scale,
  fewer: ReadonlyMap<string, number> = new Map(),
): Promise<ReadonlyMap<string, readonly number[]>> {
  const orders = [[], ...shuffledOrders(bed, rounds)]
  const sent = await bed.send({rounds: orders, flows, packetsOfFlow: PACKETS_OF_FLOW, slices: SLICES, fewer})
  const rates = new Map(bed.names.map((name): [string, number[]] => [name, []]))
  const ofRound = (round: number): readonly SentRound[] =>
    sent.slice(round * bed.names.length, (round + 1) * bed.names.length)
  for (let round = 1; round < rounds; round++) {
    for (const {router, packets, arrived, elapsedMs, waiting} of ofRound(round)) {
      const name = bed.names[router]!
      if (name !== SENDER && arrived < packets) throw new Error(`${name}: ${arrived} of ${packets} packets arrived`)
      // A sender that is never refused could have been what the time went to: then something else had its core.
      if (name !== SENDER && waiting === 0) console.error(`round ${round}: the sender was behind ${name}`)
      rates.get(name)!.push((packets / elapsedMs) * 1000)
    }
  }
  return rates
}

function shuffled(items: readonly number[], below: (bound: number) => number): number[] {
  const mixed = [...items]
  for (let left = mixed.length - 1; left > 0; left--) {
    const other = below(left + 1)
    ;[mixed[left], mixed[other]] = [mixed[other]!, mixed[left]!]
  }
  return mixed
}

/** The fastest count of policies against the slowest one. */
function flatness(rates: ReadonlyMap<string, readonly number[]>): BenchResult {
  const bySpeed = POLICY_COUNTS.map((count) => rates.get(policies(count))!).sort(
    (a, b) => medianOf(a).value - medianOf(b).value,
  )
  const [slowest, fastest] = [bySpeed[0]!, bySpeed.at(-1)!]
  return {
    name: 'forwarding/flatness',
    ...medianOf(fastest.map((rate, round) => rate / slowest[round]!)),
    unit: 'ratio',
    goal: '<=1.1',
  }
}
