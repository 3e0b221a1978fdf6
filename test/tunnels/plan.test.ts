import assert from 'node:assert/strict'
import fc from 'fast-check'
import type {Carriers, Encapsulation, SiteName, UplinkName} from '../../src/model/index.ts'
import type {Address} from '../../src/net/index.ts'
import {
  type PlannedTunnels,
  planTunnels,
  renderTunnelCommands,
  renderTunnelGraph,
  retiredKeys,
} from '../../src/tunnels/index.ts'
import {configOf, pairKey, planAll, type Sketch, testKey, uplinksOf, viewOf} from '../support/interconnect.ts'

const TWO: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
  ],
}
const A_ALONE_OFFERS = [
  {slot: 0, uplink: 'wan' as UplinkName, encapsulation: 'ipip', publicKey: null, port: null, port6: null},
] as const
const A_ALONE = {config: configOf(TWO, 'a'), sites: new Map([['b' as SiteName, viewOf(TWO, 'b')]]), keys: new Map()}

describe('planTunnels', () => {
  it('both ends offer: one device with its addresses, session and alias', () => {
    const {plan} = planAll(TWO).get('a')!
    assert.deepEqual(plan.findings, [])
    const device = plan.tunnels[0]!.device
    assert.match(device, /^is-b-[0-9a-f]{6}$/)
    assert.deepEqual(plan.tunnels, [
      {
        id: 'wan b/b1/wan 0',
        remote: 'b/b1/wan',
        site: 'b',
        gateway: 'b1',
        localUplink: 'wan',
        slot: 0,
        encapsulation: 'ipip',
        device,
        local: '100.64.1.0',
        peer: '100.64.2.0',
        session: `tun_b_${device.slice(-6)}`,
      },
    ])
    assert.deepEqual(plan.links, [
      {
        kind: 'ipip',
        name: device,
        alias: 'isthmus a/a1/wan b/b1/wan slot 0',
        mtu: 1480,
        local: '192.0.2.8',
        remote: '192.0.2.16',
        ttl: 64,
      },
    ])
    assert.deepEqual(plan.addresses, [{device, local: '100.64.1.0', peer: '100.64.2.0'}])
  })

  it('the other end offers nothing: an offer, but no device, and a note that heals by itself', () => {
    const plan = planTunnels(A_ALONE)
    assert.deepEqual(plan.tunnels, [])
    assert.deepEqual(plan.links, [])
    assert.deepEqual(
      [...plan.offers],
      [['b/b1/wan', [{slot: 0, uplink: 'wan', encapsulation: 'ipip', publicKey: null, port: null, port6: null}]]],
    )
    assert.deepEqual(
      plan.findings.map(({code, severity}) => [code, severity]),
      [['encapsulation-mismatch', 'info']],
    )
  })

  it('two encapsulations: an error that names both, and no tunnel of either kind', () => {
    const configs = new Map([
      ['a', configOf({...TWO, pairs: {'a b': 'wireguard'}}, 'a')],
      ['b', configOf({...TWO, pairs: {'a b': 'ipip'}}, 'b')],
    ])
    for (const [name, {plan}] of planAll(TWO, configs)) {
      assert.deepEqual(plan.tunnels, [], name)
      assert.deepEqual(plan.links, [], name)
      const [finding] = plan.findings
      assert.equal(finding?.code, 'encapsulation-mismatch')
      assert.equal(finding.severity, 'error')
      assert.match(finding.detail, /wireguard.*ipip|ipip.*wireguard/)
    }
  })

  it('wireguard without a key of our own: the key is wanted, and nothing is offered yet', () => {
    const config = configOf({...TWO, pairs: {'a b': 'wireguard'}}, 'a')
    const plan = planTunnels({...A_ALONE, config})
    assert.equal(plan.wantedKeys.length, 1)
    assert.deepEqual([...plan.offers], [])
    assert.deepEqual(
      plan.findings.map(({code}) => code),
      ['tunnel-key-missing'],
    )
    const device = plan.wantedKeys[0]!
    const withKey = planTunnels({...A_ALONE, config, keys: new Map([[device, testKey(config, device)]])})
    assert.deepEqual(withKey.wantedKeys, plan.wantedKeys, 'a key in use stays wanted')
    assert.equal(withKey.offers.get('b/b1/wan')?.[0]?.publicKey, testKey(config, device).publicKey)
  })

  it('a follower stands beside: another key, device, port, inner addresses, and the one that is told to be left', () => {
    const config = configOf({...TWO, pairs: {'a b': 'wireguard'}}, 'a')
    const [older, newer] = [
      {slot: 0, serial: 4, encapsulation: 'wireguard', phase: 'left'},
      {slot: 1, serial: 5, encapsulation: 'wireguard', phase: 'open'},
    ] as const
    const carriers: Carriers = new Map([['a/a1/wan b/b1/wan', [older, newer]]])
    const {wantedKeys} = planTunnels({...A_ALONE, config, carriers})
    const keys = new Map(wantedKeys.map((name, index) => [name, {...testKey(config, name), port: 51820 + index}]))
    const offers = planTunnels({...A_ALONE, config, carriers, keys}).offers.get('b/b1/wan')!
    assert.deepEqual(
      offers.map(({slot, serial, leaving}) => [slot, serial, leaving]),
      [
        [0, 4, true],
        [1, 5, undefined],
      ],
    )
    const theirs = viewOf(TWO, 'b', new Map([['a/a1/wan', offers]]))
    const plan = planTunnels({config, carriers, keys, sites: new Map([['b' as SiteName, theirs]])})
    assert.deepEqual(plan.tunnels.map(({slot, local, peer, standby}) => [slot, local, peer, standby]).sort(), [
      [0, '100.64.1.0', '100.64.2.0', true],
      [1, '100.64.1.1', '100.64.2.1', undefined],
    ])
    for (const names of [plan.wireguard.map(({publicKey}) => publicKey), plan.links.map(({name}) => name)]) {
      assert.equal(new Set(names).size, 2)
    }
    assert.deepEqual(
      plan.findings.map(({code, severity}) => [code, severity]),
      [['tunnel-change', 'info']],
    )
    const earlier = keys.keys().next().value!.replace(/#.*/, '')
    const input = {...A_ALONE, config, carriers}
    assert.deepEqual(retiredKeys(input, [...wantedKeys, earlier, 'is-other-abcdef']), [earlier])
  })

  it('of two numbers in one slot none is made: the ends mean two tunnels', () => {
    const carriers: Carriers = new Map([
      ['a/a1/wan b/b1/wan', [{slot: 0, serial: 1, encapsulation: 'ipip', phase: 'open'}]],
    ])
    const theirs = viewOf(TWO, 'b', new Map([['a/a1/wan', A_ALONE_OFFERS]]))
    const plan = planTunnels({...A_ALONE, carriers, sites: new Map([['b' as SiteName, theirs]])})
    assert.deepEqual(plan.links, [])
    assert.deepEqual(
      plan.findings.map(({code, severity}) => [code, severity]),
      [['encapsulation-mismatch', 'info']],
    )
  })

  it('wireguard: the peer is the other end, at its public address if it has one', () => {
    const sketch: Sketch = {...TWO, pairs: {'a b': 'wireguard'}}
    const hidden = configOf(sketch, 'a', {
      uplinks: uplinksOf(TWO.sites[0]!).map((uplink) => ({...uplink, public: '198.51.100.1' as Address})),
    })
    const configs = new Map([
      ['a', hidden],
      ['b', configOf(sketch, 'b')],
    ])
    const [here, there] = [...planAll(sketch, configs).values()].map(({plan}) => plan.wireguard[0])
    assert.deepEqual(here?.peer.endpoint, {address: '192.0.2.16', port: 51820})
    assert.equal(here?.peer.publicKey, there?.publicKey)
    assert.equal(here?.peer.keepaliveSeconds, 25, 'behind a NAT')
    assert.equal(there?.peer.keepaliveSeconds, 0)
    assert.deepEqual(here?.peer.allowedIps, ['0.0.0.0/0', '::/0'])
  })

  it('fou: an ipip device in UDP, to the port that the other end offers, and an own port from the offer on', () => {
    const sketch: Sketch = {...TWO, pairs: {'a b': 'fou'}}
    const configs = new Map([
      ['a', configOf(sketch, 'a', {fouPorts: {4: 6000, 6: 6001}})],
      ['b', configOf(sketch, 'b', {fouPorts: {4: 7000, 6: 7001}})],
    ])
    const [here, there] = [...planAll(sketch, configs).values()].map(({plan}) => plan)
    const [link] = here!.links
    assert.ok(link?.kind === 'ipip')
    assert.deepEqual([link.fou, link.mtu, link.remote], [7000, 1472, '192.0.2.16'])
    assert.deepEqual(here!.fouPorts, [{local: '192.0.2.8', port: 6000, protocol: 4}])
    assert.deepEqual(there!.fouPorts, [{local: '192.0.2.16', port: 7000, protocol: 4}])
    assert.match(
      renderTunnelCommands(here!),
      /^ip fou add port 6000 ipproto 4 local 192\.0\.2\.8\n.* encap-dport 7000\n/,
    )

    const alone = planTunnels({...A_ALONE, config: configs.get('a')!})
    assert.deepEqual([alone.links, alone.fouPorts], [[], here!.fouPorts])
    assert.equal(alone.offers.get('b/b1/wan')?.[0]?.port, 6000)
  })

  it('fou that is offered without a port, or over IPv6, is a finding and no tunnel', () => {
    const sketch: Sketch = {...TWO, pairs: {'a b': 'fou'}}
    const config = configOf(sketch, 'a')
    const offer = {
      slot: 0,
      uplink: 'wan' as UplinkName,
      encapsulation: 'fou',
      publicKey: null,
      port: null,
      port6: null,
    } as const
    const view = viewOf(sketch, 'b', new Map([['a/a1/wan', [offer]]]))
    const plan = planTunnels({config, sites: new Map([['b' as SiteName, view]]), keys: new Map()})
    assert.deepEqual(plan.links, [])
    assert.match(plan.findings[0]!.detail, /fou without a port/)
  })

  it('encapsulation none: no device; that this end has none is said', () => {
    const {plan} = planAll({...TWO, pairs: {'a b': 'none'}}).get('a')!
    assert.deepEqual([plan.tunnels, plan.links, plan.addresses, plan.findings], [[], [], [], []])
    assert.deepEqual(
      [...plan.offers].map(([to, offers]) => [to, offers.map(({slot, encapsulation}) => [slot, encapsulation])]),
      [['b/b1/wan', [[0, 'none']]]],
    )
  })

  it('an export that was not read yet: nothing at all', () => {
    const view = {...viewOf(TWO, 'b'), as: null, gateways: []}
    const plan = planTunnels({...A_ALONE, sites: new Map([['b' as SiteName, view]])})
    assert.deepEqual([plan.tunnels, [...plan.offers], plan.findings], [[], [], []])
  })

  const mtus: {encapsulation: Encapsulation; underlayMtu: number; mtu: number}[] = [
    {encapsulation: 'ipip', underlayMtu: 1500, mtu: 1480},
    {encapsulation: 'vxlan', underlayMtu: 1500, mtu: 1450},
    {encapsulation: 'wireguard', underlayMtu: 1500, mtu: 1440},
    {encapsulation: 'ipip', underlayMtu: 9001, mtu: 8980},
    {encapsulation: 'fou', underlayMtu: 1500, mtu: 1472},
  ]
  for (const {encapsulation, underlayMtu, mtu} of mtus) {
    it(`${encapsulation} over ${underlayMtu} bytes has MTU ${mtu}`, () => {
      const sketch = {...TWO, pairs: {'a b': encapsulation}}
      const {config, sites, plan} = planAll(sketch).get('a')!
      const keys = new Map(plan.wantedKeys.map((device) => [device, testKey(config, device)]))
      assert.deepEqual(
        [...planTunnels({config, sites, keys, underlayMtus: new Map([['wan', underlayMtu]])}).mtus.values()],
        [mtu],
      )
    })
  }

  it('over an uplink that carries more than Ethernet does, a device has what Ethernet carries until more is known to pass', () => {
    const {config, sites, plan} = planAll(TWO).get('a')!
    const device = plan.links[0]!.name
    const over = (bytes: number, passes?: number) =>
      planTunnels({
        ...{config, sites, keys: new Map(), underlayMtus: new Map([['wan', bytes]])},
        limits: new Map(passes === undefined ? [] : [[device, {device: passes, clamp: passes}]]),
      })
    const told = ({links, mtus, usualMtus}: PlannedTunnels) => [links[0]!.mtu, mtus.get(device), usualMtus.get(device)]
    assert.deepEqual(told(over(9000)), [1480, 8980, 1480])
    assert.deepEqual(told(over(9000, 8980)), [8980, 8980, 1480])
    assert.deepEqual(told(over(1492)), [1472, 1472, undefined])
    assert.deepEqual(told(over(1500)), [1480, 1480, undefined])
  })

  it('views tell the plan: commands and graph', () => {
    const {plan} = planAll({...TWO, pairs: {'a b': 'vxlan'}}).get('a')!
    const {device} = plan.tunnels[0]!
    assert.match(renderTunnelCommands(plan), new RegExp(`^ip link add ${device} mtu 1450 type vxlan id \\d+ local`))
    assert.match(renderTunnelGraph('a/a1', plan), /"a\/a1" -- "b\/b1" \[label="vxlan/)
  })
})

/** Up to six sites with one to three uplinks each and any encapsulation between any two. */
const sketches: fc.Arbitrary<Sketch> = fc
  .record({
    sites: fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z0-9]$/), {minLength: 2, maxLength: 6}),
    inner: fc.array(fc.constantFrom<readonly (4 | 6)[]>([4], [4, 6]), {minLength: 6, maxLength: 6}),
    uplinks: fc.array(fc.integer({min: 1, max: 3}), {minLength: 6, maxLength: 6}),
    kinds: fc.array(fc.constantFrom<Encapsulation>('ipip', 'fou', 'vxlan', 'wireguard', 'none'), {
      minLength: 36,
      maxLength: 36,
    }),
  })
  .map(({sites, inner, uplinks, kinds}) => ({
    sites: sites.map((name, index) => ({
      name,
      number: index + 1,
      uplinks: ['wan', 'lte', 'mpls'].slice(0, uplinks[index]),
      inner: inner[index]!,
    })),
    pairs: Object.fromEntries(
      sites.flatMap((a, i) => sites.map((b, j) => [pairKey(a, b), kinds[Math.min(i, j) * 6 + Math.max(i, j)]!])),
    ),
  }))

