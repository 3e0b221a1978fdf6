import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {lacking} from '../../lab/environment.ts'
import type {Encapsulation} from '../../src/model/index.ts'
import {type Compiled, compilePolicy} from '../../src/policy/index.ts'
import {type Flow, framesOf, randomFlows, TCP} from '../policy/flows.ts'
import {CONNTRACK_ONLY, rounds, shuffledOrders} from '../policy/forwarding.ts'
import {DEFAULT} from '../policy/gateway-table.ts'
import {seededRandom} from '../policy/random.ts'
import {createRouterBed, type RouterBed, routerMac} from '../policy/router-bed.ts'
import {FULL_SIZE, workloadOf} from '../policy/workload.ts'
import {type BenchOptions, type BenchResult, currentEnvironment, medianOf} from '../result.ts'
import {type GatewayPair, HOST_ROUTER, loadEnd, planPair, twoRouters} from './gateway-pair.ts'
import type {TcpPlan, TcpRound} from './tcp-ends.ts'

const ENCAPSULATIONS = ['vxlan', 'ipip', 'fou', 'wireguard'] as const satisfies readonly Encapsulation[]
const GOAL = '>=0.95'
const ENDS = path.resolve(import.meta.dirname, 'tcp-ends.ts')
const SEED = 6

interface Scale {
  readonly policies: number
  readonly endpoints: number
  /** Where memory lies and the seeds of hash tables make more difference than one round and the next, so all is made anew. */
  readonly beds: number
  readonly rounds: number
  readonly flows: number
  readonly shareBytes: number
}
// Small enough for an emulated machine, which loads each gateway's table a hundred times slower.
const SMALL = {policies: 100, endpoints: 5_000, beds: 1, shareBytes: 1 << 17}
const QUICK: Scale = {...SMALL, rounds: 3, flows: 100}
/** WireGuard's own queue holds 1,024 packets: a slice is no more. */
const EMULATED: Scale = {...SMALL, rounds: 12, flows: 100}
const FULL: Scale = {...FULL_SIZE, beds: 8, rounds: 16, flows: 1_000, shareBytes: 1 << 19}
const SLICES = 10
const CONNECTIONS = 8
/** What devices say where nobody says anything. */
const MOST_SEGMENTS = 65_535
const GBIT = 8e-9
const TCP_PORTS = [443, 5432, 8080, 9092]

const PLAIN = 'plain'
const bare = (kind: Encapsulation): string => `${kind} bare`
const conntrack = (kind: Encapsulation): string => `${kind} conntrack`
const policy = (kind: Encapsulation): string => `${kind} policy`
/** The same without the fast path. */
const rulesAlone = (kind: Encapsulation): string => `${kind} rules alone`

type Rates = ReadonlyMap<string, readonly number[]>

/**
 * Packets and TCP through two gateways and the tunnel between them, with the whole policy at both, against the same two
 * with conntrack alone; interleaved, and every ratio is of two figures of the same round.
 */
export async function throughGateways({quick}: BenchOptions): Promise<readonly BenchResult[]> {
  const scale = quick ? QUICK : currentEnvironment() === 'tcg' ? EMULATED : FULL
  const missing = await lacking(ENCAPSULATIONS)
  const kinds = ENCAPSULATIONS.filter((kind) => !missing.includes(kind))
  const prepared = prepareFlows(scale)
  const folder = mkdtempSync(path.join(tmpdir(), 'isthmus-bench-'))
  try {
    const pairs = new Map<Encapsulation, GatewayPair>()
    for (const kind of kinds) pairs.set(kind, await planPair(kind, folder))
    const beds: Measured[] = []
    while (beds.length < scale.beds) beds.push(await onOneBed(pairs, scale, prepared))
    const rates = (of: keyof Measured): Rates => joined(beds.map((bed) => bed[of]))
    return kinds.flatMap((kind) => [
      ...results(`${kind}/udp64`, kind, rates('datagrams'), 'packets-per-second', 1, GOAL),
      ...results(`${kind}/tcp`, kind, rates('inPackets'), 'gbit-per-second', GBIT, GOAL),
      ...results(`${kind}/tcp-uncut`, kind, rates('uncut'), 'gbit-per-second', GBIT),
    ])
  } finally {
    rmSync(folder, {recursive: true})
  }
}

/** TCP `inPackets` as they come from a wire, and `uncut` as they come from a host whose devices cut what it sends. */
type Measured = Readonly<Record<'datagrams' | 'inPackets' | 'uncut', Rates>>

async function onOneBed(
  pairs: ReadonlyMap<Encapsulation, GatewayPair>,
  scale: Scale,
  {compiled, frames, tcp}: ReturnType<typeof prepareFlows>,
): Promise<Measured> {
  const bed = createRouterBed()
  try {
    for (const [kind, pair] of pairs) {
      const add = (name: string, tunnelled: boolean, load: Parameters<typeof twoRouters>[2]['load']): void =>
        bed.addWay(name, frames, twoRouters(bed, pair, {tunnelled, load}))
      if (!bed.names.includes(PLAIN)) add(PLAIN, false, () => undefined)
      add(bare(kind), true, () => undefined)
      add(conntrack(kind), true, ({run}) => run('nft -f -', CONNTRACK_ONLY))
      add(policy(kind), true, (namespace, end) => loadEnd(namespace, end, compiled))
      add(rulesAlone(kind), true, (namespace, end) => loadEnd(namespace, end, compiled, false))
    }
    await check(bed, scale.flows, new Set([...pairs.keys()].flatMap((kind) => [policy(kind), rulesAlone(kind)])))
    const datagrams = await rounds(bed, scale)
    readyForTcp(bed, tcp)
    const inPackets = await tcpRounds(bed, scale, tcp, 1)
    return {datagrams, inPackets, uncut: await tcpRounds(bed, scale, tcp, MOST_SEGMENTS)}
  } finally {
    bed.close()
  }
}

