import assert from 'node:assert/strict'
import {keepBird} from '../../src/bird/index.ts'
import type {GatewayConfig, GatewayLan, GatewayName, SiteName, Tunnel} from '../../src/model/index.ts'
import type {Address, Prefix} from '../../src/net/index.ts'
import {readRouter} from '../../src/observe/bird/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {renderTunnelCommands} from '../../src/tunnels/index.ts'
import {TestBird} from '../support/bird.ts'
import {configOf, nodeOf, planAll, type Sketch, uplinksOf, worldOf} from '../support/interconnect.ts'
import {createNamespace, eventually, type Namespace} from '../support/namespace.ts'

/** Both own 10.1.0.0/16; a knows c's as 10.203.0.0/16, by two tunnels, c knows a's as 10.201.0.0/16. A node is with a. */
const SAME = ['10.1.0.0/16']
const SKETCH: Sketch = {
  sites: [
    {name: 'a', number: 1, owns: SAME},
    {name: 'c', number: 3, owns: SAME, uplinks: ['wan', 'lte']},
  ],
  pairs: {'a c': 'vxlan'},
}

function translatedConfig(name: 'a' | 'c', overrides: Partial<GatewayConfig> = {}): GatewayConfig {
  const config = configOf(SKETCH, name, overrides)
  const other = (name === 'a' ? 'c' : 'a') as SiteName
  const seen = (name === 'a' ? '10.203.0.0/16' : '10.201.0.0/16') as Prefix
  const remote = config.sites.get(other)!
  const translations = [{real: '10.1.0.0/16' as Prefix, seen}]
  return {...config, sites: new Map([[other, {...remote, owns: [seen], translations}]])}
}

const CONFIGS = new Map<string, GatewayConfig>([
  ['a', translatedConfig('a', {nodes: {session: 'ibgp', localAs: 64512, nextHop: null}})],
  [
    'c',
    translatedConfig('c', {static: [{prefix: '10.1.5.0/24' as Prefix, via: '192.168.9.7' as Address, labels: {}}]}),
  ],
])

/** `held`: tunnels that come and go, by the ends of their peers' addresses. */
const routingOf = (name: string, configs = CONFIGS, held: readonly string[] = []) => {
  const {config, sites, plan} = planAll(SKETCH, configs).get(name)!
  const world = worldOf(sites, name === 'a' ? [nodeOf('n1', '192.168.1.1')] : [])
  const sessions = plan.tunnels.filter(({peer}) => held.some((end) => peer.endsWith(end))).map(({session}) => session)
  const input = {config, world, tunnels: plan.tunnels, passwords: new Map(), draining: false}
  return planRouting({...input, held: new Set(sessions)}).bird
}

