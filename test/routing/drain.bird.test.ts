import assert from 'node:assert/strict'
import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import type {GatewayConfig, GatewayName} from '../../src/model/index.ts'
import type {Address} from '../../src/net/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {TestBird} from '../support/bird.ts'
import {configOf, nodeOf, type Sketch, worldOf} from '../support/interconnect.ts'
import {createNamespace, eventually, type Namespace} from '../support/namespace.ts'
import {plain, wanPeer} from '../support/wan-peer.ts'

/**
 * Two gateways of one site between a node and a router of the WAN, and flows by both:
 *
 *     node (pods 10.1.7.0/26) ──┬── a1 ──┬── router (10.2.5.1, of a site without tunnel)
 *                               └── a2 ──┘
 */
const SKETCH: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
  ],
  pairs: {'a b': 'none'},
}

const GATEWAYS = {
  a1: {wan: '192.0.2.1', router: '192.0.2.2', lan: '192.168.1.253'},
  a2: {wan: '192.0.2.5', router: '192.0.2.6', lan: '192.168.1.254'},
} as const
type Gateway = keyof typeof GATEWAYS

function textOf(name: Gateway, draining: boolean): string {
  const {wan, router} = GATEWAYS[name]
  const base = configOf(SKETCH, 'a')
  const config: GatewayConfig = {
    ...base,
    gateway: name as string as GatewayName,
    uplinks: base.uplinks.map((uplink) => ({...uplink, address: wan as string as Address})),
    nodes: {session: 'ibgp', localAs: 64512, nextHop: null},
    peers: [wanPeer({address: router as string as Address, import: plain(), export: plain('192.0.2.0/24')})],
  }
  const world = worldOf(new Map(), [nodeOf('n1', '192.168.1.1')])
  return renderBird(planRouting({config, world, tunnels: [], passwords: new Map(), draining}).bird)
}

const TIMERS = 'connect delay time 1; connect retry time 1; error wait time 1, 1; graceful restart on;'

/** Does with the community what RFC 8326 asks for. */
const ROUTER = `router id 192.0.2.2;
protocol device { scan time 1; }
protocol direct { ipv4; }
protocol kernel { ipv4 { export where source = RTS_BGP; }; merge paths on; }
protocol static announced { ipv4; route 10.2.5.0/24 blackhole; }
${Object.entries(GATEWAYS)
  .map(
    ([name, {wan}]) => `protocol bgp to_${name} { local as 64900; neighbor ${wan} as 4200000001; ${TIMERS}
  ipv4 { export where proto = "announced"; next hop self;
    import filter { if (65535, 0) ~ bgp_community then bgp_local_pref = 0; accept; }; }; }`,
  )
  .join('\n')}
`

/** As Calico's: it knows no community. */
const NODE = `router id 192.168.1.1;
protocol device { scan time 1; }
protocol direct { ipv4; }
protocol kernel { ipv4 { export where source = RTS_BGP; }; merge paths on; }
protocol static blocks { ipv4; route 10.1.7.0/26 blackhole; }
${Object.entries(GATEWAYS)
  .map(
    ([
      name,
      {lan},
    ]) => `protocol bgp to_${name} { local 192.168.1.1 as 64512; neighbor ${lan} as 64512; multihop; ${TIMERS}
  ipv4 { import all; export where proto = "blocks"; }; }`,
  )
  .join('\n')}
`

const SOURCES = Array.from({length: 8}, (_, index) => `10.1.7.${index + 1}`)