const joined = (all: readonly Rates[]): Rates =>
  new Map([...all[0]!.keys()].map((name) => [name, all.flatMap((rates) => rates.get(name)!)]))

function results(
  name: string,
  kind: Encapsulation,
  rates: Rates,
  figure: string,
  factor: number,
  goal?: string,
): BenchResult[] {
  const ratio = (of: string, above: string, below: string): BenchResult => ({
    name: `${name}${of}/ratio`,
    ...medianOf(rates.get(above)!.map((rate, round) => rate / rates.get(below)![round]!)),
    unit: 'ratio',
  })
  return [
    {...ratio('', policy(kind), conntrack(kind)), ...(goal ? {goal} : {})},
    ratio('/rules-alone', rulesAlone(kind), conntrack(kind)),
    ratio('/of-plain', policy(kind), PLAIN),
    ratio('/conntrack-of-plain', conntrack(kind), PLAIN),
    ratio('/bare-of-plain', bare(kind), PLAIN),
    {
      name: `${name}/${figure}`,
      ...medianOf(rates.get(policy(kind))!.map((rate) => rate * factor)),
      unit: factor === 1 ? '1/s' : 'Gbit/s',
    },
  ]
}

/** Flows from site a to site b that so many policies allow, behind some for the check. */
export function prepareFlows({policies, endpoints: size, rounds, flows}: Omit<Scale, 'beds' | 'shareBytes'>): {
  compiled: Compiled
  frames: Buffer
  tcp: Flow
} {
  const {world, endpoints} = workloadOf({...FULL_SIZE, policies, endpoints: size})
  const compiled = compilePolicy(world, {default: DEFAULT, previous: null, firstClass: 1})
  const random = seededRandom(SEED)
  const ends = endpoints.filter(({site}) => site === 'a' || site === 'b')
  const pick = (count: number, wanted: 'allow' | 'deny') => randomFlows(compiled, ends, count, random, wanted)
  const all = [...pick(flows / 2, 'allow'), ...pick(flows / 2, 'deny'), ...pick(rounds * flows, 'allow')]
  const [tcp] = randomFlows(compiled, ends, 1, random, 'allow', {protocol: TCP, ports: TCP_PORTS})
  return {compiled, frames: framesOf(all, routerMac), tcp: tcp!}
}

/** What is measured is the policy, or it is not measured. */
export async function check(bed: RouterBed, flows: number, policed: ReadonlySet<string>): Promise<void> {
  const all = bed.names.map((_, index) => index)
  for (const {router, arrived} of await bed.send({rounds: [all], flows, packetsOfFlow: 1, slices: 1})) {
    const name = bed.names[router]!
    const expected = policed.has(name) ? flows / 2 : flows
    if (arrived !== expected) throw new Error(`${name}: ${arrived} of ${flows} packets passed, not ${expected}`)
  }
}

/** Addresses and ways of the hosts; the receiver had dropped all that came. */
function readyForTcp(bed: RouterBed, {from, to}: Flow): void {
  bed.receiver.run('nft flush ruleset')
  for (const [{run}, address, far, device] of [
    [bed.sender, from.address, to.address, 'near'],
    [bed.receiver, to.address, from.address, 'far'],
  ] as const) {
    run(`ip address add ${address}/32 dev lo
      sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.tcp_slow_start_after_idle=0 net.ipv4.tcp_no_metrics_save=1`)
    for (const wires of bed.wires) {
      run(`sysctl -qw net.ipv4.conf.${wires[device]}.rp_filter=0
        ip route add ${far}/32 via ${HOST_ROUTER} dev ${wires[device]} onlink src ${address} metric ${1 + wires.index}`)
    }
  }
}

/** Bytes a second of eight connections for each way, a figure a round; the first round warms up. */
async function tcpRounds(
  {sender, receiver, wires, names}: RouterBed,
  {rounds, shareBytes}: Scale,
  {from, to, port}: Flow,
  segments: number,
): Promise<Rates> {
  for (const {near} of wires) sender.run(`ip link set ${near} gso_max_segs ${segments}`)
  const plan = {
    ...{from: from.address, to: to.address, port, slices: SLICES, connections: CONNECTIONS, shareBytes},
    rounds: shuffledOrders({names}, rounds),
  }
  const start = (role: string, {name}: RouterBed['sender'], devices: readonly string[]): ChildProcess => {
    const args = ['netns', 'exec', name, 'taskset', '-c', '0', process.execPath, ...process.execArgv, ENDS, role]
    const child = spawn('ip', args, {stdio: ['pipe', 'pipe', 'inherit']})
    child.stdin!.end(JSON.stringify({...plan, devices} satisfies TcpPlan))
    return child
  }
  const sink = start(
    'sink',
    receiver,
    wires.map(({far}) => far),
  )
  try {
    await once(sink.stdout!, 'data')
    const source = start(
      'source',
      sender,
      wires.map(({near}) => near),
    )
    let said = ''
    source.stdout!.on('data', (chunk) => {
      said += chunk
    })
    const [status] = await once(source, 'close')
    if (status !== 0) throw new Error(`the source of TCP ended with status ${status}`)
    const rates = new Map(names.map((name): [string, number[]] => [name, []]))
    for (const line of said.trim().split('\n').slice(names.length)) {
      const {way, bytes, elapsedMs} = JSON.parse(line) as TcpRound
      rates.get(names[way]!)!.push((bytes / elapsedMs) * 1000)
    }
    return rates
  } finally {
    sink.kill('SIGKILL')
  }
}
