import assert from 'node:assert/strict'
import {spawn, spawnSync} from 'node:child_process'
import {keepBird} from '../../src/bird/index.ts'
import type {SiteName} from '../../src/model/index.ts'
import {readRouter} from '../../src/observe/bird/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {type PlannedTunnels, renderTunnelCommands} from '../../src/tunnels/index.ts'
import {TestBird} from '../support/bird.ts'
import {nodeOf, planAll, uplinksOf, worldOf} from '../support/interconnect.ts'
import {createNamespace, eventually, type Namespace} from '../support/namespace.ts'
import {gatewayConfig, NODE_CONFIG, ROUTER_CONFIG, routerAddress, SKETCH} from '../support/three-bird-sites.ts'

describe('an interconnect of real BIRDs', function () {
  this.timeout(20_000)
  const {signal} = new AbortController()
  const spaces = new Map<string, Namespace>()
  const birds = new Map<string, TestBird>()
  const emptied = new Map<string, string>()
  /** The text of a with these sessions held down. */
  let held: (...names: string[]) => string
  /** The text of a as that of a hub for b, so that a loss of b is told at once. */
  let hub: string
  let plans: ReadonlyMap<string, {plan: PlannedTunnels}>

  const routes = (name: string, prefix: string): string => spaces.get(name)!.run(`ip route show ${prefix}`).trim()
  const tunnelOf = (name: string, site: string): string =>
    plans.get(name)!.plan.tunnels.find((tunnel) => tunnel.site === site)!.device
  const state = (name: string) => readRouter(keepBird(birds.get(name)!.socket, signal), signal)

  const allUp = () =>
    eventually(async () => {
      const seen = await Promise.all(['a', 'b', 'c'].map(state))
      return seen.every(({bfd, sessions}) => [...bfd, ...sessions].every(({up}) => up))
    }, 8000)

  /** The kernel's own account of what changes while something is done. */
  async function routeEvents(name: string, during: () => Promise<void>): Promise<string> {
    const watcher = spawn('ip', ['-n', spaces.get(name)!.name, 'monitor', 'route'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let seen = ''
    watcher.stdout.on('data', (text) => {
      seen += text
    })
    try {
      // It listens once a route of the test's own comes by.
      await eventually(() => {
        spaces.get(name)!.run('ip route replace 203.0.113.1 dev lo; ip route delete 203.0.113.1 dev lo')
        return seen.includes('203.0.113.1')
      })
      await during()
    } finally {
      watcher.kill()
    }
    return seen.replaceAll(/.*203\.0\.113\.1.*\n/g, '')
  }

  before(async () => {
    const configs = new Map(SKETCH.sites.map(({name}) => [name, gatewayConfig(name)] as const))
    plans = planAll(SKETCH, configs)
    for (const name of ['a', 'b', 'c', 'router', 'node']) {
      const space = createNamespace(name)
      spaces.set(name, space)
      space.run('sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0')
    }
    for (const site of SKETCH.sites) {
      const space = spaces.get(site.name)!
      for (const uplink of uplinksOf(site)) {
        const far = routerAddress(uplink.address)
        const link = `${site.name}-${uplink.name}`
        space.run(`ip link add ${uplink.name} type veth peer name ${link} netns ${spaces.get('router')!.name}
          ip link set ${uplink.name} up; ip addr add ${uplink.address}/32 peer ${far} dev ${uplink.name}`)
        spaces.get('router')!.run(`ip link set ${link} up; ip addr add ${far}/32 peer ${uplink.address} dev ${link}`)
      }
      space.run(`ip route add default via ${routerAddress(uplinksOf(site)[0]!.address)}
        ip link add lan type veth peer name lan-far; ip link set lan up; ip link set lan-far up
        ip addr add 192.168.9.254/24 dev lan`)
      space.run(renderTunnelCommands(plans.get(site.name)!.plan))
    }
    spaces.get('a')!.run(`ip link add node type veth peer name eth0 netns ${spaces.get('node')!.name}
      ip link set node up; ip addr add 192.168.1.254/24 dev node`)
    spaces
      .get('node')!
      .run('ip link set eth0 up; ip addr add 192.168.1.1/24 dev eth0; ip route add default via 192.168.1.254')
    const first = new Map<string, string>()
    const texts = new Map([
      ['router', ROUTER_CONFIG],
      ['node', NODE_CONFIG],
    ])
    for (const [name, {config, sites, plan}] of planAll(SKETCH, configs)) {
      const world = worldOf(sites, name === 'a' ? [nodeOf('n1', '192.168.1.1')] : [])
      const input = {config, world, tunnels: plan.tunnels, passwords: new Map(), draining: false}
      const routing = planRouting(input)
      first.set(name, renderBird(planRouting({...input, tunnels: []}).bird))
      emptied.set(name, renderBird(planRouting({...input, draining: true}).bird))
      if (name === 'a') {
        held = (...names) => renderBird(planRouting({...input, held: new Set(names)}).bird)
        hub = renderBird(planRouting({...input, config: {...config, transit: ['b' as SiteName]}}).bird)
      }
      assert.deepEqual(routing.findings, [])
      texts.set(name, renderBird(routing.bird))
    }
    await Promise.all(
      [...texts].map(async ([name, text]) => {
        // As on a gateway: of the tunnels a later file tells.
        const bird = new TestBird(spaces.get(name)!, first.get(name) ?? text)
        birds.set(name, bird)
        await bird.start()
        await bird.reload(text)
      }),
    )
  })
  after(async () => {
    for (const bird of birds.values()) await bird.remove()
    for (const space of spaces.values()) space.remove()
  })

  it('all sessions and their BFD come up, as status tells them', async () => {
    const said = spawnSync('bird', ['--version'], {encoding: 'utf8'})
    const installed = (said.stdout + said.stderr).trim().split(' ').at(-1)
    for (const [name, expected] of [
      ['a', {tunnel: 3, wan: 1, node: 1}],
      ['b', {tunnel: 1, wan: 1}],
      ['c', {tunnel: 2, wan: 2}],
    ] as const) {
      const wanted = Object.values(expected).reduce((sum, count) => sum + count, 0)
      const router = await eventually(async () => {
        const now = await state(name)
        return now.sessions.filter(({up}) => up).length === wanted && now.bfd.every(({up}) => up) && now
      }, 10_000)
      assert.deepEqual(
        Object.fromEntries(
          Object.entries(Object.groupBy(router.sessions, ({kind}) => kind)).map(([kind, list]) => [kind, list?.length]),
        ),
        expected,
        name,
      )
      assert.equal(router.version, installed)
      const watched = router.bfd.filter(({device}) => device?.startsWith('is-'))
      assert.deepEqual(new Set(watched.map(({detectSeconds}) => detectSeconds)), new Set([0.3]))
      assert.ok(router.routes.get('master4')! > 3)
    }
  })

  it('prefixes pass over tunnels, only as granted, and what was refused is counted', async () => {
    await eventually(() => routes('a', '10.2.5.0/24').includes(`dev ${tunnelOf('a', 'b')}`), 5000)
    await eventually(() => routes('b', '10.1.7.0/26').includes(`dev ${tunnelOf('b', 'a')}`), 5000)
    assert.equal(routes('a', '10.66.1.0/24'), '')
    const session = (await state('a')).sessions.find(({name}) => name.startsWith('tun_b_'))!
    assert.deepEqual([session.imported, session.filtered], [1, 1])
  })

  for (const [from, to, prefix, whose] of [
    ['a', 'c', '10.3.5.0/24', 'with two uplinks'],
    ['c', 'a', '10.1.7.0/26', 'at whose one address both end'],
  ] as const) {
    it(`two tunnels to one site ${whose} share the load`, async () => {
      const own = plans.get(from)!.plan.tunnels.filter(({site}) => site === to)
      assert.equal(own.length, 2)
      await eventually(() => {
        const found = routes(from, prefix)
        return found.split('nexthop').length === 3 && own.every(({device}) => found.includes(device))
      }, 5000).catch(() => assert.fail(routes(from, prefix)))
    })
  }

  it('a node’s block comes in without its local preference, its other claims do not', async () => {
    assert.match(routes('a', '10.1.7.0/26'), /^10\.1\.7\.0\/26 via 192\.168\.1\.1 dev node/)
    assert.equal(routes('a', '10.9.0.0/24'), '')
    assert.equal(routes('a', '10.2.9.0/24'), '')
    assert.match(await birds.get('a')!.ask('show route 10.1.7.0/26 all'), /BGP\.local_pref: 100\n/)
  })

  it('the node hears of remote prefixes, with the gateway as next hop', async () => {
    for (const prefix of ['10.2.5.0/24', '10.3.5.0/24']) {
      await eventually(() => routes('node', prefix).startsWith(`${prefix} via 192.168.1.254 dev eth0`), 5000)
    }
    assert.equal(routes('node', '10.2.0.0/16'), '', 'the unreachable route beneath is no announcement')
  })

  it('the WAN knows uplinks, and pod prefixes of the pair without tunnel only', async () => {
    const wan = birds.get('router')!
    const learnt = await eventually(async () => {
      const text = await wan.ask('show route')
      return text.includes('10.3.5.0/24') && text.includes('10.2.5.0/24') && text
    }, 5000)
    assert.ok(!learnt.includes('10.1.'), learnt)
    assert.ok(!learnt.includes('100.64.'), learnt)
    assert.match(await wan.ask('show route 192.0.2.24/32 all'), /BGP\.as_path: 4200000003/)
  })

  it('a pair without tunnel goes by the WAN; nobody else takes such a prefix from it', async () => {
    await eventually(() => routes('b', '10.3.5.0/24').includes('via 198.51.100.16 dev wan'), 5000)
    assert.match(routes('b', '10.3.5.0/24'), /src 192\.0\.2\.16/)
    const wan = async () => (await state('a')).sessions.find(({kind}) => kind === 'wan')!
    // a was told of both by the WAN, and refused them.
    await eventually(async () => (await wan()).filtered >= 2, 5000)
    assert.ok(!routes('a', '10.3.5.0/24').includes('dev wan'))
  })

  it('the gateway’s own packets to other gateways come from its uplink', () => {
    assert.match(spaces.get('a')!.run('ip route get 192.0.2.16'), /via 198\.51\.100\.8 dev wan src 192\.0\.2\.8/)
  })

  it('a session of two paths that is there before its BFD: nothing goes by it until BFD is', async () => {
    const [first, second] = plans.get('a')!.plan.tunnels.filter(({site}) => site === 'c')
    await allUp()
    const drop = `iifname "${first!.device}" udp dport 3784 drop`
    spaces.get('a')!.run(`nft 'table ip nobfd { chain i { type filter hook input priority 0; ${drop}; }; }'`)
    const isBack = (sinceMs: number | null) => async () => {
      const session = (await state('a')).sessions.find(({name}) => name === first!.session)!
      return session.up && session.sinceMs !== sinceMs
    }
    const since = (await state('a')).sessions.find(({name}) => name === first!.session)!.sinceMs
    await eventually(isBack(since), 8000)
    const ofC = plans.get('c')!.plan.tunnels.filter(({site}) => site === 'a')
    const farDevice = ofC.find(({localUplink}) => first!.remote.endsWith(`/${localUplink}`))!.device
    for (let look = 0; look < 10; look++) {
      assert.ok(!routes('a', '10.3.5.0/24').includes(first!.device))
      assert.ok(!routes('c', '10.1.7.0/26').includes(farDevice))
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    assert.ok(routes('a', '10.3.5.0/24').includes(second!.device))
    spaces.get('a')!.run('nft delete table ip nobfd')
    await eventually(() => routes('a', '10.3.5.0/24').split('nexthop').length === 3, 5000)
    await eventually(() => routes('c', '10.1.7.0/26').split('nexthop').length === 3, 5000)
  })

  it('one of two paths that is held down: nobody uses it, no session is lost, and it serves when the other one goes', async () => {
    const [first, second] = plans.get('a')!.plan.tunnels.filter(({site}) => site === 'c')
    const areTwo = () => routes('a', '10.3.5.0/24').split('nexthop').length === 3
    const likedByC = async () =>
      [...(await birds.get('c')!.ask('show route 10.1.7.0/26 all')).matchAll(/local_pref: (\d+)/g)].map(
        ([, pref]) => pref,
      )
    await eventually(areTwo, 10_000)
    const sinceOf = async () => (await state('a')).sessions.map(({name, sinceMs}) => `${name} ${sinceMs}`)
    const before = await sinceOf()
    await birds.get('a')!.reload(held(first!.session))
    await eventually(() => !areTwo() && routes('a', '10.3.5.0/24').includes(second!.device), 3000)
    await eventually(async () => `${await likedByC()}` === '100,0', 3000)
    assert.deepEqual(await sinceOf(), before)
    spaces.get('a')!.run(`ip link set ${second!.device} down`)
    await eventually(() => routes('a', '10.3.5.0/24').includes(first!.device), 2000)
    spaces.get('a')!.run(`ip link set ${second!.device} up`)
    await birds.get('a')!.reload(held())
    await eventually(areTwo, 10_000)
    await eventually(async () => `${await likedByC()}` === '100,100', 3000)
  })

  it('one of two paths goes silent: routes leave it within a second', async () => {
    spaces.get('router')!.run('ip link set c-lte down')
    const began = performance.now()
    await eventually(() => {
      const route = routes('a', '10.3.5.0/24')
      return route !== '' && !route.includes('nexthop')
    }, 2000)
    assert.ok(performance.now() - began < 1000)
    spaces.get('router')!.run('ip link set c-lte up')
  })

  it('a single path is silent for a second: BFD says so, and no session, route or node hears of it', async () => {
    const far = uplinksOf(SKETCH.sites[1]!)[0]!.address
    const near = uplinksOf(SKETCH.sites[0]!)[0]!.address
    const sinceOf = async (name: string) =>
      (await state(name)).sessions.filter((one) => /^tun_[ab]_/.test(one.name)).map(({sinceMs}) => sinceMs)
    await allUp()
    const before = {a: await sinceOf('a'), b: await sinceOf('b')}
    const seen: string[] = []
    const watching = (names: readonly string[], during: () => Promise<void>): Promise<void> => {
      const [name, ...others] = names
      if (name === undefined) return during()
      return routeEvents(name, () => watching(others, during)).then((events) => void seen.push(events))
    }
    await watching(['a', 'b', 'node'], async () => {
      const pair = `{ ${near}, ${far} }`
      spaces
        .get('router')!
        .run(
          `nft 'table ip cut { chain c { type filter hook forward priority 0; ip saddr ${pair} ip daddr ${pair} drop; }; }'`,
        )
      for (const name of ['a', 'b']) await eventually(async () => (await state(name)).bfd.some(({up}) => !up), 2000)
      spaces.get('router')!.run('nft delete table ip cut')
      for (const name of ['a', 'b']) await eventually(async () => (await state(name)).bfd.every(({up}) => up), 2000)
      await new Promise((resolve) => setTimeout(resolve, 600))
    })
    assert.deepEqual({a: await sinceOf('a'), b: await sinceOf('b')}, before)
    for (const events of seen) assert.doesNotMatch(events, /10\.2\.5\.0|10\.1\.7\.0/)
  })

  it('BFD stands on where the session comes to ask for it, or no longer does, as it did in older files', async () => {
    const bird = birds.get('a')!
    const now = held()
    const older = now
      .replaceAll(/^ {2}neighbor \S+ dev .*\n/gm, '')
      .replaceAll(/^ {2}interface "is-.*\n.*\n {2}};\n/gm, '')
      .replaceAll('  hold time 30;\n', '  hold time 30;\n  bfd graceful;\n  bfd { idle tx interval 100 ms; };\n')
    assert.match(hub, /protocol bgp tun_b_[^}]*bfd on;/)
    assert.doesNotMatch(now, /protocol bgp tun_b_[^}]*bfd on;/)
    const sinceOf = async (name: string) => {
      const {bfd, sessions} = await state(name)
      return [...bfd, ...sessions].map(({sinceMs, up}) => `${sinceMs} ${up}`)
    }
    await allUp()
    const before = [await sinceOf('a'), await sinceOf('b'), await sinceOf('c')]
    for (const text of [hub, now, hub, older, now]) {
      await bird.reload(text)
      await new Promise((resolve) => setTimeout(resolve, 400))
    }
    assert.deepEqual([await sinceOf('a'), await sinceOf('b'), await sinceOf('c')], before)
  })

  it('BIRD killed and started again: neither end takes a route away, on a single path', async () => {
    const bird = birds.get('b')!
    let here = ''
    const there = await routeEvents('a', async () => {
      here = await routeEvents('b', async () => {
        await bird.kill()
        await eventually(async () => !(await state('a')).sessions.find(({name}) => name.startsWith('tun_b_'))!.up, 3000)
        // BFD has told a by now: 100 ms × 3 are over.
        await eventually(async () => !(await state('a')).bfd.every(({up}) => up), 3000)
        assert.ok(routes('a', '10.2.5.0/24').includes(`dev ${tunnelOf('a', 'b')}`), 'kept while BIRD is away')
        await bird.start()
        await eventually(async () => (await state('b')).sessions.every(({up}) => up), 8000)
        // Only then is the kernel brought into step.
        await eventually(async () => !(await bird.ask('show status')).includes('recovery in progress'), 12_000)
      })
    })
    for (const [prefix, seen] of [
      ['10.1.7.0/26', here],
      ['10.2.5.0/24', there],
    ] as const) {
      assert.ok(!seen.includes(`Deleted ${prefix}`), seen)
    }
    assert.ok(routes('b', '10.1.7.0/26').includes(tunnelOf('b', 'a')))
  })

  it('BIRD killed at the far end of two paths: at no moment is there no way, here or at the node, and all is as before when it is back', async () => {
    const bird = birds.get('c')!
    await allUp()
    await eventually(() => routes('a', '10.3.5.0/24').includes('nexthop'), 5000)
    const own = plans.get('a')!.plan.tunnels.filter(({site}) => site === 'c')
    const way = (name: string): string => spaces.get(name)!.run('ip route get 10.3.5.7 2>&1 || true')
    const tunnels = own.map(({device}) => `dev ${device} `).join('|')
    let isOver = false
    const looking = (async () => {
      for (; !isOver; await new Promise((go) => setTimeout(go, 5)))
        assert.match(way('a') + way('node'), new RegExp(`(${tunnels})[^]* via 192\\.168\\.1\\.254 `))
    })()
    await bird.kill()
    await eventually(() => routes('a', '10.3.5.0/24') === '' && routes('node', '10.3.5.0/24') === '', 3000)
    assert.match(routes('node', '10.3.0.0/16'), /via 192\.168\.1\.254/)
    assert.match(await birds.get('a')!.ask('show route for 10.3.5.7 primary'), /\[lastways4 /)
    await bird.start()
    await eventually(
      () => routes('a', '10.3.5.0/24').includes('nexthop') && routes('node', '10.3.5.0/24') !== '',
      10_000,
    )
    await allUp()
    isOver = true
    await looking
  })

  it('a remote gateway that is emptied is liked least, and still the way where there is no other', async () => {
    const asked = (): Promise<string> => birds.get('a')!.ask('show route 10.2.5.0/24 all')
    await eventually(async () => (await asked()).includes('BGP.local_pref: 100\n'), 5000)
    const changes = await routeEvents('a', async () => {
      await birds.get('b')!.reload(emptied.get('b')!)
      await eventually(async () => (await asked()).includes('BGP.local_pref: 0\n'), 5000)
      assert.ok(routes('a', '10.2.5.0/24').includes(`dev ${tunnelOf('a', 'b')}`))
    })
    assert.ok(!changes.includes('Deleted 10.2.5.0/24'), changes)
    // The node keeps a way that is the only one, and knows what it is worth.
    for (const [name, prefix] of [
      ['b', '10.1.7.0/26'],
      ['node', '10.2.5.0/24'],
    ] as const) {
      await eventually(async () =>
        (await birds.get(name)!.ask(`show route ${prefix} all`)).includes('BGP.local_pref: 0\n'),
      )
    }
  })

  it('a tunnel that goes away leaves unreachable, never the default route; the node hears of it', async () => {
    spaces.get('a')!.run(`ip link delete ${tunnelOf('a', 'b')}`)
    await eventually(() => routes('node', '10.2.5.0/24') === '', 3000)
    assert.throws(() => spaces.get('a')!.run('ip route get 10.2.5.1'), /[Nn]o route to host|unreachable/)
    assert.match(routes('a', 'default'), /^default via/, 'there is a default route to leak to')
  })
  it('BIRD stopped in good order leaves its routes in the kernel', async () => {
    assert.notEqual(routes('c', '10.1.7.0/26'), '')
    await birds.get('c')!.kill('SIGTERM')
    assert.notEqual(routes('c', '10.1.7.0/26'), '')
  })
})
