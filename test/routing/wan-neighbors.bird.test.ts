import assert from 'node:assert/strict'
import {keepBird} from '../../src/bird/index.ts'
import {sessionFindings} from '../../src/gateway/session-findings.ts'
import type {GatewayConfig, PeerName, WanPeer} from '../../src/model/index.ts'
import type {Address} from '../../src/net/index.ts'
import {readRouter} from '../../src/observe/bird/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {TestBird} from '../support/bird.ts'
import {TestFrr} from '../support/frr.ts'
import {createStar} from '../support/gateway-star.ts'
import {configOf, type Sketch, worldOf} from '../support/interconnect.ts'
import {eventually, type Namespace} from '../support/namespace.ts'
import {plain, routeRule, wanPeer} from '../support/wan-peer.ts'

/**
 * Sessions that are not plain eBGP on a link, each with a BIRD of somebody else:
 *
 *     c1, c2  iBGP, reflected from one to the other
 *     far     eBGP over a hop, by another AS of ours, with BFD
 *     many    says three prefixes where two may be
 *     frr     iBGP with an FRR, of which all paths are told, as c2 is
 */
const SKETCH: Sketch = {sites: [{name: 'a', number: 1}]}
const OWN_AS = 4200000001
const LINKS = {
  c1: ['192.0.2.9', '192.0.2.10'],
  c2: ['192.0.2.13', '192.0.2.14'],
  far: ['192.0.2.17', '192.0.2.18'],
  many: ['192.0.2.21', '192.0.2.22'],
  frr: ['192.0.2.25', '192.0.2.26'],
} as const
const FAR = '198.51.100.9'
const all = {rules: [routeRule()]}

const peer = (name: string, address: string, overrides: Partial<WanPeer>): WanPeer =>
  wanPeer({name: name as PeerName, address: address as Address, ...overrides})

function configWith(limit: WanPeer['maxPrefixes']): GatewayConfig {
  const base = configOf(SKETCH, 'a')
  const internal: Partial<WanPeer> = {as: OWN_AS, routeReflectorClient: true, clusterId: '192.0.2.99' as Address}
  const others = ['c1' as PeerName, 'far' as PeerName]
  return {
    ...base,
    peers: [
      peer('c1', LINKS.c1[1], {...internal, import: all}),
      peer('c2', LINKS.c2[1], {...internal, addPaths: 'send', export: all, passOn: others}),
      peer('frr', LINKS.frr[1], {...internal, addPaths: 'both', import: all, export: all, passOn: others}),
      peer('far', FAR, {
        as: 65020,
        localAs: 65021,
        multihop: 3,
        allowAsIn: 1,
        removePrivateAs: true,
        import: all,
        export: {rules: [routeRule({set: {prepend: 1}})]},
        passOn: ['c1' as PeerName],
        bfd: {profile: 'internet', intervalMs: 200, multiplier: 4},
      }),
      peer('many', LINKS.many[1], {as: 65030, import: plain('10.0.0.0/8'), maxPrefixes: limit}),
    ],
  }
}

const textOf = (limit: WanPeer['maxPrefixes']): string =>
  renderBird(
    planRouting({
      config: configWith(limit),
      world: worldOf(new Map()),
      tunnels: [],
      passwords: new Map(),
      draining: false,
    }).bird,
  )

const TIMERS = 'connect delay time 1; connect retry time 1; error wait time 1, 1;'
const neighbor = (id: string, statics: string, session: string): string => `router id ${id};
protocol device { scan time 1; }
protocol direct { ipv4; }
protocol bfd {}
protocol static announced { ipv4; ${statics} }
protocol bgp to_gateway { ${TIMERS} ${session} }
`

const FRR = `
router bgp ${OWN_AS}
 bgp router-id ${LINKS.frr[1]}
 no bgp network import-check
 neighbor 192.0.2.8 remote-as ${OWN_AS}
 neighbor 192.0.2.8 timers connect 1
 neighbor 192.0.2.8 advertisement-interval 0
 address-family ipv4 unicast
  network 10.84.0.0/16
  neighbor 192.0.2.8 addpath-tx-all-paths
 exit-address-family
`

const CONFIGS = {
  c1: neighbor(
    LINKS.c1[1],
    'route 10.80.0.0/16 blackhole; route 10.83.0.0/16 blackhole;',
    `local ${LINKS.c1[1]} as ${OWN_AS}; neighbor 192.0.2.8 as ${OWN_AS}; multihop; ipv4 { import all;
      export filter { if proto != "announced" then reject; bgp_path.prepend(3356); bgp_path.prepend(64601); bgp_med = 5; accept; }; };`,
  ),
  c2: neighbor(
    LINKS.c2[1],
    '',
    `local ${LINKS.c2[1]} as ${OWN_AS}; neighbor 192.0.2.8 as ${OWN_AS}; multihop; ipv4 { import all; export none; add paths rx; };`,
  ),
  far: neighbor(
    FAR,
    'route 10.81.0.0/16 blackhole; route 10.82.0.0/16 blackhole; route 10.83.0.0/16 blackhole;',
    `local ${FAR} as 65020; neighbor 192.0.2.8 as 65021; multihop 3; bfd on; ipv4 { import all;
      export filter { if proto != "announced" then reject; bgp_path.prepend(65021);
        if net = 10.82.0.0/16 then bgp_path.prepend(65021); accept; }; };`,
  ),
  many: neighbor(
    LINKS.many[1],
    'route 10.90.1.0/24 blackhole; route 10.90.2.0/24 blackhole; route 10.90.3.0/24 blackhole;',
    `local as 65030; neighbor ${LINKS.many[0]} as ${OWN_AS}; ipv4 { import none; export where proto = "announced"; };`,
  ),
} as const

