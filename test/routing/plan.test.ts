import assert from 'node:assert/strict'
import type {GatewayConfig, GatewayLan, GatewayName, PeerName, PrefixRange, WanPeer} from '../../src/model/index.ts'
import type {Address, Prefix} from '../../src/net/index.ts'
import {type BgpSession, type BirdConfig, renderBird} from '../../src/routing/index.ts'
import {nodeOf} from '../support/interconnect.ts'
import {accepted, routingOf} from '../support/three-routed.ts'
import {BFD, plain, routeRule, wanPeer} from '../support/wan-peer.ts'

const wan = (overrides: Partial<WanPeer> = {}): WanPeer =>
  wanPeer({import: plain('192.0.2.0/24'), export: plain('192.0.2.0/24'), bfd: BFD, ...overrides})

const range = (prefix: string, ge: number, le: number): PrefixRange => ({prefix: prefix as Prefix, ge, le})

const session = (bird: BirdConfig, prefix: string): BgpSession => {
  const found = bird.sessions.find(({name}) => name.startsWith(prefix))
  assert.ok(found, `no session ${prefix} in ${bird.sessions.map(({name}) => name).join(' ')}`)
  return found
}

describe('planRouting', () => {
  it('a tunnel takes what the site is granted, by its own AS, and gives own prefixes only', () => {
    const {bird, findings} = routingOf('a', {peers: [wan()]})
    assert.deepEqual(findings, [])
    const b = session(bird, 'tun_b_')
    assert.deepEqual(
      [b.local, b.localAs, b.neighbor, b.neighborAs],
      ['100.64.1.0', 4200000001, '100.64.2.0', 4200000002],
    )
    assert.deepEqual(accepted(b.import), ['10.2.0.0/16+'])
    assert.ok(b.import[0]!.when.some((condition) => condition.is === 'path' && condition.as === 4200000002))
    assert.deepEqual(accepted(b.export), ['10.1.0.0/16+'])
    assert.ok(b.ttlSecurity)
  })

  it('BFD watches all tunnels; the session of a single path does not hear of it, those of two paths to one site do', () => {
    const {bird} = routingOf('a', {})
    const watched = bird.bfdNeighbors.map(({neighbor, local}) => `${local} ${neighbor}`)
    assert.deepEqual(watched, ['100.64.1.0 100.64.2.0', '100.64.1.0 100.64.3.0', '100.64.1.0 100.64.3.2'])
    assert.deepEqual(
      bird.bfdDevices.map(({device, options}) => [device, options.intervalMs, options.idleMs]),
      [...bird.bfdNeighbors.map(({device}) => device), 'is-b-*', 'is-c-*'].map((device) => [device, 100, 100]),
    )
    assert.equal(session(bird, 'tun_b_').bfd, null)
    assert.equal(bird.sessions.filter(({name}) => name.startsWith('tun_c_')).length, 2)
    assert.equal(session(bird, 'tun_c_').bfd?.mode, 'on')
    assert.equal(session(bird, 'tun_c_').bfd?.idleMs, 100)
    const paired = routingOf('a', {twin: 'a2' as GatewayName}).bird
    assert.equal(session(paired, 'tun_b_').bfd?.mode, 'on', 'the twin has another way')
  })

  it('a single router of the WAN is graceful, two are not', () => {
    const second = wan({name: 'r2' as PeerName, address: '192.0.2.253' as Address})
    const modes = (peers: WanPeer[]) =>
      routingOf('a', {peers})
        .bird.sessions.filter(({kind}) => kind === 'wan')
        .map(({bfd}) => bfd?.mode)
    assert.deepEqual(modes([wan()]), ['graceful'])
    assert.deepEqual(modes([wan(), second]), ['on', 'on'])
  })

  it('everything that must not fall through is unreachable beneath', () => {
    const {bird} = routingOf('a', {})
    const fallback = bird.statics.find(({name}) => name === 'fallback4')
    assert.deepEqual(
      fallback?.routes.map(({prefix, to}) => `${prefix} ${to}`),
      ['10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16', '100.64.0.0/16'].map((prefix) => `${prefix} unreachable`),
    )
    assert.equal(fallback?.preference, 1)
  })

  it('the WAN hears of uplinks inside its list, and of no pod while all pairs have tunnels', () => {
    const r1 = session(routingOf('a', {peers: [wan()]}).bird, 'wan_r1_')
    assert.deepEqual(accepted(r1.export), ['192.0.2.8/32'])
    assert.deepEqual(accepted(r1.import), ['192.0.2.0/24+'])
    assert.deepEqual(
      r1.import[0]?.when[0],
      {
        is: 'net',
        patterns: ['10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16', '100.64.0.0/16'].map((prefix) => ({
          prefix,
          longer: true,
        })),
      },
      'own, inner and tunnelled prefixes are refused first',
    )
    assert.equal(r1.import[0]?.verdict, 'reject')
  })

  it('a pair without tunnel: own prefixes go out, the partner’s come in, others’ do not', () => {
    const r1 = session(routingOf('b', {peers: [wan()]}).bird, 'wan_r1_')
    assert.deepEqual(accepted(r1.export), ['192.0.2.16/32', '10.2.0.0/16+'])
    assert.deepEqual(accepted(r1.import), ['10.3.0.0/16+', '192.0.2.0/24+'])
    assert.deepEqual(accepted([{...r1.import[0]!, verdict: 'accept'}]), [
      '10.1.0.0/16+',
      '10.2.0.0/16+',
      '100.64.0.0/16+',
    ])
  })

  it('a router that belongs to one uplink is told of that one only', () => {
    const exported = (uplink: string | null) =>
      accepted(session(routingOf('c', {peers: [wan({uplink: uplink as WanPeer['uplink']})]}).bird, 'wan_r1_').export)
    assert.deepEqual(exported('lte'), ['192.0.2.25/32', '10.3.0.0/16+'])
    assert.deepEqual(exported(null), ['192.0.2.24/32', '192.0.2.25/32', '10.3.0.0/16+'])
  })

  it('an iBGP router is spoken to from the uplink’s address, which BFD over several hops needs', () => {
    const ibgp = session(routingOf('a', {peers: [wan({as: 4200000001})]}).bird, 'wan_r1_')
    assert.deepEqual([ibgp.local, ibgp.bfd?.mode], ['192.0.2.8', 'graceful'])
    const v6 = wan({as: 4200000001, address: '2001:db8::ff' as Address})
    const other = session(routingOf('a', {peers: [v6]}).bird, 'wan_r1_')
    assert.deepEqual([other.local, other.bfd], [null, null], 'no uplink of its family')
  })

  it('no list: nothing passes (RFC 8212)', () => {
    const r1 = session(routingOf('a', {peers: [wan({import: plain(), export: plain()})]}).bird, 'wan_r1_')
    assert.deepEqual([accepted(r1.import), r1.export], [[], []])
  })

  it('own prefixes in an export list that can have no effect are told', () => {
    const {findings, bird} = routingOf('a', {peers: [wan({export: plain('10.1.0.0/16')})]})
    assert.deepEqual(
      findings.map(({code, severity}) => [code, severity]),
      [['config-conflict', 'warning']],
    )
    assert.deepEqual(accepted(session(bird, 'wan_r1_').export), [])
  })

  it('rules choose all: what a plain list lets through beside itself is not there', () => {
    const rules = {rules: [routeRule({prefixes: [range('203.0.113.0/24', 24, 28)]})]}
    const r1 = session(routingOf('b', {peers: [wan({import: rules, export: rules})]}).bird, 'wan_r1_')
    assert.deepEqual(accepted(r1.import), ['203.0.113.0/24'])
    assert.deepEqual(accepted(r1.export), ['203.0.113.0/24'])
    const [gate, own] = r1.export
    assert.deepEqual([gate!.verdict, gate!.when[0]!.is], ['reject', 'none-of'])
    assert.equal(own!.verdict, 'continue', 'own prefixes lose what is only for us before rules look')
  })

  it('a rule of the other family, and a policy that accepts nothing, are not there', () => {
    const six = {rules: [routeRule({prefixes: [range('2001:db8::/32', 48, 48)]}), routeRule({action: 'reject'})]}
    const r1 = session(routingOf('a', {peers: [wan({import: six, export: six})]}).bird, 'wan_r1_')
    assert.deepEqual([r1.import, r1.export], [[], []])
  })

  it('the default route is refused before any rule, unless it is asked for by name', () => {
    const refusesDefault = (peer: WanPeer) =>
      session(routingOf('a', {peers: [peer]}).bird, 'wan_r1_').import.some(
        ({verdict, when: [first]}) =>
          verdict === 'reject' && first?.is === 'net' && first.patterns.some(({prefix}) => prefix === '0.0.0.0/0'),
      )
    for (const policy of [plain('0.0.0.0/0'), {rules: [routeRule()]}]) {
      assert.ok(refusesDefault(wan({import: policy})))
      assert.ok(!refusesDefault(wan({import: policy, defaultRoute: true})))
    }
  })

  it('a gateway is no way between two routers, unless it is told to be', () => {
    const second = (overrides: Partial<WanPeer>) =>
      wan({name: 'r2' as PeerName, address: '192.0.2.253' as Address, ...overrides})
    const told = (overrides: Partial<WanPeer>) => {
      const {bird} = routingOf('a', {peers: [wan(), second(overrides)]})
      return JSON.stringify(session(bird, 'wan_r2_').export).includes(session(bird, 'wan_r1_').name)
    }
    assert.ok(!told({export: {rules: [routeRule()]}}))
    assert.ok(told({export: {rules: [routeRule()]}, passOn: ['r1' as PeerName]}))
    assert.ok(told({export: plain('198.51.100.0/24'), passOn: ['r1' as PeerName]}))
  })

  const secrets: {name: string; passwords: Record<string, string>; password: string | null}[] = [
    {name: 'a password file gives the password', passwords: {'/k': 's3cret\n'}, password: 's3cret'},
    {name: 'an unreadable one: no session', passwords: {}, password: null},
    {name: 'one that BIRD cannot quote: no session', passwords: {'/k': 'a"b'}, password: null},
    {name: 'an empty one: no session', passwords: {'/k': '\n'}, password: null},
  ]
  for (const {name, passwords, password} of secrets) {
    it(name, () => {
      const {bird, findings} = routingOf('a', {peers: [wan({passwordFile: '/k'})]}, {passwords})
      const found = bird.sessions.find(({kind}) => kind === 'wan')
      assert.equal(found?.password ?? null, password)
      assert.deepEqual(
        findings.map(({code}) => code),
        password === null ? ['peer-secret-unreadable'] : [],
      )
    })
  }

  it('of two gateways the first by name is preferred, by other sites and by its nodes; both name their next hop', () => {
    const changes = (twin: string | null) => {
      const nodes = {session: 'ibgp', localAs: 64512, nextHop: '192.168.1.201' as Address} as const
      const {bird} = routingOf('a', {twin: twin as GatewayName | null, nodes}, {nodes: [nodeOf('n1', '192.168.1.1')]})
      const valuesOf = (rules: BgpSession['export'], attribute: string) =>
        rules.flatMap(({set = []}) => set.filter((change) => change.attribute === attribute)).map(({value}) => value)
      const [tunnel, node] = [session(bird, 'tun_b_'), session(bird, 'node_')]
      const kept = valuesOf(tunnel.import, 'med')
      return [
        ...valuesOf(tunnel.export, 'med'),
        valuesOf(node.export, 'local-pref'),
        kept,
        node.nextHop,
        node.holdSeconds,
      ]
    }
    assert.deepEqual(changes(null), [null, [], [], '192.168.1.201', 15])
    assert.deepEqual(changes('a2'), [0, [2, 2], [], '192.168.1.201', 3])
    assert.deepEqual(changes('a0'), [100, [1, 50, 1, 50], [], '192.168.1.201', 3])
  })

  it('own prefixes go out only while their next hop can be reached', () => {
    const {bird} = routingOf('a', {})
    const [rule] = session(bird, 'tun_b_').export
    assert.ok(rule?.when.some(({is}) => is === 'reachable'))
    assert.match(renderBird(bird), /proto != "fallback4" && dest != RTD_UNREACHABLE then/)
  })

  describe('with a twin on the LAN', () => {
    const lan: GatewayLan = {
      device: 'lan0',
      address: '192.168.1.251' as Address,
      twin: '192.168.1.252' as Address,
      watch: [],
    }
    const overrides: Partial<GatewayConfig> = {
      twin: 'a2' as GatewayName,
      lan,
      nodes: {session: 'ibgp', localAs: 64512, nextHop: null},
      static: [{prefix: '10.1.200.0/24' as Prefix, via: '192.168.1.7' as Address, labels: {}}],
    }

    it('it is told of ways by own sessions, and one that it tells of is taken where no own one is left', () => {
      const {bird} = routingOf('a', overrides, {nodes: [nodeOf('n1', '192.168.1.1')]})
      const twin = session(bird, 'twin_')
      assert.deepEqual(
        [twin.local, twin.neighbor, twin.localAs, twin.neighborAs, twin.device, twin.reach],
        ['192.168.1.251', '192.168.1.252', 4200000001, 4200000001, 'lan0', 'direct'],
      )
      assert.deepEqual(twin.bfd, {mode: 'on', intervalMs: 100, multiplier: 3, idleMs: 100})
      assert.deepEqual(accepted(twin.import), ['10.2.0.0/16+', '10.3.0.0/16+'])
      const preferences = (rules: BgpSession['import']) => rules.map(({set = []}) => set.map(({value}) => value))
      assert.deepEqual(preferences(twin.import), [[50, null]])
      assert.deepEqual(accepted(twin.export), ['10.2.0.0/16+', '10.3.0.0/16+'])
      assert.ok(twin.export[0]?.when.some((condition) => condition.is === 'source'))
    })

    it('towards sites whose name comes first the better way counts, whoever has it, and the preferences are told for it', () => {
      const {bird} = routingOf('b', {...overrides, twin: 'b2' as GatewayName, nodes: null})
      const twin = session(bird, 'twin_')
      assert.deepEqual(
        twin.import.map((rule) => [accepted([rule]), rule.set]),
        [
          [['10.1.0.0/16+'], [{attribute: 'communities', value: null}]],
          [
            ['10.1.0.0/16+', '10.3.0.0/16+'],
            [
              {attribute: 'preference', value: 50},
              {attribute: 'communities', value: null},
            ],
          ],
        ],
      )
      assert.deepEqual(twin.export[0]?.set, [{attribute: 'communities', value: null}])
    })

    it('nodes are not told of its ways, which it tells them of itself', () => {
      const {bird} = routingOf('a', overrides, {nodes: [nodeOf('n1', '192.168.1.1')]})
      const {name} = session(bird, 'twin_')
      const remote = session(bird, 'node_').export.filter(({when}) => when.some(({is}) => is === 'source'))
      assert.equal(remote.length, 2)
      for (const {when} of remote) assert.ok(when.some((one) => one.is === 'not-from' && one.protocol === name))
    })

    it('a network that cannot be reached whatever its carrier says takes static prefixes behind it along', () => {
      const {bird} = routingOf('a', overrides)
      assert.equal(bird.lostNetworks, 1788)
      const [route] = bird.statics.find(({name}) => name === 'static4')!.routes
      assert.deepEqual(route?.to, {towards: '192.168.1.7'})
      const alone = routingOf('a', {...overrides, twin: null, lan: null}).bird
      assert.deepEqual([alone.lostNetworks, alone.sessions.some(({kind}) => kind === 'twin')], [null, false])
    })
  })

  it('of two gateways the same one is last too, for ways that are about to go away', () => {
    const exported = (twin: string | null) => {
      const overrides = {
        nodes: {session: 'ibgp', localAs: 64512, nextHop: null},
        twin: twin as GatewayName | null,
      } as const
      const {bird} = routingOf('a', overrides, {nodes: [nodeOf('n1', '192.168.1.1')]})
      const rule = session(bird, 'node_').export.find(({when}) => when.some(({is}) => is === 'local-pref'))
      return rule?.set?.find(({attribute}) => attribute === 'local-pref')?.value
    }
    assert.deepEqual([exported('a2'), exported('a0'), exported(null)], [2, 1, undefined])
  })

  it('two sites of one AS cannot speak: told, not tried', () => {
    const {bird, findings} = routingOf('a', {as: 4200000002})
    assert.deepEqual(
      bird.sessions.map(({neighborAs}) => neighborAs),
      [4200000003, 4200000003],
    )
    assert.deepEqual(
      findings.map(({code, where}) => [code, where.source]),
      [['config-conflict', 'export b']],
    )
  })

  it('order of the configuration and of nodes does not change one byte', () => {
    const nodes = [nodeOf('n1', '192.168.1.1'), nodeOf('n2', '192.168.1.2')]
    const peers = [wan(), wan({name: 'r2' as PeerName, address: '192.0.2.253' as Address})]
    const overrides: Partial<GatewayConfig> = {
      nodes: {session: 'ibgp', localAs: 64512, nextHop: null},
      peers,
      interconnect: ['100.64.0.0/16', '100.65.0.0/16'] as Prefix[],
    }
    const text = renderBird(routingOf('a', overrides, {nodes}).bird)
    const reversed = {...overrides, peers: peers.toReversed(), interconnect: overrides.interconnect!.toReversed()}
    assert.equal(renderBird(routingOf('a', reversed, {nodes: nodes.toReversed()}).bird), text)
  })
})
