import assert from 'node:assert/strict'
import {Federation} from '../../src/federate/index.ts'
import {type Desired, type GatewayConfig, type NftTable, WATCHED, WATCHED_MARK} from '../../src/model/index.ts'
import {createPlan, type PlanInput, plan, planSysctls} from '../../src/plan/index.ts'
import {compilePolicy} from '../../src/policy/index.ts'
import {planAll, type Sketch, configOf as sketchConfig} from '../support/interconnect.ts'
import {rawRecord} from '../support/records.ts'
import {CALICO, configOf, listOf, podRecord} from '../support/sites.ts'

const NOTHING_ELSE = {
  ...{keys: new Map(), passwords: new Map(), uplinkDevices: ['wan0'], devices: new Map(), draining: false},
  limits: new Map(),
}
const SKETCH: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
    {name: 'c', number: 3},
  ],
  pairs: {'a c': 'none'},
}

/** Gateway a1's whole plan in a sketch where everybody has read everybody's offers. */
function planned(sketch: Sketch, reversed = false, ...more: string[]) {
  return plannedWith(new Map(), sketch, reversed, ...more)
}

function plannedWith(limits: PlanInput['limits'], sketch: Sketch, reversed = false, ...more: string[]): Desired {
  const config: GatewayConfig = sketchConfig(sketch, 'a')
  const federation = new Federation(config)
  federation.update(listOf('datastore/main', [podRecord('p1', '10.1.0.5'), podRecord('p2', '10.1.0.6')]))
  const {sites} = planAll(sketch).get('a')!
  const ordered = new Map(reversed ? [...sites].reverse() : sites)
  const world = {...federation.world(), sites: ordered}
  const compiled = compilePolicy(federation.world(), {default: 'deny', previous: null, firstClass: 7})
  const added = more.map((name) => [name, {name, hook: null, rules: []}] as const)
  const policy = {...compiled, chains: new Map([...compiled.chains, ...added])}
  return plan({
    config: {...config, sites: new Map(reversed ? [...config.sites].reverse() : config.sites)},
    world,
    policy,
    ...NOTHING_ELSE,
    limits,
  }).desired
}

const rules = (table: NftTable, chain: string): readonly string[] => table.chains.get(chain)?.rules ?? []

