import assert from 'node:assert/strict'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {renderTunnelCommands} from '../../src/tunnels/index.ts'
import {TestBird} from '../support/bird.ts'
import {configOf, nodeOf, planAll, type Sketch, uplinksOf, worldOf} from '../support/interconnect.ts'
import {createNamespace, eventually, type Namespace} from '../support/namespace.ts'

/**
 *     node ── a ══ vxlan, both families inside ══ b
 *
 * The node of a speaks as calico/node's second BIRD does: IPv6, in a session between addresses of that family.
 */
const site = (name: string, number: number) =>
  ({name, number, inner: [4, 6], owns: [`10.${number}.0.0/16`, `fd10:${number}::/48`]}) as const
const SKETCH: Sketch = {sites: [site('a', 1), site('b', 2)], pairs: {'a b': 'vxlan'}}
const [LAN, NODE] = ['fd00:1::fe', 'fd00:1::11'] as const

// No IPv4, or BIRD's first routes would wait ten seconds for that session.
const OWN_NODE = nodeOf('n1', NODE)

const NODE_CONFIG = `
router id 192.168.1.11;
protocol device {}
protocol direct { ipv6; }
protocol kernel { ipv6 { export where source = RTS_BGP; }; }
protocol static blocks { ipv6; route fd10:1:0:7::/122 blackhole; route fd10:9::/122 blackhole; }
protocol bgp isthmus {
  local ${NODE} as 64512; neighbor ${LAN} as 64512; multihop;
  connect delay time 1; connect retry time 1; error wait time 1, 1; graceful restart on;
  ipv6 { import all; export filter { if proto != "blocks" then reject; bgp_local_pref = 2147482623; accept; }; };
}
`

describe('a node over IPv6, on real BIRDs', function () {
  this.timeout(30_000)
  const spaces = new Map<string, Namespace>()
  const birds: TestBird[] = []
  const routes = (name: string, prefix: string): string => spaces.get(name)!.run(`ip -6 route show ${prefix}`).trim()

  before(async () => {
    const nodes = {session: 'ibgp', localAs: 64512, nextHop: null} as const
    const far = {prefix: 'fd10:2:0:5::/64', via: 'fd00:2::7', labels: {}}
    const configs = new Map([
      ['a', configOf(SKETCH, 'a', {nodes})],
      ['b', configOf(SKETCH, 'b', {static: [far as never]})],
    ])
    for (const name of ['a', 'b', 'node']) {
      spaces.set(name, createNamespace(name))
      spaces.get(name)!.run('sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0')
    }
    const [a, b] = [spaces.get('a')!, spaces.get('b')!]
    a.run(`ip link add wan type veth peer name wan netns ${b.name}
      ip link add lan type veth peer name eth0 netns ${spaces.get('node')!.name}
      ip link set wan up; ip link set lan up; ip addr add ${LAN}/64 dev lan nodad`)
    b.run(
      'ip link set wan up; ip link add lan type bridge; ip link add end type veth peer name far; ip link set end up; ip link set far up master lan; ip link set lan up; ip addr add fd00:2::fe/64 dev lan nodad',
    )
    spaces.get('node')!.run(`ip link set lo up; ip link set eth0 up; ip addr add ${NODE}/64 dev eth0 nodad`)
    for (const [name, {config, sites, plan}] of planAll(SKETCH, configs)) {
      const [uplink] = uplinksOf(SKETCH.sites.find((one) => one.name === name)!)
      spaces.get(name)!.run(`ip addr add ${uplink!.address}/24 dev wan\n${renderTunnelCommands(plan)}`)
      const world = worldOf(sites, name === 'a' ? [OWN_NODE] : [])
      const {bird, findings} = planRouting({
        ...{config, world, tunnels: plan.tunnels, passwords: new Map(), draining: false},
      })
      assert.deepEqual(findings, [])
      birds.push(await new TestBird(spaces.get(name)!, renderBird(bird)).start())
    }
    birds.push(await new TestBird(spaces.get('node')!, NODE_CONFIG).start())
  })
  after(async () => {
    for (const bird of birds) await bird.remove()
    for (const space of spaces.values()) space.remove()
  })

  it('its block comes in, what is not the site’s does not, and it reaches the other site', async () => {
    await eventually(() => routes('a', 'fd10:1:0:7::/122').includes(`via ${NODE}`))
    await eventually(() => routes('b', 'fd10:1:0:7::/122').includes('dev is-'))
    assert.equal(routes('a', 'fd10:9::/122'), '')
  })

  it('it learns the other site’s prefix, by the gateway', async () => {
    await eventually(() => routes('node', 'fd10:2:0:5::/64').includes(`via ${LAN}`))
  })
})
