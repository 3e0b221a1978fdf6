import {readFileSync} from 'node:fs'
import {setTimeout as delay} from 'node:timers/promises'
import {parseGatewayConfig} from '../../src/config/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {TestBird} from '../../test/support/bird.ts'
import {TestFrr} from '../../test/support/frr.ts'
import {createNamespace, eventually, type Namespace} from '../../test/support/namespace.ts'
import {type BenchOptions, type BenchResult, medianOf} from '../result.ts'

const ROUNDS = {full: 10, quick: 2}
const MANY = 10_000
/** Own addresses, host routes and routes with a refused community, so many of each, which the filter is to find. */
const REFUSED = 1_000
const FLOOD = {full: 1_000_000, quick: 200_000}
const LIMIT = 100_000
const FLOOD_MS = 10_000
const PATIENCE_MS = 60_000

/** What a site's engineers would write: more than one look at each route. */
const GATEWAY = `version: 1
site: a
gateway: a1
as: 4200000001
interconnect: [100.64.0.0/16]
default: deny
uplinks: [{name: wan, address: 192.0.2.1, inner: [100.64.1.0, 100.64.1.1]}]
owns: [10.1.0.0/16]
datastores:
  - {name: main, kind: calico, endpoints: [https://10.1.0.2:2379], tls: {ca: /c, cert: /c, key: /k}, export: {}}
sites:
  b: {owns: [10.2.0.0/16], endpoints: [https://203.0.113.2:2379], tls: {ca: /c, cert: /c, key: /k}}
authorities: [a]
peers:
  - name: r1
    address: 192.0.2.254
    as: 64900
    gracefulRestart: false
    import:
      - {asPath: {from: 65001}, action: reject}
      - {communities: ["64900:666", "large:64900:9:*"], action: reject}
      - {prefixes: [{prefix: 10.0.0.0/8, ge: 16, le: 24}], action: accept, set: {localPreference: 50}}
      - prefixes: [{prefix: 172.16.0.0/12, ge: 20, le: 30}]
        action: accept
        set: {localPreference: 200, removeCommunities: ["64900:*"], addCommunities: ["large:64900:5:5"]}
  - {name: r2, address: 198.51.100.2, as: 64902, maxPrefixes: {limit: ${LIMIT}, action: block}, import: [20.0.0.0/6]}
`

const number = (index: number): string => `${(index >> 6) & 255}.${(index & 63) << 2}`
const accepted = Array.from({length: MANY}, (_, index) => `172.${16 + (index >> 14)}.${number(index)}/30`)
const refused = [
  ...Array.from({length: REFUSED}, (_, index) => `10.1.${index >> 8}.${index & 255}/32`),
  ...Array.from({length: REFUSED}, (_, index) => `172.30.${index >> 8}.${index & 255}/32`),
]
const tagged = Array.from({length: REFUSED}, (_, index) => `172.31.${number(index)}/30`)

const FRR = `
router bgp 64900
 bgp router-id 192.0.2.254
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 192.0.2.1 remote-as 4200000001
 neighbor 192.0.2.1 timers connect 1
 neighbor 192.0.2.1 advertisement-interval 0
 neighbor 192.0.2.1 shutdown
 address-family ipv4 unicast
${[...accepted, ...refused].map((prefix) => `  network ${prefix}`).join('\n')}
${tagged.map((prefix) => `  network ${prefix} route-map TAGGED`).join('\n')}
 exit-address-family
exit
route-map TAGGED permit 10
 set community 64900:666
exit
`

/** Routes of 20.0.0.0/6, /28 and /30 apart so that a million fits. */
const floodingRouter = (count: number): string => `router id 198.51.100.2;
protocol device {}
protocol static flood { ipv4 { export none; };
${Array.from({length: count}, (_, index) => `route ${20 + (index >> 20)}.${(index >> 12) & 255}.${(index >> 4) & 255}.${(index & 15) << 4}/28 blackhole;`).join('\n')}
}
protocol bgp isthmus {
  disabled; local 198.51.100.2 as 64902; neighbor 198.51.100.1 as 4200000001; connect delay time 1; connect retry time 1;
  ipv4 { import none; export where proto = "flood"; };
}
`

