import assert from 'node:assert/strict'
import {spawn} from 'node:child_process'
import type {GatewayConfig, PeerName, SiteName} from '../../src/model/index.ts'
import type {Address} from '../../src/net/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {TestBird} from '../support/bird.ts'
import {createStar} from '../support/gateway-star.ts'
import {configOf, type Sketch, viewOf, worldOf} from '../support/interconnect.ts'
import {eventually, type Namespace} from '../support/namespace.ts'
import {plain, wanPeer} from '../support/wan-peer.ts'

/**
 * b's gateway has two routers between, c's is on the line to one of them too; etcds of b's are a relay on the own LAN, and one inside
 * b's own prefix:
 *
 *                               ┌── router r1, 192.0.2.18 ──┐
 *     relay 192.168.1.2 ── gw ──┤                           ├── 198.51.100.16 (b)
 *                               ├── router r2, 192.0.2.34 ──┘
 *                               └── 192.0.2.19 (c)
 */
const SKETCH: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
    {name: 'c', number: 3},
  ],
}
const LINKS = {
  lan: ['192.168.1.1', '192.168.1.2'],
  r1: ['192.0.2.17', '192.0.2.18'],
  r2: ['192.0.2.33', '192.0.2.34'],
} as const
const [FAR, NEAR, RELAY, WITHIN] = ['198.51.100.16', '192.0.2.19', '192.168.1.2', '10.2.0.254'] as const

function textOf(): string {
  const base = configOf(SKETCH, 'a')
  const at = (name: string, address: string) => {
    const view = viewOf(SKETCH, name)
    const gateways = view.gateways.map((one) => ({
      ...one,
      uplinks: one.uplinks.map((uplink) => ({...uplink, address: address as Address})),
    }))
    return [name as SiteName, {...view, gateways}] as const
  }
  const b = base.sites.get('b' as SiteName)!
  const config: GatewayConfig = {
    ...base,
    sites: new Map([...base.sites, [b.name, {...b, endpoints: [RELAY, WITHIN].map((host) => `https://${host}:2379`)}]]),
    peers: (['r1', 'r2'] as const).map((name) =>
      wanPeer({
        name: name as string as PeerName,
        address: LINKS[name][1] as Address,
        import: plain('0.0.0.0/0'),
        defaultRoute: true,
      }),
    ),
  }
  const world = worldOf(new Map([at('b', FAR), at('c', NEAR)]))
  return renderBird(planRouting({config, world, tunnels: [], passwords: new Map(), draining: false}).bird)
}

const TIMERS = 'connect delay time 1; connect retry time 1; error wait time 1, 1;'
/** Routers of a WAN tell of networks, and seldom of a gateway's one address. */
const routerOf = (name: 'r1' | 'r2'): string => `router id ${LINKS[name][1]};
protocol device {}
protocol static nets { ipv4; route 198.51.100.0/24 blackhole; route 0.0.0.0/0 blackhole; }
protocol static host { disabled; ipv4; route ${FAR}/32 blackhole; }
protocol bgp up { ${TIMERS} local as 64900; neighbor ${LINKS[name][0]} as 4200000001;
  ipv4 { import none; export all; next hop self; }; }
`

describe('ways to other gateways without BGP, on real BIRDs', function () {
  this.timeout(30_000)
  let spaces: Map<string, Namespace>
  const birds = new Map<string, TestBird>()
  /** By which routers, or on which line. */
  const ways = (address: string): string => {
    const shown = spaces
      .get('gw')!
      .run(`ip route show match ${address}`)
      .trim()
      .split(/\n(?=\S)/)
    const longest = shown.sort((a, b) => lengthOf(b) - lengthOf(a))[0] ?? ''
    return [...longest.matchAll(/(?:via (\S+) )?dev (\S+)/g)].map(([, via, device]) => via ?? device).join(' ')
  }

  before(async () => {
    spaces = createStar(LINKS)
    // A line with room for more than two.
    spaces.get('gw')!.run('ip addr del 192.0.2.17/30 dev r1; ip addr add 192.0.2.17/28 dev r1')
    for (const [name, text] of Object.entries({r1: routerOf('r1'), r2: routerOf('r2')})) {
      birds.set(name, await new TestBird(spaces.get(name)!, text).start())
      await birds.get(name)!.ask('disable nets')
    }
    const gw = new TestBird(spaces.get('gw')!)
    birds.set('gw', gw)
    await gw.start()
    await gw.reload(textOf())
  })
  after(async () => {
    for (const bird of birds.values()) await bird.remove()
    for (const space of spaces.values()) space.remove()
  })

  it('lead by all routers, from the uplink’s address, while none has told of anything', async () => {
    await eventually(() => ways(FAR) === '192.0.2.18 192.0.2.34', 5000)
    assert.match(spaces.get('gw')!.run(`ip route show ${FAR}`), / src 192\.0\.2\.8 /)
  })

  it('are none where a router tells of the network: BGP says by which, and a router that is lost is not gone by', async () => {
    await birds.get('r2')!.ask('enable nets')
    await eventually(() => ways(FAR) === '192.0.2.34', 10_000)
    await birds.get('r1')!.ask('enable nets')
    await eventually(() => ways(FAR) === '192.0.2.18 192.0.2.34', 5000)
    await birds.get('r2')!.ask('disable up')
    await eventually(() => ways(FAR) === '192.0.2.18', 5000)
    assert.equal(ways(WITHIN), '192.0.2.18 192.0.2.34', 'what covers it is unreachable, not the default route')
    await birds.get('r1')!.ask('disable up')
    await eventually(() => ways(FAR) === '192.0.2.18 192.0.2.34', 5000)
  })

  it('follow in one step where a router told of the address itself: the kernel is never without', async () => {
    await birds.get('r1')!.ask('disable nets')
    await birds.get('r1')!.ask('enable host')
    await birds.get('r1')!.ask('enable up')
    await eventually(() => ways(FAR) === '192.0.2.18', 10_000)
    const monitor = spawn('ip', ['-n', spaces.get('gw')!.name, 'monitor', 'route'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let seen = ''
    monitor.stdout.on('data', (chunk) => {
      seen += chunk
    })
    try {
      // What it says first is the line's own doing; then it is listening.
      spaces.get('gw')!.run('ip route add blackhole 203.0.113.1; ip route del blackhole 203.0.113.1')
      await eventually(() => seen.includes('203.0.113.1'))
      await birds.get('r1')!.ask('disable up')
      await eventually(() => ways(FAR) === '192.0.2.18 192.0.2.34', 5000)
      await eventually(() => seen.includes(FAR))
      assert.doesNotMatch(seen, new RegExp(`Deleted ${FAR}`))
    } finally {
      monitor.kill('SIGKILL')
    }
  })

  it('are none to who is on a line of this gateway', () => {
    assert.equal(ways(NEAR), 'r1')
    assert.equal(ways(RELAY), 'lan')
  })

  it('are there while that line is lost', async () => {
    const gw = spaces.get('gw')!
    gw.run('ip link set lan down')
    await eventually(() => ways(RELAY) === '192.0.2.18 192.0.2.34', 5000)
    gw.run('ip link set lan up')
    await eventually(() => ways(RELAY) === 'lan', 5000)
  })
})

const lengthOf = (route: string): number => {
  const [, length = '32'] = /^(?:unreachable )?[\d.]+(?:\/(\d+))?/.exec(route) ?? ['', '0']
  return Number(length)
}
