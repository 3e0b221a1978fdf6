import assert from 'node:assert/strict'
import {calicoBird} from '../../lab/site/calico-node.ts'
import type {GatewayConfig} from '../../src/model/index.ts'
import type {Address} from '../../src/net/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {startBirds, type TestBird} from '../support/bird.ts'
import {createStar} from '../support/gateway-star.ts'
import {configOf, nodeOf, type Sketch, worldOf} from '../support/interconnect.ts'
import {eventually, type Namespace} from '../support/namespace.ts'
import {plain, wanPeer} from '../support/wan-peer.ts'

/** A gateway with a node on each of its LANs, whose router of the WAN gives it a default route and a network that holds the LAN's. */
const SKETCH: Sketch = {sites: [{name: 'a', number: 1}]}
const LINKS = {
  lan: ['192.168.1.1', '192.168.1.2'],
  lan2: ['192.168.2.1', '192.168.2.2'],
  wan: ['192.0.2.17', '192.0.2.18'],
} as const
const BLOCK = '10.1.11.0/26'

function textOf(): string {
  const config: GatewayConfig = {
    ...configOf(SKETCH, 'a'),
    nodes: {session: 'ibgp', localAs: 64512, nextHop: null},
    peers: [
      wanPeer({address: LINKS.wan[1] as Address, import: plain('0.0.0.0/0', '192.168.0.0/16'), defaultRoute: true}),
    ],
  }
  const world = worldOf(new Map(), [nodeOf('n1', LINKS.lan[1]), nodeOf('n2', LINKS.lan2[1])])
  return renderBird(planRouting({config, world, tunnels: [], passwords: new Map(), draining: false}).bird)
}

const nodeAt = ([gateway, address]: readonly [string, string], blocks: readonly string[]): string =>
  calicoBird({
    ...{address, as: 64512, blocks, pools: [], routes: 'bird'},
    peers: [{address: gateway, as: 64512, isClient: false}],
  })
const ROUTER = `router id ${LINKS.wan[1]};
protocol device {}
protocol static everywhere { ipv4; route 0.0.0.0/0 blackhole; route 192.168.0.0/16 blackhole; }
protocol bgp upstream { connect delay time 1; connect retry time 1; local as 64900; neighbor ${LINKS.wan[0]} as 4200000001;
  ipv4 { import all; export all; next hop self; }; }
`

describe('the next hop of what a node announces, on real BIRDs', function () {
  this.timeout(30_000)
  let spaces: Map<string, Namespace>
  let birds = new Map<string, TestBird>()
  const run = (command: string): string => spaces.get('gw')!.run(command).trim()
  const toldToOther = async (): Promise<boolean> =>
    (await birds.get('lan2')!.ask(`show route ${BLOCK}`)).includes('192.168.2.1')
  const shown = (prefix: string): string => run(`ip route show ${prefix}`)

  before(async () => {
    spaces = createStar(LINKS)
    birds = await startBirds(spaces, {
      ...{gw: textOf(), wan: ROUTER},
      ...{lan: nodeAt(LINKS.lan, [BLOCK]), lan2: nodeAt(LINKS.lan2, [])},
    })
  })
  after(async () => {
    for (const bird of birds.values()) await bird.remove()
    for (const space of spaces.values()) space.remove()
  })

  it('is on the network that both are on', async () => {
    await eventually(() => shown('192.168.0.0/16').includes('via 192.0.2.18'), 15_000)
    await eventually(() => shown('default').includes('via 192.0.2.18'), 5000)
    await eventually(() => shown(BLOCK).includes(`via ${LINKS.lan[1]} dev lan`), 15_000)
    await eventually(toldToOther, 10_000)
  })

  for (const [what, lose] of [
    ['down', 'ip link set lan down'],
    ['gone', 'ip link del lan'],
  ] as const) {
    it(`is nowhere while the LAN’s device is ${what}: never by a router of the WAN, while BGP still tells of the node`, async () => {
      run(lose)
      await eventually(
        async () => !(await birds.get('gw')!.ask('show route for 192.168.1.2')).includes('connected'),
        5000,
      )
      const told = await birds.get('gw')!.ask(`show route ${BLOCK}`)
      assert.match(told, /node_n1/, 'the session has not ended yet')
      assert.doesNotMatch(told, /via/)
      await eventually(async () => !(await toldToOther()), 3000)
      assert.match(run(`ip route get 10.1.11.5 2>&1 || true`), /unreachable|No route/)
    })
  }
})