describe('planTunnels at both ends', () => {
  it('every tunnel has its mirror, and as many as there are pairs of uplinks', () => {
    fc.assert(
      fc.property(sketches, (sketch) => {
        const plans = planAll(sketch)
        for (const [name, {plan, config}] of plans) {
          for (const tunnel of plan.tunnels) {
            const other = plans.get(tunnel.site)!
            const at = other.plan.tunnels.findIndex(
              (far) =>
                far.remote === `${name}/${config.gateway}/${tunnel.localUplink}` &&
                tunnel.remote === `${tunnel.site}/${other.config.gateway}/${far.localUplink}` &&
                tunnel.local === far.peer,
            )
            const far = other.plan.tunnels[at]
            assert.ok(far, `${name}: ${tunnel.id} has no mirror`)
            assert.deepEqual([far.local, far.peer], [tunnel.peer, tunnel.local])
            assert.equal(far.encapsulation, tunnel.encapsulation)
            const linkOf = ({links}: PlannedTunnels, device: string) => links.find((link) => link.name === device)!
            const [here, there] = [linkOf(plan, tunnel.device), linkOf(other.plan, far.device)]
            assert.deepEqual([here.kind, here.mtu], [there.kind, there.mtu])
            if (here.kind === 'vxlan' && there.kind === 'vxlan') assert.equal(here.vni, there.vni)
            if (here.kind !== 'wireguard' && there.kind !== 'wireguard') {
              assert.deepEqual([here.local, here.remote], [there.remote, there.local])
            }
          }
          const own = sketch.sites.find((site) => site.name === name)!
          const expected = sketch.sites
            .filter((site) => site.name !== name && sketch.pairs![pairKey(site.name, name)] !== 'none')
            .map((site) => ({site, families: Math.min(own.inner!.length, site.inner!.length)}))
            .reduce((sum, {site, families}) => sum + families * site.uplinks!.length * config.uplinks.length, 0)
          assert.equal(plan.tunnels.length, expected, name)
          for (const {name: device} of plan.links) assert.ok(device.length <= 15, device)
        }
      }),
      {numRuns: 60},
    )
  })

  it('the order of uplinks and sites does not matter', () => {
    fc.assert(
      fc.property(sketches, (sketch) => {
        const {config, sites, plan} = planAll(sketch).values().next().value!
        const keys = new Map(plan.wantedKeys.map((device) => [device, testKey(config, device)]))
        const shuffled = {
          config: {...config, uplinks: config.uplinks.toReversed(), sites: new Map([...config.sites].reverse())},
          sites: new Map([...sites].reverse()),
          keys: new Map([...keys].reverse()),
        }
        assert.deepEqual(planTunnels(shuffled), planTunnels({config, sites, keys}))
      }),
      {numRuns: 30},
    )
  })
})
