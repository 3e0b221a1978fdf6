import assert from 'node:assert/strict'
import {allHosts, type CalicoNodeSketch, calicoBird, felixRoutes, poolsOf} from '../../lab/site/calico-node.ts'
import type {CalicoNode, GatewayConfig, NodeSessions} from '../../src/model/index.ts'
import type {Address, Prefix} from '../../src/net/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {renderTunnelCommands} from '../../src/tunnels/index.ts'
import {siteObjects} from '../../src/writeback/index.ts'
import {TestBird} from '../support/bird.ts'
import {configOf, nodeOf, planAll, type Sketch, uplinksOf, worldOf} from '../support/interconnect.ts'
import {createNamespace, eventually, type Namespace} from '../support/namespace.ts'

/**
 * Every place that nodes can be in, on real BIRDs; gateways have tunnels to each other over one LAN of a WAN.
 *
 *     a (64512 in each of its clusters)            b                                   d
 *     rr ─┐ reflects to worker                     calico ─┐ 64512 too                 felix ─┐ router ─ gateway
 *     worker  no session with the gateway          flannel │ static routes             bird  ─┘ Calico's IPIP
 *     other ─┘ another cluster                     vpc ────┘ a route table
 *     echo1, echo2  eBGP, each says what the other does
 *
 * In d the devices only have an ipip device's name: the scenario `routed-nodes` has packets in them.
 */
const SKETCH: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
    {name: 'd', number: 4},
  ],
  pairs: {'a b': 'vxlan', 'a d': 'vxlan', 'b d': 'vxlan'},
}
const AS = 64512
const LAN: Record<string, Address> = {
  a: '192.168.1.254' as Address,
  b: '192.168.2.254' as Address,
  d: '192.168.4.254' as Address,
}
const SESSIONS: NodeSessions = {session: 'ibgp', localAs: AS, nextHop: null}
const NODES: Record<string, NodeSessions> = {
  a: {...SESSIONS, selector: "!has(route-reflector) || route-reflector != 'client'"},
  b: SESSIONS,
  d: {...SESSIONS, ipip: {address: LAN.d!, shared: [], mtu: 1480}},
}

function gatewayConfig(name: string): GatewayConfig {
  const statics = [
    {prefix: '10.2.8.0/24', via: '192.168.2.12'},
    {prefix: '10.2.64.0/18', via: '192.168.2.13'},
  ].map(({prefix, via}) => ({prefix: prefix as Prefix, via: via as Address, labels: {}}))
  return configOf(SKETCH, name, {nodes: NODES[name]!, static: name === 'b' ? statics : []})
}

/** What the gateway of a site writes into its Calico, and that's own pool. */
function writtenIn(site: string): ReadonlyMap<string, string> {
  const written = siteObjects(gatewayConfig(site), {
    pools: {encapsulation: site === 'd' ? 'ipip' : 'never', bgpExport: site === 'a'},
    peers: [],
    gateways: site === 'd' ? {addresses: [LAN.d!], blocks: LAN.d!} : null,
  })
  const cidr = configOf(SKETCH, site).owns[0]!
  const own = {spec: {cidr, ipipMode: site === 'd' ? 'Always' : 'Never', disableBGPExport: false}}
  return new Map([...written, ['/calico/resources/v3/projectcalico.org/ippools/own', JSON.stringify(own)]])
}

interface Member extends Pick<CalicoNodeSketch, 'routes' | 'clusterId' | 'keepsToItself'> {
  readonly site: string
  readonly address: string
  readonly block: string
  readonly as?: number
  readonly peers: readonly (readonly [address: string, as?: number, isClient?: boolean])[]
  readonly labels?: Record<string, string>
}
const MEMBERS: Readonly<Record<string, Member>> = {
  rr: {
    ...{site: 'a', address: '192.168.1.11', block: '10.1.11.0/26', routes: 'felix', clusterId: '244.0.0.1'},
    ...{peers: [['192.168.1.254'], ['192.168.1.12', AS, true]], labels: {'route-reflector': 'yes'}},
  },
  worker: {
    ...{site: 'a', address: '192.168.1.12', block: '10.1.12.0/26', routes: 'felix', peers: [['192.168.1.11']]},
    labels: {'route-reflector': 'client'},
  },
  other: {site: 'a', address: '192.168.1.13', block: '10.1.13.0/26', routes: 'bird', peers: [['192.168.1.254']]},
  echo1: {
    ...{site: 'a', address: '192.168.1.14', block: '10.1.14.0/26', routes: 'bird', as: 64513},
    peers: [['192.168.1.254'], ['192.168.1.15', 64513]],
  },
  echo2: {
    ...{site: 'a', address: '192.168.1.15', block: '10.1.15.0/26', routes: 'bird', as: 64513},
    peers: [['192.168.1.254'], ['192.168.1.14', 64513]],
  },
  calico: {site: 'b', address: '192.168.2.11', block: '10.2.11.0/26', routes: 'bird', peers: [['192.168.2.254']]},
  felix: {site: 'd', address: '10.50.0.11', block: '10.4.11.0/26', routes: 'felix', peers: [['192.168.4.254']]},
  bird: {site: 'd', address: '10.50.0.12', block: '10.4.12.0/26', routes: 'bird', peers: [['192.168.4.254']]},
}

