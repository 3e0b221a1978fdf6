import assert from 'node:assert/strict'
import type {BlockAffinity, GatewayConfig, PeerName} from '../../src/model/index.ts'
import type {Address, Prefix} from '../../src/net/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {startBirds, type TestBird} from '../support/bird.ts'
import {createStar} from '../support/gateway-star.ts'
import {configOf, nodeOf, type Sketch, worldOf} from '../support/interconnect.ts'
import {eventually, type Namespace} from '../support/namespace.ts'
import {plain, wanPeer} from '../support/wan-peer.ts'

/** Two nodes with a block each, a gateway without tunnel to b, and two routers, of which one is told own prefixes whole. */
const SKETCH: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
  ],
  pairs: {'a b': 'none'},
}
const LINKS = {
  n1: ['192.168.1.1', '192.168.1.2'],
  n2: ['192.168.2.1', '192.168.2.2'],
  whole: ['192.0.2.17', '192.0.2.18'],
  parts: ['192.0.2.21', '192.0.2.22'],
} as const
const BLOCKS = {n1: '10.1.7.0/26', n2: '10.1.7.64/26'} as const

const affinity = (node: string, cidr: string): BlockAffinity => ({
  ...{kind: 'BlockAffinity', node, cidr: cidr as Prefix, state: 'confirmed'},
})

const router = (name: 'whole' | 'parts', aggregate: boolean) =>
  wanPeer({
    name: name as PeerName,
    address: LINKS[name][1] as Address,
    as: 64900,
    export: plain('192.0.2.0/24'),
    aggregate,
  })

function textOf(overrides: Partial<GatewayConfig> = {}, blocks = Object.entries(BLOCKS)): string {
  const config: GatewayConfig = {
    ...configOf(SKETCH, 'a'),
    nodes: {session: 'ibgp', localAs: 64512, nextHop: null},
    peers: [router('whole', true), router('parts', false)],
    ...overrides,
  }
  const nodes = [nodeOf('n1', LINKS.n1[1]), nodeOf('n2', LINKS.n2[1])]
  const world = worldOf(
    new Map(),
    nodes,
    blocks.map(([node, cidr]) => affinity(node, cidr)),
  )
  return renderBird(planRouting({config, world, tunnels: [], passwords: new Map(), draining: false}).bird)
}

const TIMERS = 'connect delay time 1; connect retry time 1; error wait time 1, 1;'
const node = (name: 'n1' | 'n2'): string => `router id ${LINKS[name][1]};
protocol device {}
protocol static blocks { ipv4; route ${BLOCKS[name]} blackhole; }
protocol bgp upstream { ${TIMERS} local ${LINKS[name][1]} as 64512; neighbor 192.0.2.8 as 64512; multihop;
  ipv4 { import all; export all; }; }
`
const wan = (name: 'whole' | 'parts'): string => `router id ${LINKS[name][1]};
protocol device {}
protocol bgp upstream { ${TIMERS} local as 64900; neighbor ${LINKS[name][0]} as 4200000001; ipv4 { import all; export none; }; }
`

describe('own prefixes told whole, on real BIRDs', function () {
  this.timeout(30_000)
  let spaces: Map<string, Namespace>
  let birds = new Map<string, TestBird>()
  /** What a router has of the site's own. */
  const told = async (name: string): Promise<string[]> =>
    [...(await birds.get(name)!.ask('show route where net ~ [ 10.0.0.0/8+ ]')).matchAll(/^10\S+/gm)]
      .map(([net]) => net)
      .sort()
  const isTold = (name: string, ...nets: string[]) =>
    eventually(async () => (await told(name)).join() === nets.sort().join(), 8000).catch(async () => {
      assert.deepEqual(await told(name), nets)
    })

  before(async () => {
    spaces = createStar(LINKS)
    const texts = {gw: textOf(), n1: node('n1'), n2: node('n2'), whole: wan('whole'), parts: wan('parts')}
    birds = await startBirds(spaces, texts)
  })
  after(async () => {
    for (const bird of birds.values()) await bird.remove()
    for (const space of spaces.values()) space.remove()
  })

  it('one router hears the whole, the other its parts', async () => {
    await isTold('whole', '10.1.0.0/16')
    await isTold('parts', '10.1.7.0/26', '10.1.7.64/26')
    assert.match(await birds.get('whole')!.ask('show route 10.1.0.0/16 all'), /as_path: 4200000001\n/)
  })

  it('in the kernel the whole is unreachable, and its parts are not', () => {
    const routes = spaces.get('gw')!.run('ip route show root 10.1.0.0/16')
    assert.match(routes, /unreachable 10\.1\.0\.0\/16 /)
    assert.match(routes, /10\.1\.7\.0\/26 via 192\.168\.1\.2 dev n1/)
  })

  it('with one part gone the whole is still told; with the last it goes, and no daemon is asked', async () => {
    await birds.get('n1')!.ask('disable upstream')
    await isTold('parts', '10.1.7.64/26')
    await isTold('whole', '10.1.0.0/16')
    await birds.get('n2')!.ask('disable upstream')
    await isTold('parts')
    await isTold('whole')
    assert.match(spaces.get('gw')!.run('ip route show 10.1.0.0/16'), /unreachable/)
    await birds.get('n2')!.ask('enable upstream')
    await isTold('whole', '10.1.0.0/16')
  })

  it('a node that is lost with its link takes the whole with it', async () => {
    spaces.get('gw')!.run('ip link set n2 down')
    await isTold('whole')
    spaces.get('gw')!.run('ip link set n2 up; ip route replace 192.168.2.0/30 dev n2')
    await isTold('whole', '10.1.0.0/16')
  })

  it('a part that nobody knows of is told to those who hear parts, and stands for nothing', async () => {
    await birds.get('gw')!.reload(textOf({}, [['n1', BLOCKS.n1]]))
    await isTold('parts', '10.1.7.64/26')
    await isTold('whole')
  })
})