describe('plan', () => {
  it('a policy, a pod and its labels reach nothing but the tables of nftables: not BIRD, nor any device', () => {
    const sketched = sketchConfig(SKETCH, 'a')
    const config = {...sketched, authorities: [sketched.site]}
    const federation = new Federation(config)
    const {sites} = planAll(SKETCH).get('a')!
    const next = createPlan()
    const now = (): Desired =>
      next({
        config,
        world: {...federation.world(), sites},
        policy: compilePolicy(federation.world(), {default: 'deny', previous: null, firstClass: 7}),
        ...NOTHING_ELSE,
      }).desired
    federation.update(listOf('datastore/main', [podRecord('p1', '10.1.0.5')]))
    const before = now()
    const policy = rawRecord(`${CALICO}globalnetworkpolicies/default.web`, {
      metadata: {name: 'default.web', annotations: {'isthmus.io/scope': 'global'}},
      spec: {tier: 'default', selector: "app == 'web'", types: ['Ingress'], ingress: [{action: 'Allow'}]},
    })
    federation.update(listOf('datastore/main', [podRecord('p1', '10.1.0.5'), podRecord('p2', '10.1.0.6'), policy]))
    const after = now()
    assert.equal(federation.world().policies.policies.length, 1)
    assert.notEqual(after.nft, before.nft)
    assert.equal(after.bird, before.bird)
    for (const part of ['links', 'addresses', 'wireguard', 'sysctls', 'tunnels'] as const) {
      assert.equal(after[part], before[part], part)
    }
  })

  it('very many endpoints with another frame: policy first in the frame that was, then the new one', () => {
    const sketched = sketchConfig(SKETCH, 'a')
    const federation = new Federation(sketched)
    const world = {...federation.world(), sites: planAll(SKETCH).get('a')!.sites}
    const few = compilePolicy(federation.world(), {default: 'deny', previous: null, firstClass: 7})
    const class4 = few.sets.get('class4')!
    const elements = new Map(Array.from({length: 20_000}, (_, index) => [`10.1.${index >> 8}.${index & 255}`, '0x7']))
    const many = {...few, sets: new Map([...few.sets, ['class4', {...class4, elements}]])}
    const next = createPlan()
    const input = {config: sketched, world, policy: few, ...NOTHING_ELSE}
    const before = next(input).desired.nft
    const {stages, desired} = next({...input, policy: many, devices: new Map([['lan0', 3]])})
    assert.deepEqual([stages.length, before.sets.get('class4')!.elements.size], [1, 0])
    for (const [table, trusted] of [
      [stages[0]!, before.sets.get('trusted')],
      [desired.nft, desired.nft.sets.get('trusted')],
    ] as const) {
      assert.equal(table.sets.get('class4')!.elements.size, 20_000)
      assert.equal(table.sets.get('trusted'), trusted)
    }
    assert.notEqual(desired.nft.sets.get('trusted'), before.sets.get('trusted'))
    assert.deepEqual(next({...input, policy: many}).stages, [])
  })

  it('of a tunnel that bears IPv6 neighbours may ask for each other, and nothing else of their own links counts', () => {
    const sites = SKETCH.sites.map((one) => ({...one, inner: [4, 6] as const}))
    const {nft, tunnels} = planned({sites, pairs: {'a b': 'vxlan', 'a c': 'none'}})
    const device = `iifname "${tunnels[0]!.device}"`
    assert.deepEqual(
      rules(nft, 'input').filter((rule) => rule.startsWith(device)),
      [
        `${device} ip saddr 100.64.2.0 accept`,
        `${device} ip6 saddr fd64::2:0 accept`,
        `${device} icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept`,
        `${device} ip6 saddr { ::, fe80::/10 } drop`,
        `${device} ct state established,related accept`,
        `${device} counter name "spoofed_${tunnels[0]!.device}" drop`,
      ],
    )
  })

  it('admits protocols 4 and 41 over IPv6 from known gateways only', () => {
    const {nft} = planned({sites: SKETCH.sites.map((one) => ({...one, over6: ['wan']}))})
    assert.deepEqual(
      rules(nft, 'input').filter((rule) => rule.includes('l4proto')),
      [
        'meta l4proto { 4, 41 } ip6 saddr { 2001:db8::10, 2001:db8::18 } accept',
        'meta l4proto { 4, 41 } counter name "tunnel_unknown" drop',
      ],
    )
  })

  it('admits tunnels in UDP from known gateways only, at the ports that are offered', () => {
    const {nft, fouPorts} = planned({...SKETCH, pairs: {'a b': 'fou'}})
    assert.deepEqual(
      fouPorts.map(({port}) => port),
      [5555],
    )
    const known = '{ 192.0.2.16, 192.0.2.24 }'
    assert.deepEqual(
      rules(nft, 'input').filter((rule) => /l4proto|udp/.test(rule)),
      [
        `udp dport 5555 ip saddr ${known} accept`,
        `meta l4proto { 4, 41 } ip saddr ${known} accept`,
        'udp dport 5555 counter name "tunnel_unknown" drop',
        'meta l4proto { 4, 41 } counter name "tunnel_unknown" drop',
      ],
    )
    assert.ok(!rules(planned(SKETCH).nft, 'input').some((rule) => rule.includes('udp')))
  })

  it('judges last: sources, ways out, ICMP errors, state, policy', () => {
    assert.deepEqual(rules(planned(SKETCH).nft, 'forward'), [
      'meta l4proto udp ct mark . ct direction . iif . oif @trusted accept',
      'meta l4proto tcp jump forward_tcp',
      'meta l4proto != udp meta l4proto != tcp ct state new,established ct mark . ct direction . iif . oif @trusted accept',
      'ct mark != 0x00000000 ct state new,established goto checked',
      'jump forwarded_martians',
      'goto checked',
    ])
    assert.deepEqual(rules(planned(SKETCH).nft, 'forward_tcp'), [
      'tcp flags & (syn | rst) == syn return',
      'ct mark . ct direction . iif . oif @trusted accept',
    ])
    assert.deepEqual(rules(planned(SKETCH).nft, 'checked'), [
      'iifname . oifname vmap @known_ways',
      'iifname @tunnels oifname @tunnels goto between',
      'iifname vmap @inbound',
      'jump in_other',
      'goto checked_source',
    ])
    assert.deepEqual(rules(planned(SKETCH).nft, 'checked_source'), [
      'oifname vmap @outbound',
      'jump out_other',
      'goto checked_ends',
    ])
    assert.deepEqual(rules(planned(SKETCH).nft, 'checked_ends'), [
      'ct state related,invalid jump odd_state',
      'ct mark & 0xffffff00 == @generation accept',
      'goto judge',
    ])
    assert.deepEqual(rules(planned(SKETCH).nft, 'odd_state'), [
      'ct state related icmp type { destination-unreachable, time-exceeded, parameter-problem } accept',
      'ct state related icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept',
      'ct state invalid counter name "invalid" drop',
    ])
  })

  it('on a known way asks the same of both ends, and no less', () => {
    const made = planned(SKETCH)
    const {device} = made.tunnels[0]!
    const own = (way: string): readonly string[] => rules(made.nft, `${way}_${device.replaceAll(/[^a-z0-9]/g, '_')}`)
    const near = (end: string, counter: string): string =>
      `ip ${end} != 10.1.0.0/16 ip ${end} { 10.2.0.0/16, 10.3.0.0/16, 100.64.0.0/16 } counter name "${counter}" drop`
    const led = (from: string, to: string, way: string): readonly string[] =>
      own(way).map((rule) => rule.replace(`goto ${from}`, `goto ${to}`))
    assert.deepEqual(own('from'), led('checked_source', 'known_near', 'in'))
    const [clamp, ...ends] = led('checked_ends', 'known_ends', 'out')
    assert.deepEqual(own('to'), [near('saddr', 'spoofed'), clamp, ...ends])
    assert.deepEqual(rules(made.nft, 'known_near'), [near('daddr', 'leaked'), 'goto known_ends'])
    assert.deepEqual(rules(made.nft, 'near_near'), [
      near('saddr', 'spoofed'),
      near('daddr', 'leaked'),
      'goto known_ends',
    ])
    assert.deepEqual(rules(made.nft, 'known_ends'), ['ct state related,invalid jump odd_state', 'goto judge'])
  })

  it('asks for the mark of watched flows where the policy watches, and the frame is the same otherwise', () => {
    const {chains} = planned(SKETCH).nft
    const watching = planned(SKETCH, false, WATCHED).nft.chains
    const different = [...watching].filter(([name, one]) => JSON.stringify(chains.get(name)) !== JSON.stringify(one))
    assert.deepEqual(
      different.map(([name]) => name),
      [WATCHED, 'allowed'],
    )
    const [first, ...others] = chains.get('allowed')!.rules
    assert.deepEqual(watching.get('allowed')?.rules, [first, `ct mark ${WATCHED_MARK} accept`, ...others])
  })

  it('is closed by the hook itself', () => {
    assert.equal(planned(SKETCH).nft.chains.get('forward')?.hook?.policy, 'drop')
  })

  it('a pair without a tunnel comes and goes by the uplinks, and by nothing else', () => {
    const {nft} = planned(SKETCH)
    assert.ok(rules(nft, 'in_other').includes('iifname "wan0" ip saddr 10.3.0.0/16 return'))
    assert.ok(rules(nft, 'out_other').includes('oifname "wan0" ip daddr 10.3.0.0/16 return'))
    const last = rules(nft, 'out_other').at(-1)!
    assert.match(
      last,
      /^ip daddr \{ 10\.2\.0\.0\/16, 10\.3\.0\.0\/16, 100\.64\.0\.0\/16 \} counter name "leaked" drop$/,
    )
  })

  it('the same input in another order gives the same bytes', () => {
    const text = (reversed: boolean): string =>
      JSON.stringify(planned(SKETCH, reversed), (_, value: unknown) =>
        value instanceof Map ? [...value].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)) : value,
      )
    assert.equal(text(true), text(false))
  })

  it('BIRD has an unreachable route beneath every remote prefix', () => {
    const {bird} = planned(SKETCH)
    for (const prefix of ['10.2.0.0/16', '10.3.0.0/16', '100.64.0.0/16'])
      assert.ok(bird.includes(`route ${prefix} unreachable;`))
  })

  it('again and again gives what it gives once, and the same objects for what did not change', () => {
    const config = configOf({site: sketchConfig(SKETCH, 'a').site, sites: sketchConfig(SKETCH, 'a').sites})
    const federation = new Federation(config)
    federation.update(listOf('datastore/main', [podRecord('p1', '10.1.0.5')]))
    const policy = compilePolicy(federation.world(), {default: 'deny', previous: null, firstClass: 7})
    const {sites} = planAll(SKETCH).get('a')!
    const base: PlanInput = {
      ...{config, policy, keys: new Map(), passwords: new Map(), uplinkDevices: ['wan0'], devices: new Map()},
      ...{draining: false, limits: new Map()},
      world: {...federation.world(), sites},
    }
    const world = base.world
    const inputs: PlanInput[] = [
      base,
      {...base, world: {...world, memberRevision: 99}},
      {...base, uplinkDevices: ['wan1']},
      {...base, world: {...world, sites: new Map([...sites].slice(0, 2))}},
      {...base, world: {...world, documents: new Map([['tiers/t', '{}']])}},
      {...base, devices: new Map([['eth0', 4]])},
      {...base, policy: {...policy, counters: ['x']}},
      {...base, world: {...world, nodes: []}},
      {...base, draining: true},
      {...base, limits: new Map([[planAll(SKETCH).get('a')!.plan.tunnels[0]!.device, {device: 1300, clamp: 1300}]])},
      base,
    ]
    const again = createPlan()
    for (const input of inputs) assert.deepEqual(again(input), plan(input))
    const [first, second] = [again(base).desired, again(inputs[1]!).desired]
    assert.equal(first.exported, second.exported)
    assert.equal(first.nft.chains, second.nft.chains)
    assert.equal(first.nft.sets.get('tunnels'), second.nft.sets.get('tunnels'))
  })

  it('publishes what others must know of this gateway', () => {
    const config = configOf()
    const federation = new Federation(config)
    const world = federation.world()
    const policy = compilePolicy(world, {default: 'deny', previous: null, firstClass: 7})
    const ways = {keys: new Map(), passwords: new Map(), uplinkDevices: [], devices: new Map(), limits: new Map()}
    const base = {config, world, policy, draining: false, ...ways}
    assert.ok(plan(base).desired.exported.has('/isthmus/v1/export/gateways/a1'))
  })
})