describe('neighbours of other kinds, on real BIRDs', function () {
  this.timeout(60_000)
  const {signal} = new AbortController()
  let spaces: Map<string, Namespace>
  const birds = new Map<string, TestBird>()
  let frr: TestFrr | null = null
  const state = () => readRouter(keepBird(birds.get('gw')!.socket, signal), signal)
  const sessionTo = async (address: string) => (await state()).sessions.find((one) => one.neighbor === address)!
  const route = (name: string, prefix: string) => birds.get(name)!.ask(`show route ${prefix} all`)

  before(async () => {
    spaces = createStar(LINKS)
    spaces.get('far')!.run(`ip addr add ${FAR}/32 dev lo`)
    spaces.get('gw')!.run(`ip route add ${FAR} via ${LINKS.far[1]}`)
    for (const [name, text] of [['gw', textOf({limit: 2, action: 'disable'})], ...Object.entries(CONFIGS)] as const) {
      const bird = new TestBird(spaces.get(name)!)
      birds.set(name, bird)
      await bird.start()
      await bird.reload(text)
    }
    frr = await new TestFrr(spaces.get('frr')!, FRR).start()
  })
  after(async () => {
    await frr?.remove()
    for (const bird of birds.values()) await bird.remove()
    for (const space of spaces.values()) space.remove()
  })

  it('all come up but the one that says too much', async () => {
    const up = [LINKS.c1[1], LINKS.c2[1], FAR]
    await eventually(async () => {
      const {sessions} = await state()
      return up.every((address) => sessions.find((one) => one.neighbor === address)?.up)
    }, 15_000)
  })

  it('iBGP: a route of one client is reflected to the other, in the name of the cluster', async () => {
    const told = await eventually(async () => {
      const text = await route('c2', '10.80.0.0/16')
      return text.includes('BGP.') && text
    }, 5000)
    assert.match(told, /BGP\.cluster_list: 192\.0\.2\.99\n/)
    assert.match(told, /BGP\.originator_id: 192\.0\.2\.10\n/)
    assert.match(told, /BGP\.as_path: 64601 3356\n/)
  })

  it('several paths to one prefix are all told to who asked for them: a BIRD, and an FRR', async () => {
    const paths = /64601 3356|65020 65021/g
    await eventually(async () => (await route('c2', '10.83.0.0/16')).match(paths)?.length === 2, 5000)
    const told = await eventually(() => {
      const {paths: all = []} = frr!.json('show bgp ipv4 unicast 10.83.0.0/16') as {
        paths?: {aspath: {string: string}}[]
      }
      return all.length === 2 && all.map(({aspath}) => aspath.string)
    }, 10_000)
    assert.deepEqual(told.sort(), ['64601 3356', '65020 65021'])
    await eventually(async () => (await route('gw', '10.84.0.0/16')).includes('BGP'), 5000)
  })

  it('another AS of ours, over a hop: passed on without private AS, told once more', async () => {
    const told = await eventually(async () => {
      const text = await route('far', '10.80.0.0/16')
      return text.includes('BGP.') && text
    }, 5000)
    assert.match(told, /BGP\.as_path: 65021 65021 3356\n/)
  })

  it('our own AS in a path is taken as often as it may be', async () => {
    await eventually(async () => (await route('gw', '10.81.0.0/16')).includes('BGP.as_path: 65020 65021\n'), 5000)
    assert.doesNotMatch(await route('gw', '10.82.0.0/16'), /BGP/)
  })

  it('BFD over hops has the times that were asked for', async () => {
    await eventually(async () => (await state()).bfd.some((one) => one.neighbor === FAR && one.up), 10_000)
    const bfd = (await state()).bfd.find((one) => one.neighbor === FAR)!
    assert.ok(bfd.intervalSeconds >= 0.2, String(bfd.intervalSeconds))
  })

  it('disable: the session ends and says why; others stay', async () => {
    const ended = await eventually(async () => {
      const session = await sessionTo(LINKS.many[1])
      return session.limitHit && !session.up && session
    }, 10_000)
    assert.deepEqual(ended.limitHit, {of: 'imported', limit: 2, action: 'disable'})
    assert.match(ended.lastError ?? '', /Route limit exceeded/)
    assert.deepEqual(
      sessionFindings(await state()).map(({code}) => code),
      ['peer-over-limit'],
    )
    assert.ok((await sessionTo(FAR)).up)
  })

  it('each new configuration tries it again; with a limit that is raised all are taken', async () => {
    await birds.get('gw')!.reload(textOf({limit: 2, action: 'disable'}))
    await eventually(async () => !(await sessionTo(LINKS.many[1])).limitHit, 1000)
    await birds.get('gw')!.reload(textOf({limit: 10, action: 'disable'}))
    await eventually(async () => (await sessionTo(LINKS.many[1])).imported === 3, 10_000)
    assert.deepEqual(sessionFindings(await state()), [])
  })

  it('restart: the session ends, and does not come back at once to hear the same', async () => {
    await birds.get('gw')!.reload(textOf({limit: 2, action: 'restart'}))
    await birds.get('gw')!.ask(`restart ${(await sessionTo(LINKS.many[1])).name}`)
    await eventually(async () => (await sessionTo(LINKS.many[1])).lastError?.includes('Route limit exceeded'), 10_000)
    assert.match(
      await birds.get('gw')!.ask(`show protocols all ${(await sessionTo(LINKS.many[1])).name}`),
      /Error wait: +2\d\.\d+\/30/,
    )
  })
})
