import assert from 'node:assert/strict'
import type {GatewayConfig, GatewayName} from '../../src/model/index.ts'
import type {Address, Prefix} from '../../src/net/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {startBirds, type TestBird} from '../support/bird.ts'
import {createStar} from '../support/gateway-star.ts'
import {configOf, type Sketch, worldOf} from '../support/interconnect.ts'
import {eventually, type Namespace} from '../support/namespace.ts'
import {plain, wanPeer} from '../support/wan-peer.ts'

/** One of two gateways of a site, whose router of the WAN gives it a default route. */
const SKETCH: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
  ],
  pairs: {'a b': 'none'},
}
const LINKS = {lan: ['192.168.1.1', '192.168.1.2'], wan: ['192.0.2.17', '192.0.2.18']} as const

function textOf(): string {
  const config: GatewayConfig = {
    ...configOf(SKETCH, 'a'),
    twin: 'a2' as GatewayName,
    lan: {device: 'lan', address: LINKS.lan[0] as Address, twin: LINKS.lan[1] as Address, watch: []},
    static: [{prefix: '10.1.200.0/24' as Prefix, via: LINKS.lan[1] as Address, labels: {}}],
    peers: [wanPeer({address: LINKS.wan[1] as Address, import: plain('0.0.0.0/0'), defaultRoute: true})],
  }
  const world = worldOf(new Map())
  return renderBird(planRouting({config, world, tunnels: [], passwords: new Map(), draining: false}).bird)
}

const TIMERS = 'connect delay time 1; connect retry time 1; error wait time 1, 1;'
const ROUTER = `router id ${LINKS.wan[1]};
protocol device {}
protocol static everywhere { ipv4; route 0.0.0.0/0 blackhole; }
protocol bgp upstream { ${TIMERS} local as 64900; neighbor ${LINKS.wan[0]} as 4200000001;
  ipv4 { import all; export all; next hop self; }; }
`

describe('a static prefix of one of two gateways, on real BIRDs', function () {
  this.timeout(30_000)
  let spaces: Map<string, Namespace>
  let birds = new Map<string, TestBird>()
  const route = (prefix: string): string => spaces.get('gw')!.run(`ip route show ${prefix}`).trim()
  const told = (): Promise<string> => birds.get('wan')!.ask('show route 10.1.200.0/24')

  before(async () => {
    spaces = createStar(LINKS)
    birds = await startBirds(spaces, {gw: textOf(), wan: ROUTER})
  })
  after(async () => {
    for (const bird of birds.values()) await bird.remove()
    for (const space of spaces.values()) space.remove()
  })

  it('goes by its next hop, and the WAN hears of it', async () => {
    await eventually(() => route('default').includes('via 192.0.2.18'), 10_000)
    await eventually(() => route('10.1.200.0/24').includes('via 192.168.1.2 dev lan'), 5000)
    await eventually(async () => (await told()).includes('upstream'), 5000)
  })

  it('never goes by the default route: with its next hop’s network lost it is unreachable, and told to nobody', async () => {
    spaces.get('gw')!.run('ip link set lan down')
    await eventually(() => !route('10.1.200.0/24').includes('dev lan'), 5000)
    assert.doesNotMatch(route('10.1.200.0/24'), /dev wan/)
    await eventually(async () => !(await told()).includes('upstream'), 5000)
  })

  it('is back with it', async () => {
    spaces.get('gw')!.run('ip link set lan up')
    await eventually(() => route('10.1.200.0/24').includes('via 192.168.1.2 dev lan'), 5000)
    await eventually(async () => (await told()).includes('upstream'), 5000)
  })

  it('is unreachable too where the network cannot be reached whatever its carrier says', async () => {
    spaces.get('gw')!.run('ip route add unreachable 192.168.1.0/30 table 1788')
    await eventually(async () => !(await told()).includes('upstream'), 5000)
    assert.doesNotMatch(route('10.1.200.0/24'), /dev/)
    spaces.get('gw')!.run('ip route del unreachable 192.168.1.0/30 table 1788')
    await eventually(() => route('10.1.200.0/24').includes('via 192.168.1.2 dev lan'), 5000)
  })
})