describe('ways to translated prefixes', () => {
  const translated = (configs?: typeof CONFIGS) =>
    routingOf('a', configs).statics.find(({name}) => name === 'translated4')?.routes

  it('are by all tunnels to the site, each while its BFD is up; the site’s own announcement is not taken', () => {
    const over = planAll(SKETCH, CONFIGS)
      .get('a')!
      .plan.tunnels.map(({peer, device}) => ({peer, device}))
    assert.deepEqual(over.map(({peer}) => peer).sort(), ['100.64.3.0', '100.64.3.2'])
    assert.deepEqual(translated(), [{prefix: '10.203.0.0/16', to: {over, bfd: true}}])
    const bird = routingOf('a')
    assert.deepEqual(
      bird.bfdDevices.map(({device, options}) => [device.slice(0, 5), options.intervalMs]),
      [0, 1, 2].map(() => ['is-c-', 100]),
    )
    const session = bird.sessions.find(({kind}) => kind === 'tunnel')!
    assert.deepEqual(session.import, [], 'none')
    const exported = JSON.stringify(session.export)
    assert.ok(exported.includes('10.1.0.0/16') && !exported.includes('10.203'), exported)
  })

  it('a tunnel that comes and goes has a way of its own, below all others; told to a twin and to nodes as the last', () => {
    const [first, second] = planAll(SKETCH, CONFIGS).get('a')!.plan.tunnels
    const last = routingOf('a', CONFIGS, [first!.peer])
    const ways = last.statics.filter(({name}) => name.startsWith('translated'))
    const over = ({peer, device}: typeof first & object) => ({to: {over: [{peer, device}], bfd: true}})
    assert.deepEqual(
      ways.map(({name, preference, routes}) => ({name, preference, to: routes.map(({to}) => ({to}))})),
      [
        {name: 'translated4', preference: null, to: [over(second!)]},
        {name: 'translated4_last', preference: 40, to: [over(first!)]},
      ],
    )
    const [address, other] = ['192.168.1.254', '192.168.1.253'] as Address[]
    const lan: GatewayLan = {device: 'lan0', address: address!, twin: other!, watch: []}
    const a: GatewayConfig = {...CONFIGS.get('a')!, twin: 'a2' as GatewayName, lan}
    const twins = new Map([...CONFIGS, ['a', a] as const])
    const {sessions} = routingOf('a', twins, [first!.peer])
    for (const [kind, value] of [
      ['twin', 0],
      ['node', 2],
    ] as const) {
      const rule = sessions
        .find((session) => session.kind === kind)!
        .export.find(({when}) => when.some((one) => one.is === 'from' && one.protocol === 'translated4_last'))
      assert.deepEqual(rule?.set?.[0], {attribute: 'local-pref', value})
    }
    const [fromTwin] = sessions.find(({kind}) => kind === 'twin')!.import
    assert.deepEqual(fromTwin?.when[1], {is: 'local-pref', value: 0})
    assert.deepEqual(fromTwin?.set?.[0], {attribute: 'preference', value: 30}, 'below our own')
  })

  it('the only tunnel stays as it is, whatever it did; so do all where the configuration says so', () => {
    const [first] = planAll(SKETCH, CONFIGS).get('a')!.plan.tunnels
    const {sites, config} = planAll(SKETCH, CONFIGS).get('a')!
    const namesOf = (given: GatewayConfig) =>
      planRouting({
        ...{config: given, world: worldOf(sites), tunnels: [first!], passwords: new Map(), draining: false},
        held: new Set([first!.session]),
      }).bird.statics.flatMap(({name}) => (name.startsWith('translated') ? [name] : []))
    assert.deepEqual(namesOf(config), ['translated4'])
    const twin = {twin: 'a2' as GatewayConfig['twin']}
    assert.deepEqual(namesOf({...config, ...twin}), ['translated4_last'])
    const never = new Map([...config.sites].map(([name, site]) => [name, {...site, holdDown: false}]))
    assert.deepEqual(namesOf({...config, ...twin, sites: never}), ['translated4'])
  })

  it('of a tunnel and its follower one is sent on, the other one only where that one is lost', () => {
    const {config, sites} = planAll(SKETCH, CONFIGS).get('a')!
    const [old, next] = followedPair()
    const routesBy = (...tunnels: readonly Tunnel[]) =>
      planRouting({config, world: worldOf(sites), tunnels, passwords: new Map(), draining: false}).bird.statics.find(
        ({name}) => name === 'translated4',
      )?.routes
    const over = ({peer, device}: Tunnel) => [{peer, device}]
    const prefix = '10.203.0.0/16'
    assert.deepEqual(routesBy(old, next), [
      {prefix, to: {over: over(old), bfd: true}},
      {prefix, to: {over: over(next), bfd: true}, preference: 199},
      // A restart of the other BIRD costs nothing, as without a follower.
      {prefix, to: {over: over(old), bfd: false}, preference: 198},
    ])
    assert.deepEqual(routesBy(next), [{prefix, to: {over: over(next), bfd: false}}], 'all that there is')
  })

  it('a withdrawn site has none', () => {
    const {config, sites, plan} = planAll(SKETCH, CONFIGS).get('a')!
    const withdrawn = new Map([...sites].map(([name, view]) => [name, {...view, presence: 'withdrawn'} as const]))
    const input = {config, world: worldOf(withdrawn), tunnels: plan.tunnels, passwords: new Map(), draining: false}
    assert.equal(
      planRouting(input).bird.statics.find(({name}) => name === 'translated4'),
      undefined,
    )
  })

  it('a single one stays, whatever BFD says: there is nothing better; with a twin there is', () => {
    const one = {...CONFIGS.get('a')!}
    const [first] = planAll(SKETCH, CONFIGS).get('a')!.plan.tunnels
    const {sites} = planAll(SKETCH, CONFIGS).get('a')!
    const viaOf = (config: GatewayConfig) =>
      planRouting({
        config,
        world: worldOf(sites),
        tunnels: [first!],
        passwords: new Map(),
        draining: false,
      }).bird.statics.find(({name}) => name === 'translated4')?.routes[0]?.to
    const over = [{peer: first!.peer, device: first!.device}]
    assert.deepEqual(viaOf(one), {over, bfd: false})
    assert.deepEqual(viaOf({...one, twin: 'a2' as GatewayConfig['twin']}), {over, bfd: true})
  })
})

/** The two tunnels of a, as if one were the other's follower. */
function followedPair(): [old: Tunnel, next: Tunnel] {
  const [first, second] = planAll(SKETCH, CONFIGS).get('a')!.plan.tunnels
  return [first!, {...second!, localUplink: first!.localUplink, remote: first!.remote, standby: true}]
}