describe('a gateway is emptied, taken away and brought back', function () {
  this.timeout(60_000)
  const spaces = new Map<string, Namespace>()
  const birds = new Map<string, TestBird>()
  const flows: {process: ChildProcess; said: string}[] = []

  const space = (name: string): Namespace => spaces.get(name)!
  /** Packets that came in over the gateway's two links. */
  const carried = (name: Gateway): number =>
    ['wan', 'lan']
      .map((device) => Number(space(name).run(`cat /sys/class/net/${device}/statistics/rx_packets`)))
      .reduce((sum, count) => sum + count, 0)
  const carriedIn = async (ms: number, name: Gateway): Promise<number> => {
    const before = carried(name)
    await new Promise((resolve) => setTimeout(resolve, ms))
    return carried(name) - before
  }
  const isQuiet = async (name: Gateway): Promise<boolean> => (await carriedIn(200, name)) < 20

  before(async () => {
    for (const name of ['node', 'a1', 'a2', 'router']) {
      spaces.set(name, createNamespace(name))
      space(name).run(`sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
        sysctl -qw net.ipv4.fib_multipath_hash_policy=0`)
    }
    space('node').run(`ip link add br0 type bridge; ip link set br0 up; ip addr add 192.168.1.1/24 dev br0
      ${SOURCES.map((address) => `ip addr add ${address}/32 dev lo`).join('\n')}`)
    space('router').run('ip addr add 10.2.5.1/32 dev lo')
    for (const [name, {wan, router, lan}] of Object.entries(GATEWAYS)) {
      space(name).run(`ip link add lan type veth peer name ${name} netns ${space('node').name}
        ip link add wan type veth peer name ${name} netns ${space('router').name}
        ip link set lan up; ip link set wan up; ip addr add ${lan}/24 dev lan; ip addr add ${wan}/30 dev wan`)
      space('node').run(`ip link set ${name} master br0 up`)
      space('router').run(`ip link set ${name} up; ip addr add ${router}/30 dev ${name}`)
    }
    for (const [name, text] of [
      ['node', NODE],
      ['router', ROUTER],
      ['a1', textOf('a1', false)],
      ['a2', textOf('a2', false)],
    ] as const) {
      const bird = new TestBird(space(name))
      birds.set(name, bird)
      await bird.start()
      await bird.reload(text)
    }
    for (const [where, prefix] of [
      ['node', '10.2.5.0/24'],
      ['router', '10.1.7.0/26'],
    ] as const) {
      await eventually(() => space(where).run(`ip route show ${prefix}`).split('nexthop').length === 3, 15_000)
    }
    for (const source of SOURCES) {
      const args = ['netns', 'exec', space('node').name, 'ping', '-i', '0.005', '-I', source, '10.2.5.1']
      const flow = {process: spawn('ip', args, {stdio: ['ignore', 'pipe', 'inherit']}), said: ''}
      flow.process.stdout!.on('data', (text) => {
        flow.said += text
      })
      flows.push(flow)
    }
    await eventually(() => flows.every(({said}) => said.includes('icmp_seq')))
  })
  after(async () => {
    for (const {process} of flows) process.kill('SIGKILL')
    for (const bird of birds.values()) await bird.remove()
    for (const one of spaces.values()) one.remove()
  })

  it('at first both carry', async () => {
    for (const name of ['a1', 'a2'] as const) assert.ok((await carriedIn(200, name)) > 40, name)
  })

  it('emptied, it carries nothing', async () => {
    await birds.get('a1')!.reload(textOf('a1', true))
    await eventually(() => isQuiet('a1'), 5000)
    assert.ok((await carriedIn(200, 'a2')) > 200)
  })

  it('taken away, nobody notices; back, and still drained, it stays empty', async () => {
    await birds.get('a1')!.kill()
    space('a1').run(
      'ip link set lan down; ip link set wan down; ip route flush proto bird; ip link set lan up; ip link set wan up',
    )
    await birds.get('a1')!.start()
    await eventually(
      async () => (await birds.get('a1')!.ask('show protocols')).match(/Established/g)?.length === 2,
      15_000,
    )
    // Its routes are in its kernel before anybody is asked to use them.
    await eventually(() => space('a1').run('ip route show 10.2.5.0/24') !== '', 15_000)
    assert.ok(await isQuiet('a1'))
  })

  it('no longer drained, it carries again', async () => {
    await birds.get('a1')!.reload(textOf('a1', false))
    await eventually(async () => (await carriedIn(200, 'a1')) > 40, 5000)
  })

  it('no packet was lost in all of this', async () => {
    for (const {process, said: _said} of flows) {
      const gone = once(process, 'exit')
      process.kill('SIGINT')
      await gone
    }
    for (const {said} of flows) {
      const seen = [...said.matchAll(/icmp_seq=(\d+) ttl/g)].map(([, number]) => Number(number))
      assert.ok(seen.length > 100, String(seen.length))
      // What was sent last may be on its way; between the first and the last answer none may be missing.
      assert.equal(new Set(seen).size, seen.at(-1)! - seen[0]! + 1, said.slice(-300))
    }
  })
})