const birdOf = (name: string, keepsToItself = false): string => {
  const {site, block, peers, as = AS, labels: _, ...rest} = MEMBERS[name]!
  return calicoBird({
    ...{...rest, as, blocks: [block], pools: poolsOf(writtenIn(site)), keepsToItself},
    peers: peers.map(([address, theirs = AS, isClient = false]) => ({address, as: theirs, isClient})),
  })
}

const calicoNodes = (site: string): CalicoNode[] =>
  Object.entries(MEMBERS)
    .filter(([, member]) => member.site === site)
    .map(([name, {address, as = null, labels = {}}]) => {
      const node = nodeOf(name, address, as)
      return {...node, meta: {...node.meta, labels}}
    })

/** A pod's address in a prefix: its tenth. */
const podOf = (prefix: string): string => prefix.replace(/\.\d+\/\d+$/, '.10')

describe('nodes of every place, on real BIRDs', function () {
  this.timeout(30_000)
  const spaces = new Map<string, Namespace>()
  const birds = new Map<string, TestBird>()
  const space = (name: string): Namespace => spaces.get(name)!
  const routes = (name: string, prefix: string): string => space(name).run(`ip route show ${prefix}`).trim()
  const blockOf = (name: string): string => MEMBERS[name]!.block
  const ping = (from: string, source: string, to: string): boolean =>
    space(from).run(`ping -n -q -c 1 -W 1 -I ${source} ${to} >/dev/null 2>&1 && echo yes || echo no`).trim() === 'yes'

  before(async () => {
    const lone = ['flannel', 'vpc', 'router', 'wan']
    for (const name of ['a', 'b', 'd', ...Object.keys(MEMBERS), ...lone]) {
      spaces.set(name, createNamespace(name))
      space(name).run(
        'sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.all.send_redirects=0',
      )
    }
    space('wan').run('ip link add br0 type bridge; ip link set br0 up')
    const plug = (bridge: string, name: string, device: string, address: string): void => {
      space(bridge).run(`ip link add p-${name} type veth peer name ${device} netns ${space(name).name}
        ip link set p-${name} master br0 up`)
      space(name).run(`ip link set ${device} up; ip addr add ${address}/24 dev ${device}`)
    }
    const configs = new Map(SKETCH.sites.map(({name}) => [name, gatewayConfig(name)] as const))
    const texts = new Map<string, string>()
    for (const [name, {config, sites, plan}] of planAll(SKETCH, configs)) {
      plug('wan', name, 'wan', uplinksOf(SKETCH.sites.find((one) => one.name === name)!)[0]!.address)
      space(name).run(`${renderTunnelCommands(plan)}
        ip link add br0 type bridge; ip link set br0 up; ip addr add ${LAN[name]}/24 dev br0`)
      const world = worldOf(sites, calicoNodes(name))
      const routing = planRouting({config, world, tunnels: plan.tunnels, passwords: new Map(), draining: false})
      assert.deepEqual(routing.findings, [])
      texts.set(name, renderBird(routing.bird))
    }
    plug('d', 'router', 'lan', '192.168.4.1')
    space('router').run('ip link add br0 type bridge; ip link set br0 up; ip addr add 10.50.0.1/24 dev br0')
    space('d').run(
      'ip link add is-nodes type veth peer name far; ip link set far up; ip link set is-nodes up; ip route add 10.50.0.0/16 via 192.168.4.1',
    )
    for (const [name, {site, address, block}] of Object.entries(MEMBERS)) {
      plug(site === 'd' ? 'router' : site, name, 'eth0', address)
      space(name).run(`ip addr add ${podOf(block)}/32 dev lo`)
      if (site === 'd')
        space(name).run(
          'ip route add default via 10.50.0.1; ip link add tunl0 type veth peer name far; ip link set far up; ip link set tunl0 up',
        )
      texts.set(name, birdOf(name))
    }
    // What people write down there: routes to the gateway, for the prefixes of the other sites.
    for (const [name, address, pod] of [
      ['flannel', '192.168.2.12', '10.2.8.10'],
      ['vpc', '192.168.2.13', '10.2.64.10'],
    ] as const) {
      plug('b', name, 'eth0', address)
      space(name).run(`ip addr add ${pod}/32 dev lo
        for prefix in 10.1.0.0/16 10.4.0.0/16; do ip route add $prefix via 192.168.2.254; done`)
    }
    await Promise.all(
      [...texts].map(async ([name, text]) => {
        const bird = new TestBird(space(name), text)
        birds.set(name, bird)
        await bird.start()
      }),
    )
    await eventually(
      () => routes('worker', blockOf('calico')) !== '' && routes('calico', blockOf('worker')) !== '',
      20_000,
    )
  })
  after(async () => {
    for (const bird of birds.values()) await bird.remove()
    for (const one of spaces.values()) one.remove()
  })

  it('a route reflector hands on the gateway’s routes and the blocks, each with its own next hop', async () => {
    await eventually(() => /via 192\.168\.1\.12 dev br0/.test(routes('a', blockOf('worker'))), 5000)
    assert.match(routes('worker', blockOf('calico')), /via 192\.168\.1\.254 dev eth0/)
    const sessions = await birds.get('a')!.ask('show protocols')
    assert.match(sessions, /^node_rr_\w+ +BGP .* Established/m)
    assert.doesNotMatch(sessions, /^node_worker/m)
  })

  it('every cluster has AS 64512: none finds its own number in a path, at another site or in the next cluster', async () => {
    await eventually(() => routes('calico', blockOf('other')) !== '', 5000)
    assert.match(await birds.get('b')!.ask(`show route ${blockOf('worker')} all`), /BGP\.as_path: 4200000001\n/)
    for (const [name, prefix, hop] of [
      ['other', blockOf('calico'), '192.168.1.254'],
      ['other', blockOf('rr'), '192.168.1.254'],
      ['rr', blockOf('other'), '192.168.1.254'],
      ['calico', blockOf('rr'), '192.168.2.254'],
    ] as const) {
      await eventually(() => routes(name, prefix).includes(`via ${hop} dev eth0`), 5000)
    }
  })

  it('both owners of routes take a pool without encapsulation as it is: Felix leaves it to BIRD', async () => {
    assert.deepEqual(felixRoutes(writtenIn('a'), 'worker'), [])
    for (const name of ['worker', 'other']) {
      await eventually(() => /via 192\.168\.1\.\d+ dev eth0 proto bird/.test(routes(name, blockOf('calico'))), 5000)
    }
  })

  const ends = {worker: '10.1.12.10', other: '10.1.13.10', echo1: '10.1.14.10'}
  for (const [name, source] of Object.entries(ends)) {
    it(`pods of ${name} and of all of site b reach each other`, async () => {
      for (const [far, to] of [
        ['calico', podOf(blockOf('calico'))],
        ['flannel', '10.2.8.10'],
        ['vpc', '10.2.64.10'],
      ] as const) {
        await eventually(() => ping(name, source, to), 5000)
        assert.ok(ping(far, to, source), far)
      }
    })
  }

  it('blocks outside of the own prefixes are not taken', async () => {
    const bird = birds.get('other')!
    await bird.reload(
      birdOf('other').replaceAll('10.1.13.0/26', '10.2.13.0/26').replaceAll('10.2.0.0/16', '10.9.0.0/16'),
    )
    await eventually(() => routes('a', blockOf('other')) === '', 5000)
    await eventually(async () => (await bird.ask('show route export peer1')).includes('10.2.13.0/26'), 5000)
    assert.doesNotMatch(routes('a', '10.2.13.0/26'), /192\.168/)
    await bird.reload(birdOf('other'))
    await eventually(() => routes('a', blockOf('other')) !== '', 5000)
  })

  describe('eBGP nodes that say what the others do', () => {
    const toldBy = async (name: string, prefix: string): Promise<boolean> =>
      (await birds.get('a')!.ask(`show route ${prefix} all protocol ${await sessionOf(name)}`)).includes('unicast')
    const sessionOf = async (name: string): Promise<string> =>
      new RegExp(`^(node_${name}_\\w+) `, 'm').exec(await birds.get('a')!.ask('show protocols'))![1]!

    it('the gateway hears every block from each of them', async () => {
      for (const name of ['echo1', 'echo2']) {
        for (const other of ['echo1', 'echo2']) await eventually(() => toldBy(name, blockOf(other)), 5000)
      }
    })

    it('none takes the other’s block from the gateway, and one path goes to other sites', async () => {
      for (const [name, other] of [
        ['echo1', 'echo2'],
        ['echo2', 'echo1'],
      ] as const) {
        const direct = `via ${MEMBERS[other]!.address} dev eth0`
        await eventually(() => routes(name, blockOf(other)).includes(direct), 5000)
        const told = await birds.get('b')!.ask(`show route ${blockOf(name)} all`)
        assert.match(told, /BGP\.as_path: 4200000001\n/)
        assert.equal(told.split('BGP.as_path').length, 2)
      }
    })

    it('whichever the gateway takes packets arrive; of a node that is gone nothing stays', async () => {
      for (const name of ['echo1', 'echo2'])
        await eventually(() => ping('calico', '10.2.11.10', podOf(blockOf(name))), 5000)
      await birds.get('echo1')!.reload(birdOf('echo1').replace('route 10.1.14.0/26 blackhole;', ''))
      await eventually(() => routes('a', blockOf('echo1')) === '' && routes('b', blockOf('echo1')) === '', 5000)
      await birds.get('echo1')!.reload(birdOf('echo1'))
      await eventually(() => routes('b', blockOf('echo1')) !== '', 5000)
    })

    it('with the filter that the docs name each says its own', async () => {
      for (const name of ['echo1', 'echo2']) await birds.get(name)!.reload(birdOf(name, true))
      for (const [name, other] of [
        ['echo1', 'echo2'],
        ['echo2', 'echo1'],
      ] as const) {
        await eventually(async () => !(await toldBy(name, blockOf(other))), 5000)
        await eventually(() => routes('a', blockOf(name)).includes(`via ${MEMBERS[name]!.address} dev br0`), 5000)
      }
    })
  })

  describe('nodes behind a router', () => {
    it('the gateway sends what they announce to the node through the device for all of them', async () => {
      for (const name of ['felix', 'bird']) {
        const {address, block} = MEMBERS[name]!
        await eventually(
          () => routes('d', block) === `${block} via ${address} dev is-nodes proto bird metric 32 onlink`,
          5000,
        )
        assert.match(
          space('d').run(`ip route get ${address}`),
          /via 192\.168\.4\.1 dev br0/,
          'the session goes by the router',
        )
        await eventually(() => routes('a', block) !== '', 5000)
      }
    })

    it('Felix makes routes of the blocks, to the gateway’s Node, and BIRD beside it none', async () => {
      const made = felixRoutes(writtenIn('d'), 'felix')
      assert.equal(made.length, 32)
      assert.ok(made.includes('10.1.0.0/20 via 192.168.4.254 dev tunl0 onlink'))
      for (const route of made) space('felix').run(`ip route add ${route}`)
      assert.match(space('felix').run('ip route get 10.1.12.10'), /via 192\.168\.4\.254 dev tunl0/)
      await eventually(async () => (await birds.get('felix')!.ask('show route')).includes(blockOf('worker')), 5000)
      assert.equal(routes('felix', blockOf('worker')), '')
      assert.ok(allHosts(writtenIn('d')).includes(LAN.d!))
    })

    it('BIRD makes them of what it hears', async () => {
      await eventually(() => /via 192\.168\.4\.254 dev tunl0 .*onlink/.test(routes('bird', blockOf('worker'))), 5000)
    })

    it('without its device there is no way to them, and none by the router', async () => {
      space('d').run('ip link set is-nodes down')
      await eventually(() => routes('a', blockOf('felix')) === '', 5000)
      assert.match(routes('d', blockOf('felix')), /^unreachable /)
      space('d').run('ip link set is-nodes up')
      await eventually(() => routes('a', blockOf('felix')) !== '', 5000)
    })
  })
})