const NODE_CONFIG = `
router id 192.168.1.1;
protocol device {}
protocol direct { ipv4; }
protocol kernel { ipv4 { export where source = RTS_BGP; }; }
protocol bgp isthmus {
  local 192.168.1.1 as 64512; neighbor 192.168.1.254 as 64512; multihop;
  connect delay time 1; connect retry time 1; error wait time 1, 1; graceful restart on;
  ipv4 { import all; export none; };
}
`

describe('two sites with one prefix, on real BIRDs', function () {
  this.timeout(30_000)
  const spaces = new Map<string, Namespace>()
  const birds: TestBird[] = []
  const routes = (name: string, prefix: string): string => spaces.get(name)!.run(`ip route show ${prefix}`).trim()
  const hops = (): number => routes('a', '10.203.0.0/16').split('nexthop').length - 1
  const [wan, lte] = uplinksOf(SKETCH.sites[1]!)

  before(async () => {
    for (const name of ['a', 'c', 'node']) {
      const space = createNamespace(name)
      spaces.set(name, space)
      space.run('sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0')
    }
    const [a, c, node] = ['a', 'c', 'node'].map((name) => spaces.get(name)!)
    const own = uplinksOf(SKETCH.sites[0]!)[0]!.address
    for (const {name, address} of [wan!, lte!]) {
      a!.run(`ip link add ${name} type veth peer name ${name} netns ${c!.name}
        ip link set ${name} up; ip addr add ${own}/32 peer ${address} dev ${name}`)
      // What comes from an uplink leaves by it.
      c!.run(`ip link set ${name} up; ip addr add ${address}/32 dev ${name}
        ip route add ${own} dev ${name} table ${address.split('.').at(-1)}; ip rule add from ${address} lookup ${address.split('.').at(-1)}
        ip route replace ${own} dev ${name}`)
    }
    c!.run(
      'ip link add lan type veth peer name far; ip link set lan up; ip link set far up; ip addr add 192.168.9.254/24 dev lan',
    )
    a!.run(`ip link add node type veth peer name eth0 netns ${node!.name}; ip link set node up
      ip addr add 192.168.1.254/24 dev node`)
    node!.run('ip link set eth0 up; ip addr add 192.168.1.1/24 dev eth0')
    for (const [name, {plan}] of planAll(SKETCH, CONFIGS)) spaces.get(name)!.run(renderTunnelCommands(plan))
    for (const [name, text] of [
      ['a', renderBird(routingOf('a'))],
      ['c', renderBird(routingOf('c'))],
      ['node', NODE_CONFIG],
    ] as const) {
      const bird = new TestBird(spaces.get(name)!, text)
      birds.push(bird)
      await bird.start()
    }
  })
  after(async () => {
    for (const bird of birds) await bird.remove()
    for (const space of spaces.values()) space.remove()
  })

  it('the other’s prefix is known here by its other name only, over both tunnels, and the node hears of it', async () => {
    await eventually(() => hops() === 2, 10_000)
    const {signal} = new AbortController()
    const bird = keepBird(birds[0]!.socket, signal)
    const router = await eventually(async () => {
      const now = await readRouter(bird, signal)
      return now.sessions.every(({up}) => up) && now.bfd.length === 2 && now.bfd.every(({up}) => up) && now
    }, 10_000)
    assert.equal(router.sessions.filter(({kind}) => kind === 'tunnel').length, 2)
    assert.equal(routes('a', '10.1.5.0/24'), '', 'c has announced it, by its own name')
    await eventually(() => routes('node', '10.203.0.0/16').includes('via 192.168.1.254'), 5000)
    assert.equal(routes('node', '10.1.0.0/16'), '')
    assert.match(routes('c', '10.201.0.0/16'), /nexthop.*nexthop/s)
  })

  it('BFD has the times of the site’s profile, whoever asked for the session first', async () => {
    assert.match(await birds[0]!.ask('show bfd sessions'), /0\.100\s+0\.300/)
  })

  it('a tunnel that goes silent loses the route within a second, the other one keeps it', async () => {
    spaces.get('c')!.run(`ip link set ${lte!.name} down`)
    const began = performance.now()
    await eventually(() => hops() === 0 && routes('a', '10.203.0.0/16').startsWith('10.203.0.0/16 via'), 5000)
    assert.ok(performance.now() - began < 1000, `${performance.now() - began} ms`)
    assert.match(routes('node', '10.203.0.0/16'), /via 192\.168\.1\.254/)
  })

  it('one that is held down carries nothing, and everything once the other is lost, without a new configuration', async () => {
    const own = uplinksOf(SKETCH.sites[0]!)[0]!.address
    const back = `ip link set ${lte!.name} up; ip route replace ${own} dev ${lte!.name} table ${lte!.address.split('.').at(-1)}`
    spaces.get('c')!.run(back)
    await eventually(() => hops() === 2, 10_000)
    const tunnels = planAll(SKETCH, CONFIGS).get('a')!.plan.tunnels
    const [kept, held] = ['100.64.3.0', '100.64.3.2'].map((peer) => tunnels.find((tunnel) => tunnel.peer === peer)!)
    const isBy = ({device}: {device: string}): boolean => routes('a', '10.203.0.0/16').includes(`dev ${device} `)
    await birds[0]!.reload(renderBird(routingOf('a', CONFIGS, [held!.peer])))
    await eventually(() => hops() === 0 && isBy(kept!), 3000)
    const uplink = kept!.peer === '100.64.3.0' ? wan! : lte!
    spaces.get('c')!.run(`ip link set ${uplink.name} down`)
    await eventually(() => isBy(held!), 2000)
    await eventually(() => routes('node', '10.203.0.0/16').includes('via 192.168.1.254'), 2000)
    spaces
      .get('c')!
      .run(`ip link set ${uplink.name} up; ip route replace ${own} dev ${uplink.name} table ${uplink.address.split('.').at(-1)}
        ip route replace ${own} dev ${wan!.name}`)
    await eventually(() => isBy(kept!) && !isBy(held!), 10_000)
    await birds[0]!.reload(renderBird(routingOf('a')))
    await eventually(() => hops() === 2, 10_000)
    spaces.get('c')!.run(`ip link set ${lte!.name} down`)
    await eventually(() => hops() === 0, 3000)
  })

  it('nothing is sent on a follower before its time; it is there when the other one is lost, and with both lost that one stays', async () => {
    const {config, sites} = planAll(SKETCH, CONFIGS).get('a')!
    await birds[0]!.reload(renderBird(routingOf('a')))
    const back = (uplink: typeof wan): string => {
      const own = uplinksOf(SKETCH.sites[0]!)[0]!.address
      return `ip link set ${uplink!.name} up; ip route replace ${own} dev ${uplink!.name} table ${uplink!.address.split('.').at(-1)}
        ip route replace ${own} dev ${wan!.name}`
    }
    for (const uplink of [wan, lte]) spaces.get('c')!.run(back(uplink))
    await eventually(() => hops() === 2, 10_000)
    const [old, next] = followedPair()
    const input = {config, world: worldOf(sites), tunnels: [old, next], passwords: new Map(), draining: false}
    await birds[0]!.reload(renderBird(planRouting(input).bird))
    const isBy = ({device}: Tunnel): boolean => routes('a', '10.203.0.0/16').includes(`dev ${device} `) && hops() === 0
    await eventually(() => isBy(old), 3000)
    const [uplink, other] = old.peer === '100.64.3.0' ? [wan, lte] : [lte, wan]
    spaces.get('c')!.run(`ip link set ${uplink!.name} down`)
    await eventually(() => isBy(next), 2000)
    spaces.get('c')!.run(`ip link set ${other!.name} down`)
    await eventually(() => isBy(old), 2000)
    for (const one of [wan, lte]) spaces.get('c')!.run(back(one))
    await birds[0]!.reload(renderBird(routingOf('a')))
    await eventually(() => hops() === 2, 10_000)
    spaces.get('c')!.run(`ip link set ${lte!.name} down`)
    await eventually(() => hops() === 0, 3000)
  })

  it('while BFD sees none, the tunnels alone lie beneath, and the node keeps its way; it comes back with them', async () => {
    const isBy = async (protocol: string): Promise<boolean> =>
      (await birds[0]!.ask('show route 10.203.0.0/16 primary')).includes(`[${protocol} `)
    // The configuration of the test before had no session with the node.
    await eventually(() => routes('node', '10.203.0.0/16').includes('via 192.168.1.254'), 10_000)
    spaces.get('c')!.run(`ip link set ${wan!.name} down`)
    await eventually(() => isBy('lastways4'), 3000)
    assert.equal(hops(), 2)
    assert.match(routes('node', '10.203.0.0/16'), /via 192\.168\.1\.254/)
    const own = uplinksOf(SKETCH.sites[0]!)[0]!.address
    for (const {name, address} of [wan!, lte!]) {
      spaces
        .get('c')!
        .run(`ip link set ${name} up; ip route replace ${own} dev ${name} table ${address.split('.').at(-1)}
        ip route replace ${own} dev ${name}`)
    }
    await eventually(async () => (await isBy('translated4')) && hops() === 2, 10_000)
  })
})
