import assert from 'node:assert/strict'
import type {WhyNot} from '../../src/api/index.ts'
import {keepBird} from '../../src/bird/index.ts'
import {peerRows} from '../../src/gateway/peer-rows.ts'
import {routeRows} from '../../src/gateway/route-rows.ts'
import type {Runtime} from '../../src/gateway/runtime.ts'
import {whyNot} from '../../src/gateway/why-not.ts'
import type {GatewayConfig, PeerName, SiteName, World} from '../../src/model/index.ts'
import type {Address, Prefix} from '../../src/net/index.ts'
import {type RouterState, readRouter} from '../../src/observe/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {renderTunnelCommands} from '../../src/tunnels/index.ts'
import {TestBird} from '../support/bird.ts'
import {configOf, planAll, type Sketch, worldOf} from '../support/interconnect.ts'
import {createNamespace, eventually, type Namespace} from '../support/namespace.ts'
import {plain, wanPeer} from '../support/wan-peer.ts'

/**
 * Real BIRDs: a, with a tunnel (vxlan) to b and a router of the WAN. b also tells what a does not grant it, and what a
 * grants to c, whose export has not been read. The router tells what a wants, what it does not want, and a piece of b.
 */
const SKETCH: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
  ],
  pairs: {'a b': 'vxlan'},
}
const FAR = '192.0.2.22'

function configs(): Map<string, GatewayConfig> {
  const a = configOf(SKETCH, 'a')
  const b = configOf(SKETCH, 'b')
  const toB = a.sites.get('b' as SiteName)!
  const c = {...toB, name: 'c' as SiteName, owns: ['10.3.0.0/16' as Prefix], encapsulation: 'ipip' as const}
  const statics = ['10.2.5.0/24', '10.66.1.0/24', '10.3.7.0/24']
  return new Map([
    [
      'a',
      {
        ...a,
        sites: new Map([...a.sites, ['c' as SiteName, c]]),
        peers: [wanPeer({name: 'r1' as PeerName, address: FAR as Address, as: 64900, import: plain('11.0.0.0/8')})],
      },
    ],
    [
      'b',
      {
        ...b,
        owns: [...b.owns, '10.66.0.0/16' as Prefix, '10.3.0.0/16' as Prefix],
        static: statics.map((prefix) => ({prefix: prefix as Prefix, via: '192.168.9.7' as Address, labels: {}})),
      },
    ],
  ])
}

const ROUTER = `router id ${FAR};
protocol device {}
protocol static told { ipv4; route 11.1.0.0/16 blackhole; route 12.1.0.0/16 blackhole; route 10.2.128.0/17 blackhole; }
protocol bgp to_a { local ${FAR} as 64900; neighbor 192.0.2.21 as 4200000001; connect delay time 1; connect retry time 1;
  ipv4 { import none; export where proto = "told"; }; }
`