/** A router of the WAN begins to speak to a gateway whose BIRD is as Isthmus configures it: until the kernel has its routes. */
export async function wanRoutes({quick}: BenchOptions): Promise<readonly BenchResult[]> {
  const {config, findings} = parseGatewayConfig(GATEWAY, 'gateway.yaml')
  if (!config) throw new Error(`the bench is wrong: ${JSON.stringify(findings)}`)
  const planned = planRouting({
    ...{config, world: {sites: new Map(), nodes: [], blocks: []}, tunnels: [], passwords: new Map(), draining: false},
  })
  const [gateway, r1, r2] = ['gateway', 'r1', 'r2'].map(createNamespace) as [Namespace, Namespace, Namespace]
  wire(gateway, r1, 'r1', ['192.0.2.1/24', '192.0.2.254/24'])
  wire(gateway, r2, 'r2', ['198.51.100.1/30', '198.51.100.2/30'])
  const bird = new TestBird(gateway)
  const flooding = new TestBird(r2, floodingRouter(quick ? FLOOD.quick : FLOOD.full))
  let frr: TestFrr | null = null
  try {
    await bird.start()
    await bird.reload(renderBird(planned.bird))
    frr = await new TestFrr(r1, FRR).start()
    const ask = (...lines: string[]): string => frr!.ask(lines.join("' -c '"))
    const neighbor = (word: string) =>
      ask('configure terminal', 'router bgp 64900', `${word} neighbor 192.0.2.1 shutdown`)
    const seconds: number[] = []
    const sinceSession: number[] = []
    for (let round = 0; round < (quick ? ROUNDS.quick : ROUNDS.full); round++) {
      const watch = whenMore(bird, MANY)
      const established = eventually(async () => (await received(bird)) > 0 && performance.now(), PATIENCE_MS)
      const beganMs = performance.now()
      neighbor('no')
      const endMs = await watch
      seconds.push((endMs - beganMs) / 1000)
      sinceSession.push((endMs - (await established)) / 1000)
      await exactly(gateway, 'r1', MANY)
      neighbor('')
      await eventually(() => routesBy(gateway, 'r1') === 0, PATIENCE_MS)
    }
    neighbor('no')
    await eventually(() => routesBy(gateway, 'r1') === MANY, PATIENCE_MS)
    return [
      {name: `bgp/${MANY}-prefixes/seconds`, ...medianOf(seconds), unit: 's', goal: '<=5'},
      {name: `bgp/${MANY}-prefixes/since-first-route/seconds`, ...medianOf(sinceSession), unit: 's'},
      ...(await flood(gateway, bird, flooding)),
    ]
  } finally {
    await frr?.remove()
    await flooding.remove()
    await bird.remove()
    for (const space of [gateway, r1, r2]) space.remove()
  }
}

/** A router that says far too much: what is taken is bounded, and all that was there before stays. */
async function flood(gateway: Namespace, bird: TestBird, flooding: TestBird): Promise<BenchResult[]> {
  await flooding.start()
  const beganMs = performance.now()
  await flooding.ask('enable isthmus')
  let seconds = Number.NaN
  const watch = whenMore(bird, LIMIT).then((endMs) => {
    seconds = (endMs - beganMs) / 1000
  })
  let longestMs = 0
  // Most of the flood comes after the limit.
  while (performance.now() < beganMs + FLOOD_MS) {
    const askedMs = performance.now()
    await bird.ask('show status')
    longestMs = Math.max(longestMs, performance.now() - askedMs)
    await delay(20)
  }
  await watch
  await exactly(gateway, 'r2', LIMIT)
  await exactly(gateway, 'r1', MANY)
  const text = await bird.ask('show protocols all')
  if (!/\[HIT\]/.test(text)) throw new Error(`the limit was not hit: ${text}`)
  const rss = Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${bird.pid}/status`, 'utf8'))![1]) / 1024
  return [
    {name: 'bgp/flood/limit-in-kernel/seconds', value: seconds, unit: 's'},
    {name: 'bgp/flood/routes-in-kernel', value: routesBy(gateway, 'r2'), unit: 'routes', goal: `<=${LIMIT}`},
    {name: 'bgp/flood/bird-answers-after/max-ms', value: longestMs, unit: 'ms'},
    {name: 'bgp/flood/bird-rss-mib', value: rss, unit: 'MiB'},
  ]
}

function wire(gateway: Namespace, router: Namespace, device: string, [near, far]: readonly [string, string]): void {
  gateway.run(`ip link add ${device} type veth peer name wan netns ${router.name}
    ip link set ${device} up; ip address add ${near} dev ${device}`)
  router.run(`ip link set wan up; ip address add ${far} dev wan`)
}

async function received(bird: TestBird): Promise<number> {
  const text = await bird.ask('show protocols all')
  const session = text.split(/\n(?=\S)/).find((part) => part.includes('192.0.2.254')) ?? ''
  return Number(/Routes:\s+(\d+) imported/.exec(session)?.[1] ?? 0)
}

const routesBy = (gateway: Namespace, device: string): number =>
  gateway.run(`ip route show dev ${device} proto bird`).split('\n').filter(Boolean).length

/** All that pass the filter, and nothing else. */
async function exactly(gateway: Namespace, device: string, count: number): Promise<void> {
  await delay(200)
  const found = routesBy(gateway, device)
  if (found !== count) throw new Error(`${found} routes by ${device} in the kernel, not ${count}`)
}

/** Prefixes in the kernel's table, without the time that a listing takes. */
function prefixesIn(bird: TestBird): number {
  const text = readFileSync(`/proc/${bird.pid}/net/fib_triestat`, 'utf8')
  return Number(/^Main:$.*?Prefixes:\s*(\d+)/ms.exec(text)![1])
}

/** When so many more prefixes than now are in the kernel. */
async function whenMore(bird: TestBird, count: number): Promise<number> {
  const wanted = prefixesIn(bird) + count
  const lateMs = performance.now() + PATIENCE_MS
  while (prefixesIn(bird) < wanted) {
    if (performance.now() > lateMs) throw new Error(`${wanted - prefixesIn(bird)} of ${count} routes are missing`)
    await delay(5)
  }
  return performance.now()
}
