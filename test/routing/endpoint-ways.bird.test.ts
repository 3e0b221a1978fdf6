import assert from 'node:assert/strict'
import {calicoBird} from '../../lab/site/calico-node.ts'
import type {GatewayConfig, SiteName} from '../../src/model/index.ts'
import type {Address, Prefix} from '../../src/net/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {renderTunnelCommands} from '../../src/tunnels/index.ts'
import {startBirds, type TestBird} from '../support/bird.ts'
import {createStar} from '../support/gateway-star.ts'
import {configOf, nodeOf, planAll, type Sketch, worldOf} from '../support/interconnect.ts'
import {eventually, type Namespace} from '../support/namespace.ts'
import {plain, wanPeer} from '../support/wan-peer.ts'

/** Etcds of b's: behind relays in pods of the own site, and in a pod of b's. A router of the WAN gives a default route. */
const SKETCH: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
  ],
  pairs: {'a b': 'vxlan'},
}
const LINKS = {
  lan: ['192.168.1.1', '192.168.1.2'],
  wan: ['192.0.2.33', '192.0.2.34'],
  siteb: ['192.0.2.37', '192.0.2.38'],
} as const
const BLOCK = '10.1.11.0/26'
/** What a node tells of that is no block of a pool. */
const SERVICES = '10.1.96.0/24'
const [OF_NODE, OF_SERVICE, OF_RACK, OF_B] = ['10.1.11.5', '10.1.96.5', '10.1.200.5', '10.2.200.5'] as const

const rack = (prefix: string, via: string): GatewayConfig['static'] => [
  {prefix: prefix as Prefix, via: via as Address, labels: {}},
]

const BEHIND = {
  nodes: [nodeOf('n1', LINKS.lan[1])],
  blocks: [{kind: 'BlockAffinity', cidr: BLOCK as Prefix, node: 'n1', state: 'confirmed'}],
} as const

function configs(): Map<string, GatewayConfig> {
  const base = configOf(SKETCH, 'a')
  const b = base.sites.get('b' as SiteName)!
  const endpoints = [OF_NODE, OF_SERVICE, OF_RACK, OF_B].map((host) => `https://${host}:2379`)
  const a: GatewayConfig = {
    ...base,
    sites: new Map([[b.name, {...b, endpoints}]]),
    nodes: {session: 'ibgp', localAs: 64512, nextHop: null},
    static: rack('10.1.200.0/24', LINKS.lan[1]),
    peers: [wanPeer({address: LINKS.wan[1] as Address, import: plain('0.0.0.0/0'), defaultRoute: true})],
  }
  return new Map([
    ['a', a],
    ['b', configOf(SKETCH, 'b', {static: rack('10.2.200.0/24', '192.168.2.7')})],
  ])
}

const NODE = calicoBird({
  ...{address: LINKS.lan[1], as: 64512, blocks: [BLOCK, SERVICES], pools: [], routes: 'bird'},
  peers: [{address: LINKS.lan[0], as: 64512, isClient: false}],
})
const ROUTER = `router id ${LINKS.wan[1]};
protocol device {}
protocol static everywhere { ipv4; route 0.0.0.0/0 blackhole; }
protocol bgp upstream { connect delay time 1; connect retry time 1; local as 64900; neighbor ${LINKS.wan[0]} as 4200000001;
  ipv4 { import none; export all; next hop self; }; }
`

describe('ways to endpoints inside of prefixes of sites, on real BIRDs', function () {
  this.timeout(30_000)
  let spaces: Map<string, Namespace>
  let birds = new Map<string, TestBird>()
  const gw = (command: string): string => spaces.get('gw')!.run(command).trim()
  const way = (address: string): string => / dev (\S+)/.exec(gw(`ip route get ${address} 2>&1 || true`))?.[1] ?? 'none'

  before(async () => {
    spaces = createStar(LINKS)
    const b = spaces.get('siteb')!
    b.run(`ip addr add 192.0.2.16/32 dev lo; ip link add lan type veth peer name far; ip link set far up
      ip link set lan up; ip addr add 192.168.2.1/24 dev lan`)
    gw(`ip route add 192.0.2.16 via ${LINKS.siteb[1]}`)
    const texts: Record<string, string> = {lan: NODE, wan: ROUTER}
    for (const [name, {config, sites, plan}] of planAll(SKETCH, configs())) {
      const space = name === 'a' ? 'gw' : 'siteb'
      spaces.get(space)!.run(renderTunnelCommands(plan))
      const world = name === 'a' ? {sites, ...BEHIND} : worldOf(sites)
      texts[space] = renderBird(
        planRouting({config, world, tunnels: plan.tunnels, passwords: new Map(), draining: false}).bird,
      )
    }
    birds = await startBirds(spaces, texts)
  })
  after(async () => {
    for (const bird of birds.values()) await bird.remove()
    for (const space of spaces.values()) space.remove()
  })

  it('lead to pods that a node or a static prefix has, and through the tunnel to the other site’s: not to the WAN', async () => {
    await eventually(() => gw('ip route show default').includes('via'), 10_000)
    await eventually(() => gw('ip route show 10.1.11.0/26').includes('dev lan'), 10_000)
    await eventually(() => gw('ip route show 10.2.200.0/24').includes('dev is-b-'), 10_000)
    await eventually(() => way(OF_SERVICE) === 'lan', 5000)
    assert.deepEqual([OF_NODE, OF_RACK].map(way), ['lan', 'lan'])
    await eventually(() => way(OF_B).startsWith('is-b-'), 5000)
  })

  it('lead to the other site’s by the WAN while no tunnel does, as what the tunnel needs may have to be read there', async () => {
    const device = way(OF_B)
    gw(`ip link set ${device} down`)
    await eventually(() => way(OF_B) === 'wan', 5000)
    gw(`ip link set ${device} up`)
    await eventually(() => way(OF_B) === device, 10_000)
  })

  it('lead nowhere to own pods while the LAN is lost', async () => {
    gw('ip link set lan down')
    await eventually(() => [OF_NODE, OF_RACK].every((address) => way(address) === 'none'), 5000)
  })
})
