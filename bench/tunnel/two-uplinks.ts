import {type ChildProcess, spawn} from 'node:child_process'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import type {GatewayConfig} from '../../src/model/index.ts'
import type {Address, Prefix} from '../../src/net/index.ts'
import {planSysctls} from '../../src/plan/index.ts'
import {compilePolicy} from '../../src/policy/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {TestBird} from '../../test/support/bird.ts'
import {createNamespace, eventually, type Namespace} from '../../test/support/namespace.ts'
import {DEFAULT, NEAR_SIDE} from '../policy/gateway-table.ts'
import {FULL_SIZE, workloadOf} from '../policy/workload.ts'
import {type BenchOptions, type BenchResult, medianOf} from '../result.ts'
import {HOST_MTU, loadEnd, makeDevices, planPair, underlay} from './gateway-pair.ts'

const ROUNDS = {full: 10, quick: 2}
const FLOWS = 64
const PORT = 5001
const SETTLE_MS = 1000
const MEASURE_MS = 3000
const PATIENCE_MS = 30_000
const FLOWS_PROCESS = path.resolve(import.meta.dirname, 'pod-flows.ts')
/** What a line of the provider does to who sends more. */
const SHAPED = 'tbf rate 50mbit burst 32kb latency 40ms'
const UPLINKS = ['wan', 'second'] as const

const podOf = (number: number): string => `10.${16 * number}.0.5`
const nodeOf = (number: number): string => `192.168.${number}.10`

/** Static prefixes behind a node, as a site without BGP has them. */
const siteConfig = (number: number): Partial<GatewayConfig> => ({
  static: [{prefix: `10.${16 * number}.0.0/24` as Prefix, via: nodeOf(number) as Address, labels: {}}],
})

/**
 * Two pods, 64 TCP flows: gateway a has two uplinks of 50 Mbit/s each, so a tunnel by each. What they carry together against what one
 * of them does: the session of the other is taken down, and BIRD takes its way out of the kernel's route.
 */