describe('the tunnel’s own chains', () => {
  it('clamp the MSS both ways, and only down', () => {
    const made = planned(SKETCH)
    assert.ok(made.tunnels.length > 0, 'the sketch has a tunnel')
    for (const {device} of made.tunnels) {
      const name = device.replaceAll(/[^a-z0-9]/g, '_')
      for (const way of ['in', 'out']) {
        assert.equal(rules(made.nft, `${way}_${name}`)[0], `tcp flags & (syn | rst) == syn jump clamp_${name}`)
      }
      assert.match(
        rules(made.nft, `clamp_${name}`)[0]!,
        /tcp option maxseg size > 1440 tcp option maxseg size set 1440$/,
      )
    }
  })
})

describe('a tunnel whose path carries less than is computed', () => {
  const [tunnel, ...others] = planned(SKETCH).tunnels
  const clampOf = ({nft}: Desired): string => rules(nft, `clamp_${tunnel!.device.replaceAll(/[^a-z0-9]/g, '_')}`)[0]!
  const mtuOf = ({links}: Desired, device: string): number => links.find(({name}) => name === device)!.mtu

  it('has that MTU, and MSS is clamped for it; no other tunnel has', () => {
    const made = plannedWith(new Map([[tunnel!.device, {device: 1300, clamp: 1300}]]), SKETCH)
    assert.equal(mtuOf(made, tunnel!.device), 1300)
    assert.match(clampOf(made), /set 1260$/)
    for (const {device} of others) assert.equal(mtuOf(made, device), mtuOf(planned(SKETCH), device))
  })

  it('while more is tried, only the device is raised', () => {
    const made = plannedWith(new Map([[tunnel!.device, {device: 1400, clamp: 1300}]]), SKETCH)
    assert.equal(mtuOf(made, tunnel!.device), 1400)
    assert.match(clampOf(made), /set 1260$/)
  })

  it('never has more than is computed', () => {
    const made = plannedWith(new Map([[tunnel!.device, {device: 9000, clamp: 9000}]]), SKETCH)
    assert.deepEqual([made.links, clampOf(made)], [planned(SKETCH).links, clampOf(planned(SKETCH))])
  })
})

describe('planSysctls', () => {
  it('turns reverse path checks off where nft checks sources instead', () => {
    const settings = planSysctls([]).map(({path, value}) => `${path.join('/')}=${value}`)
    assert.ok(settings.includes('net/ipv4/conf/all/rp_filter=0'))
    assert.ok(settings.includes('net/netfilter/nf_conntrack_tcp_loose=0'))
  })

  it('has room for flows by the memory, and for the neighbours of a large LAN', () => {
    const flows = (memoryBytes?: number): (string | undefined)[] =>
      ['buckets', 'max'].map(
        (name) => planSysctls([], memoryBytes).find(({path}) => path.at(-1) === `nf_conntrack_${name}`)?.value,
      )
    assert.deepEqual(flows(2 ** 30), ['131072', '262144'])
    assert.deepEqual(flows(64 * 2 ** 30), ['2097152', '4194304'])
    assert.deepEqual(flows(), [undefined, undefined])
    const thresholds = planSysctls([]).filter(({path}) => path.includes('neigh'))
    assert.equal(thresholds.length, 6)
    assert.ok(thresholds.every(({isLeast}) => isLeast))
  })
})
