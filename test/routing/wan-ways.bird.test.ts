import assert from 'node:assert/strict'
import type {GatewayConfig, SiteName} from '../../src/model/index.ts'
import type {Address} from '../../src/net/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {TestBird} from '../support/bird.ts'
import {createStar} from '../support/gateway-star.ts'
import {configOf, type Sketch, viewOf, worldOf} from '../support/interconnect.ts'
import {eventually, type Namespace} from '../support/namespace.ts'
import {plain, wanPeer} from '../support/wan-peer.ts'

/**
 * b's gateway has a router between, c's is on the line to that router too; an etcd of b's is asked by a relay on the own LAN:
 *
 *     relay 192.168.1.2 ── gw ──┬── router 192.0.2.18, to 198.51.100.16 (b)
 *                               └── 192.0.2.19 (c)
 */
const SKETCH: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
    {name: 'c', number: 3},
  ],
}
const LINKS = {lan: ['192.168.1.1', '192.168.1.2'], wan: ['192.0.2.17', '192.0.2.18']} as const
const [FAR, NEAR, RELAY] = ['198.51.100.16', '192.0.2.19', '192.168.1.2']

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
    sites: new Map([...base.sites, [b.name, {...b, endpoints: [`https://${RELAY}:2379`]}]]),
    peers: [wanPeer({address: LINKS.wan[1] as Address, import: plain('0.0.0.0/0'), defaultRoute: true})],
  }
  const world = worldOf(new Map([at('b', FAR!), at('c', NEAR!)]))
  return renderBird(planRouting({config, world, tunnels: [], passwords: new Map(), draining: false}).bird)
}

describe('ways to other gateways without BGP, on a real BIRD', function () {
  this.timeout(30_000)
  let spaces: Map<string, Namespace>
  let bird: TestBird
  const way = (address: string): string =>
    spaces.get('gw')!.run(`ip route get ${address} || true`).split('\n')[0]!.trim()

  before(async () => {
    spaces = createStar(LINKS)
    // A line with room for more than two.
    spaces.get('gw')!.run('ip addr del 192.0.2.17/30 dev wan; ip addr add 192.0.2.17/28 dev wan')
    bird = new TestBird(spaces.get('gw')!)
    await bird.start()
    await bird.reload(textOf())
    await eventually(() => way(FAR!).includes('via 192.0.2.18'), 5000)
  })
  after(async () => {
    await bird.remove()
    for (const space of spaces.values()) space.remove()
  })

  it('lead by a router to who is behind it, from the uplink’s address', () => {
    assert.match(way(FAR!), /^198\.51\.100\.16 via 192\.0\.2\.18 dev wan src 192\.0\.2\.8/)
  })

  it('lead to who is on a line of this gateway by that line alone', () => {
    assert.doesNotMatch(way(NEAR!), / via 192\.0\.2\.18 /)
    assert.match(way(NEAR!), / dev wan /)
    assert.match(way(RELAY!), / dev lan /)
  })

  it('go by the router while that line is lost, and by the line when it is back', async () => {
    const gw = spaces.get('gw')!
    gw.run('ip link set lan down')
    await eventually(() => way(RELAY!).includes('via 192.0.2.18'), 5000)
    gw.run('ip link set lan up')
    await eventually(() => way(RELAY!).includes('dev lan'), 5000)
  })
})