export async function twoUplinks({quick}: BenchOptions): Promise<readonly BenchResult[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'isthmus-bench-'))
  const pair = await planPair('vxlan', folder, siteConfig, UPLINKS)
  const {world} = workloadOf({...FULL_SIZE, policies: 0})
  const nothing = compilePolicy(
    {...world, policies: {tiers: [], policies: []}},
    {default: DEFAULT, previous: null, firstClass: 1},
  )
  const [a, b, podA, podB] = ['a', 'b', 'pod-a', 'pod-b'].map(createNamespace) as [
    Namespace,
    Namespace,
    Namespace,
    Namespace,
  ]
  const birds: TestBird[] = []
  const processes: ChildProcess[] = []
  try {
    for (const [index, name] of UPLINKS.entries()) {
      a.run(`ip link add ${name} type veth peer name ${name} netns ${b.name}
        ip link set ${name} up; tc qdisc add dev ${name} root ${SHAPED}
        ip address add ${pair.a.config.uplinks[index]!.address}/32 dev lo
        ip address add 198.18.${index}.0/31 dev ${name}
        ip route add default via 198.18.${index}.1 table ${101 + index}
        ip rule add from ${pair.a.config.uplinks[index]!.address} lookup ${101 + index}`)
      b.run(`ip link set ${name} up; ip address add 198.18.${index}.1/31 dev ${name}; tc qdisc add dev ${name} root ${SHAPED}
        ip route add ${pair.a.config.uplinks[index]!.address} via 198.18.${index}.0`)
    }
    b.run(`ip address add ${underlay(2)}/32 dev lo`)
    for (const [space, pod, end, number] of [
      [a, podA, pair.a, 1],
      [b, podB, pair.b, 2],
    ] as const) {
      pod.run(`ip link add eth0 type veth peer name ${NEAR_SIDE} netns ${space.name}
        ip link set eth0 mtu ${HOST_MTU} up; ip address add ${nodeOf(number)}/24 dev eth0
        ip address add ${podOf(number)}/32 dev lo
        ip route add default via 192.168.${number}.1 src ${podOf(number)}`)
      space.run(`ip link set ${NEAR_SIDE} up; ip address add 192.168.${number}.1/24 dev ${NEAR_SIDE}`)
      makeDevices(space, end.plan)
      loadEnd(space, end, nothing)
      // Sizes are the machine's, and no other namespace has them.
      for (const {path: parts, value, isLeast} of planSysctls(end.plan.links))
        if (!isLeast) space.run(`sysctl -qw ${parts.join('/')}=${value}`)
      const bird = await new TestBird(space).start()
      birds.push(bird)
      const {config, sites, plan} = end
      const world = {sites, nodes: [], blocks: []}
      const input = {config, world, tunnels: plan.tunnels, passwords: new Map(), draining: false}
      await bird.reload(renderBird(planRouting(input).bird))
    }
    const waysOf = (space: Namespace, number: number): number =>
      space.run(`ip route show 10.${16 * (3 - number)}.0.0/24`).split(/\bdev is-/).length - 1
    const waysAre = (count: number) =>
      eventually(() => waysOf(a, 1) === count && waysOf(b, 2) === count, PATIENCE_MS).catch(() => {
        throw new Error(`not ${count} ways: ${a.run('ip route')}${b.run('ip route')}`)
      })
    const second = pair.a.plan.tunnels.find(({localUplink}) => localUplink === 'second')!.session
    await waysAre(2)
    const rates = {one: [] as number[], both: [] as number[]}
    for (let round = 0; round < (quick ? ROUNDS.quick : ROUNDS.full); round++) {
      rates.both.push(await megabits(podA, podB, processes))
      await birds[0]!.ask(`disable ${second}`)
      await waysAre(1)
      rates.one.push(await megabits(podA, podB, processes))
      await birds[0]!.ask(`enable ${second}`)
      await waysAre(2)
    }
    return [
      {
        name: 'ecmp/ratio',
        ...medianOf(rates.both.map((rate, round) => rate / rates.one[round]!)),
        unit: 'ratio',
        goal: '>=1.8',
      },
      {name: 'ecmp/two-uplinks/mbit-per-second', ...medianOf(rates.both), unit: 'Mbit/s'},
      {name: 'ecmp/one-uplink/mbit-per-second', ...medianOf(rates.one), unit: 'Mbit/s'},
    ]
  } finally {
    for (const one of processes) one.kill('SIGKILL')
    for (const bird of birds) await bird.remove()
    for (const space of [a, b, podA, podB]) space.remove()
    rmSync(folder, {recursive: true})
  }
}

/** What new flows carry together, once they have found their speed. */
async function megabits(from: Namespace, to: Namespace, processes: ChildProcess[]): Promise<number> {
  const start = ({name}: Namespace, ...args: string[]): ChildProcess => {
    const child = spawn('ip', ['netns', 'exec', name, process.execPath, FLOWS_PROCESS, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    processes.push(child)
    return child
  }
  let said = ''
  const taking = start(to, 'take', podOf(2), String(PORT))
  taking.stdout!.on('data', (chunk) => {
    said += chunk
  })
  await eventually(() => said !== '', PATIENCE_MS)
  const giving = start(from, 'give', podOf(2), String(PORT), String(FLOWS))
  const last = (): [number, number] => said.trim().split('\n').at(-1)!.split(' ').map(Number) as [number, number]
  await eventually(() => last()[1] > 0, PATIENCE_MS)
  await delay(SETTLE_MS)
  const [beganMs, before] = last()
  await delay(MEASURE_MS)
  const [endMs, after] = last()
  for (const one of [giving, taking]) one.kill('SIGKILL')
  return ((after - before) * 8) / 1000 / (endMs - beganMs)
}