describe('why a prefix is not here, on real BIRDs', function () {
  this.timeout(20_000)
  const {signal} = new AbortController()
  const spaces: Record<string, Namespace> = {}
  const birds: Record<string, TestBird> = {}
  let runtime: Runtime
  let router: RouterState | null = null
  let session: string
  let device: string

  const look = async (): Promise<RouterState> => {
    router = await readRouter(keepBird(birds.a!.socket, signal), signal)
    return router
  }
  const ask = async (prefix: string): Promise<WhyNot> => {
    await look()
    const result = await whyNot(runtime, prefix)
    assert.ok(result.ok)
    return result.answer
  }
  const stepsOf = ({steps}: WhyNot) => steps.map(({step, ok}) => `${step} ${ok}`)
  const said = ({steps}: WhyNot, step: string) =>
    steps
      .filter((one) => one.step === step)
      .map(({evidence}) => evidence)
      .join('\n')

  before(async () => {
    const plans = planAll(SKETCH, configs())
    for (const name of ['a', 'b', 'wan']) {
      spaces[name] = createNamespace(name)
    }
    const {a, b, wan} = spaces as Record<'a' | 'b' | 'wan', Namespace>
    a.run(`ip link add up0 type veth peer name up0 netns ${b.name}; ip link set up0 up
      ip addr add 192.0.2.8/32 peer 192.0.2.16 dev up0
      ip link add wan type veth peer name wan netns ${wan.name}; ip link set wan up; ip addr add 192.0.2.21/30 dev wan`)
    b.run(`ip link set up0 up; ip addr add 192.0.2.16/32 peer 192.0.2.8 dev up0
      ip link add lan type veth peer name far; ip link set lan up; ip link set far up; ip addr add 192.168.9.254/24 dev lan`)
    wan.run(`ip link set wan up; ip addr add ${FAR}/30 dev wan`)
    const texts = new Map([['wan', ROUTER]])
    for (const [name, {config, sites, plan}] of plans) {
      spaces[name]!.run(renderTunnelCommands(plan))
      const input = {config, world: worldOf(sites), tunnels: plan.tunnels, passwords: new Map(), draining: false}
      texts.set(name, renderBird(planRouting(input).bird))
      birds[name] = new TestBird(spaces[name]!, texts.get(name)!)
      if (name !== 'a') continue
      session = plan.tunnels[0]!.session
      device = plan.tunnels[0]!.device
      const parts = {
        config: {...config, paths: {...config.paths, birdSocket: birds.a!.socket}},
        last: () => ({planned: {desired: {tunnels: plan.tunnels}}}),
        world: () => ({...worldOf(sites), local: 'a'}) as World,
        monitor: {router: () => router},
        drain: {since: () => null},
        heldSessions: {held: () => new Set()},
        findings: () => [],
      }
      runtime = parts as object as Runtime
    }
    birds.wan = new TestBird(wan, ROUTER)
    await Promise.all(Object.values(birds).map((bird) => bird.start()))
    await eventually(async () => (await look()).sessions.every(({up, received}) => up && received > 0), 10_000)
  })
  after(async () => {
    for (const bird of Object.values(birds)) await bird.remove()
    for (const space of Object.values(spaces)) space.remove()
  })

  it('one that is here: every step holds, down to the kernel', async () => {
    const answer = await ask('10.2.5.0/24')
    assert.equal(answer.here, true, JSON.stringify(answer, null, 1))
    assert.match(
      answer.why,
      new RegExp(`^it is here: 10\\.2\\.5\\.0/24 by ${session}, via 100\\.64\\.2\\.\\d on ${device}$`),
    )
    assert.deepEqual(stepsOf(answer), [
      ...['owner true', 'export true', 'tunnel true', 'session true', 'announced true', 'import true', 'best true'],
      'kernel true',
    ])
    assert.equal((await ask('10.2.5.9')).here, true, 'an address in it too')
  })

  it('granted, and nobody there announces it', async () => {
    const answer = await ask('10.2.9.0/24')
    assert.equal(answer.here, false)
    assert.match(answer.why, /^100\.64\.2\.\d announces neither 10\.2\.9\.0\/24 nor anything in it over tun_b_/)
    assert.match(answer.why, /1 are taken, 2 refused$/)
    assert.match(said(answer, 'best'), /^10\.2\.0\.0\/16 is unreachable here: nobody announces it \(fallback4\)$/)
  })

  it('announced, and granted to no site: who announces it, and the rule that refuses it', async () => {
    const answer = await ask('10.66.1.0/24')
    assert.equal(answer.here, false)
    assert.match(said(answer, 'owner'), /^it is granted to no site/)
    assert.match(
      said(answer, 'import'),
      /^the import of tun_b_\w+ refuses 10\.66\.1\.0\/24: no rule accepts it: 10\.66\.1\.0\/24 is not in 10\.2\.0\.0\/16/,
    )
    assert.match(said(await ask('10.66.1.7'), 'import'), /refuses 10\.66\.1\.0\/24/, 'an address in it too')
  })

  it('of a site whose export was not read: that, no tunnel, and who else announces it', async () => {
    const answer = await ask('10.3.7.0/24')
    assert.equal(answer.here, false)
    assert.match(answer.why, /^the export of site c has not been read/)
    assert.match(said(answer, 'tunnel'), /^there is no tunnel to site c/)
    assert.match(said(answer, 'import'), /^the import of tun_b_\w+ refuses 10\.3\.7\.0\/24/)
  })

  it('refused by the policy of a WAN router, or before it', async () => {
    assert.equal((await ask('11.1.0.0/16')).here, true)
    const unwanted = await ask('12.1.0.0/16')
    assert.match(
      said(unwanted, 'import'),
      /^the import of wan_r1_\w+ refuses 12\.1\.0\.0\/16: no rule accepts it: 12\.1\.0\.0\/16 is not in 11\.0\.0\.0\/8$/,
    )
    assert.equal(unwanted.here, false)
    const stolen = await ask('10.2.200.0/24')
    assert.match(
      said(stolen, 'import'),
      /^the import of wan_r1_\w+ refuses 10\.2\.128\.0\/17: a rule rejects it: if net ~ \[ /,
    )
  })

  it('routes: all, those of one prefix with what BGP says, and the one that holds an address', async () => {
    const rows = async (name: string | null): Promise<unknown[]> => {
      const found = await routeRows(runtime, name)
      assert.ok(Symbol.iterator in found)
      return [...found]
    }
    const all = (await rows(null)) as {name: string; site: string | null; kind: string; best: boolean}[]
    const shown = all.map(({name, site, kind, best}) => `${name} ${site} ${kind} ${best}`)
    for (const row of ['10.2.5.0/24 b tunnel true', '11.1.0.0/16 null wan true', '10.2.0.0/16 b static true']) {
      assert.ok(shown.includes(row), shown.join('\n'))
    }
    assert.ok(!shown.some((row) => row.startsWith('10.66.')), 'what was refused is none')
    const [one, ...others] = (await rows('10.2.5.0/24')) as {bgp: object; via: object; refusedByKernel: boolean}[]
    assert.equal(others.length, 0)
    assert.deepEqual(one!.bgp, {path: [4200000002], localPref: 100, med: null, origin: 'IGP', communities: []})
    assert.equal(one!.refusedByKernel, false)
    assert.deepEqual(await rows('10.2.5.77'), [one])
    assert.deepEqual(await rows('10.9.0.0/16'), [])
    assert.deepEqual(await routeRows(runtime, 'x'), {
      code: 'bad-request',
      problem: 'x is neither a prefix nor an address; such as 10.2.0.0/16 or 10.2.0.7',
    })
  })

  it('peers, by the names that the configuration gives them', async () => {
    await look()
    const shown = peerRows(runtime).map(({name, kind, state, received, accepted, filtered}) => [
      name,
      kind,
      state,
      received,
      accepted,
      filtered,
    ])
    assert.deepEqual(shown, [
      ['wan b/b1/wan 0', 'tunnel', 'Established', 3, 1, 2],
      ['r1', 'wan', 'Established', 3, 1, 2],
    ])
    const seen = router
    router = null
    assert.deepEqual(
      peerRows(runtime).map(({name, state, as}) => [name, state, as]),
      [
        ['wan b/b1/wan 0', 'absent', null],
        ['r1', 'absent', 64900],
      ],
    )
    router = seen
  })

  it('a session that is down, with its last word', async () => {
    await birds.b!.ask(`disable "tun_*"`)
    await eventually(async () => (await look()).sessions.some(({name, up}) => name === session && !up), 5000)
    const answer = await ask('10.2.5.0/24')
    assert.equal(answer.here, false)
    assert.match(
      answer.why,
      new RegExp(`^session ${session} with 100\\.64\\.2\\.\\d is not up: it is \\w+, last error: `),
    )
  })

  it('no BIRD', async () => {
    await birds.a!.kill()
    router = null
    const result = await whyNot(runtime, '10.2.5.0/24')
    assert.ok(result.ok && !result.answer.here)
    assert.match(result.answer.why, /^BIRD does not answer/)
    assert.deepEqual(await routeRows(runtime, null), {
      code: 'unavailable',
      problem: 'BIRD does not answer: see `isthmus get findings`',
    })
  })
})
