import assert from 'node:assert/strict'
import type {BirdRoute, GatewayConfig, SiteName} from '../../src/model/index.ts'
import type {Prefix} from '../../src/net/index.ts'
import {betterBy} from '../../src/routing/better-route.ts'
import type {FilterRule} from '../../src/routing/bird-config.ts'
import {whyNot} from '../../src/routing/index.ts'
import {refusedBy} from '../../src/routing/refused-by.ts'
import {planAll, type Sketch, worldOf} from '../support/interconnect.ts'
import {wanPeer} from '../support/wan-peer.ts'

const SKETCH: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
  ],
}

const route = (prefix: string, more: Partial<BirdRoute> = {}): BirdRoute => ({
  ...{prefix: prefix as Prefix, protocol: 'p', best: true, refusedByKernel: false, dest: 'unicast', preference: 100},
  ...{via: [{address: '100.64.2.0', device: 'is-b'}], bgp: null},
  ...more,
})
const bgp = (path: number[], communities: string[] = [], more: Partial<NonNullable<BirdRoute['bgp']>> = {}) => ({
  ...{path, localPref: 100, med: null, origin: 'IGP', communities},
  ...more,
})
const net = (prefix: string, longer = true) => ({is: 'net', patterns: [{prefix: prefix as Prefix, longer}]}) as const

describe('why an import refuses a route', () => {
  const accept = (...when: FilterRule['when']): FilterRule => ({when, verdict: 'accept'})
  const cases: [name: string, rules: FilterRule[], route: BirdRoute, reason: RegExp | null][] = [
    ['no rules', [], route('10.2.0.0/24'), /^nothing is imported at all/],
    ['taken', [accept(net('10.2.0.0/16'))], route('10.2.0.0/24'), null],
    [
      'not longer',
      [accept(net('10.2.0.0/16', false))],
      route('10.2.0.0/24'),
      /10\.2\.0\.0\/24 is not in 10\.2\.0\.0\/16$/,
    ],
    [
      'of given lengths',
      [accept({is: 'net', patterns: [{prefix: '10.2.0.0/16' as Prefix, longer: false, lengths: {from: 20, to: 24}}]})],
      route('10.2.0.0/25'),
      /is not in/,
    ],
    [
      'another AS',
      [accept(net('10.2.0.0/16'), {is: 'path', as: 65001})],
      route('10.2.0.0/24', {bgp: bgp([65009, 65001])}),
      /its AS path is 65009 65001, where it must be 65001$/,
    ],
    [
      'one of two groups is near',
      [
        accept({
          is: 'any-of',
          groups: [
            [net('10.2.0.0/16'), {is: 'path', as: 1}],
            [net('10.3.0.0/16'), {is: 'path-behind', neighbor: 7, origin: 3}],
          ],
        }),
      ],
      route('10.3.0.0/24', {bgp: bgp([7, 9])}),
      /^no rule accepts it: its AS path is 7 9, where it must be 7 … 3$/,
    ],
    [
      'a hub does not say that it encrypts',
      [accept(net('10.2.0.0/16'), {is: 'community', any: [{kind: 'large', parts: [7, 1, 1]}]})],
      route('10.2.0.0/24', {bgp: bgp([7], ['7:1:0'])}),
      /asked is bgp_large_community ~ \[ \(7, 1, 1\) \]; its AS path is 7, its communities 7:1:0$/,
    ],
    [
      'it does say so',
      [accept({is: 'community', any: [{kind: 'large', parts: [7, 1, null]}]})],
      route('10.2.0.0/24', {bgp: bgp([7], ['7:1:0'])}),
      null,
    ],
    [
      'rejected before',
      [{when: [{is: 'path-longer', than: 2}], verdict: 'reject'}, accept()],
      route('10.2.0.0/24', {bgp: bgp([1, 2, 3])}),
      /^a rule rejects it: if bgp_path\.len > 2 then reject;$/,
    ],
    [
      'what only changes it decides nothing',
      [{when: [], verdict: 'continue', set: [{attribute: 'local-pref', value: 1}]}, accept(net('10.9.0.0/16'))],
      route('10.2.0.0/24'),
      /is not in 10\.9\.0\.0\/16$/,
    ],
    [
      'private AS',
      [{when: [{is: 'path-private'}], verdict: 'reject'}, accept()],
      route('10.2.0.0/24', {bgp: bgp([4200000002])}),
      /^a rule rejects it/,
    ],
  ]
  for (const [name, rules, given, reason] of cases) {
    it(name, () => {
      const said = refusedBy(rules, given)
      if (reason === null) assert.equal(said, null)
      else assert.match(said ?? '', reason)
    })
  }
})

describe('what makes a route better', () => {
  const base = route('10.2.0.0/24', {bgp: bgp([1, 2])})
  for (const [winner, loser, why] of [
    [{preference: 200}, {}, 'preference 200, against 100'],
    [{bgp: bgp([1, 2, 3], [], {localPref: 200})}, {}, 'local preference 200, against 100'],
    [{bgp: bgp([1])}, {}, 'AS path of length 1, against 2'],
    [{}, {bgp: bgp([1, 2], [], {origin: 'Incomplete'})}, 'origin 0, against 2'],
    [{}, {bgp: bgp([1, 2], [], {med: 100})}, 'MED 0, against 100'],
    // Of two neighbours BIRD does not compare it.
    [
      {},
      {bgp: bgp([3, 2], [], {med: 100})},
      'the same by all attributes: the older one, or of the lower router id, is kept',
    ],
    [{}, {}, 'the same by all attributes: the older one, or of the lower router id, is kept'],
  ] as const) {
    it(`${why} (${JSON.stringify(loser)})`, () =>
      assert.equal(betterBy({...base, ...winner}, {...base, ...loser}), why))
  }
})

describe('the way of a prefix', () => {
  const plan = planAll(SKETCH).get('a')!
  const bird = {sessions: [], covering: [], inside: [], filtered: []}
  const ask = (prefix: string, config: Partial<GatewayConfig> = {}, more: object = {}) =>
    whyNot(
      {
        input: {
          config: {...plan.config, ...config},
          world: worldOf(plan.sites),
          tunnels: plan.plan.tunnels,
          passwords: new Map(),
          draining: false,
        },
        findings: [],
        bird,
        ...more,
      },
      prefix as Prefix,
    )

  it('our own', () => {
    assert.match(ask('10.1.7.0/24').steps[0]!.evidence, /^it is this site's own: owns has 10\.1\.0\.0\/16$/)
  })

  it('of a site that is left out, since it overlaps another one', () => {
    const earlier = {site: 'b' as SiteName, prefix: '10.2.0.0/16' as Prefix}
    const unconnected = [{site: 'c' as SiteName, prefix: '10.99.0.0/16' as Prefix, earlier}]
    assert.match(
      ask('10.99.1.0/24', {unconnected}).why,
      /^site c is configured but not connected: its 10\.99\.0\.0\/16 overlaps/,
    )
  })

  it('known here by another name', () => {
    const b = plan.config.sites.get('b' as SiteName)!
    const translations = [{real: '10.77.0.0/16' as Prefix, seen: '10.2.0.0/16' as Prefix}]
    const sites = new Map([['b' as SiteName, {...b, translations}]])
    assert.equal(ask('10.77.1.0/24', {sites}).why, 'site b calls it so, and is known here as 10.2.0.0/16')
  })

  describe('known here by another name, and asked for by that', () => {
    const b = plan.config.sites.get('b' as SiteName)!
    const translations = [{real: '10.77.0.0/16' as Prefix, seen: '10.2.0.0/16' as Prefix}]
    const sites = new Map([['b' as SiteName, {...b, translations}]])
    const [tunnel] = plan.plan.tunnels
    const sessions = [
      {name: tunnel!.session, neighbor: tunnel!.peer, state: 'Established', up: true, imported: 0, filtered: 3},
    ].map((one) => ({...one, lastError: null, limitHit: null}))
    const told = (covering: readonly BirdRoute[]) => ask('10.2.1.0/24', {sites}, {bird: {...bird, sessions, covering}})

    it('no session is to announce it: its way is a static one', () => {
      const way = told([route('10.2.0.0/16', {protocol: 'translated4', preference: 200})])
      assert.deepEqual([way.here, way.steps.filter(({ok}) => ok === false)], [true, []])
      assert.match(way.steps.map(({evidence}) => evidence).join('\n'), /by a static route over its tunnels/)
    })

    it('without one it is the tunnels that are asked about, and no announcement', () => {
      const way = told([route('10.2.0.0/16', {protocol: 'fallback4', preference: 1, dest: 'unreachable', via: []})])
      assert.equal(way.here, false)
      assert.match(
        way.why,
        /^10\.2\.1\.0\/24 is known so only here, by a static route over its tunnels: there is none now/,
      )
      assert.doesNotMatch(way.steps.map(({evidence}) => evidence).join('\n'), /announces neither/)
      assert.equal(way.steps.find(({ok}) => ok === false)?.remedy, 'isthmus get tunnels; isthmus ping b')
    })
  })

  it('larger than what is granted', () => {
    assert.equal(ask('10.2.0.0/15').why, 'only parts of it are granted: 10.2.0.0/16 of site b')
  })

  it('announced without a grant', () => {
    const finding = {
      ...{code: 'prefix-not-granted', severity: 'warning', where: {source: 'export b'}, detail: 'site b announces it'},
      ...{remedy: 'add it', conflict: {over: '10.55.0.0/16', sides: [], firstCounts: true}},
    }
    const [step] = ask('10.55.1.0/24', {}, {findings: [finding]}).steps
    assert.deepEqual(
      [step!.evidence, step!.remedy],
      ['it is announced, and not granted: site b announces it', 'add it'],
    )
  })

  it('no tunnel, and what both ends lack', () => {
    const {input} = {
      input: {config: plan.config, world: worldOf(plan.sites), tunnels: [], passwords: new Map(), draining: false},
    }
    const finding = {
      ...{code: 'encapsulation-mismatch', severity: 'error', where: {source: 'export b', key: 'gateways/b1'}},
      ...{detail: 'ipip is wanted here', remedy: 'configure one'},
    }
    const step = ask('10.2.1.0/24', {}, {input, findings: [finding]}).steps.find(({step}) => step === 'tunnel')
    assert.equal(step?.evidence, 'there is no tunnel to site b: ipip is wanted here')
    assert.equal(step?.remedy, 'configure one')
  })

  it('a longer prefix inside it goes another way, and the kernel refused one', () => {
    const covering = [route('10.2.1.0/24', {refusedByKernel: true})]
    const inside = [route('10.2.1.128/25', {via: [{address: null, device: 'eth9'}]})]
    const {here, steps} = ask('10.2.1.0/24', {}, {bird: {...bird, covering, inside}})
    assert.equal(here, false)
    assert.ok(
      steps.some(({evidence}) =>
        evidence.startsWith('of it 10.2.1.128/25 goes another way: 10.2.1.128/25 by p, on eth9'),
      ),
    )
    assert.ok(steps.some(({step, ok}) => step === 'kernel' && ok === false))
  })

  it('told by nobody, and granted: packets go there, and it is not here', () => {
    const covering = [route('10.2.0.0/16', {protocol: 'lastways4', preference: 2})]
    const {here, steps} = ask('10.2.1.0/24', {}, {bird: {...bird, covering}})
    assert.equal(here, false)
    const said = steps.filter(({step}) => step === 'best')
    assert.deepEqual(
      said.map(({ok}) => ok),
      [false],
    )
    assert.match(
      said[0]!.evidence,
      /^no session tells of it; .*: 10\.2\.0\.0\/16 by lastways4, via 100\.64\.2\.0 on is-b$/,
    )
  })

  it('a session that is down: what to ping is the site, since `isthmus ping` asks nothing of an inner address', () => {
    const step = ask('10.2.1.0/24').steps.find((one) => one.step === 'session')
    assert.match(step?.evidence ?? '', /is not up: BIRD does not have it$/)
    assert.equal(step?.remedy, 'isthmus get peers -o wide; isthmus ping b')
  })

  it("a router's session that is down: no tunnel leads there, so it is the machine's own ping", () => {
    const step = ask('203.0.113.0/24', {peers: [wanPeer()]}).steps.find((one) => one.step === 'session')
    assert.equal(step?.remedy, 'isthmus get peers -o wide; ping 192.0.2.254')
  })

  it('over the limit', () => {
    const name = plan.plan.tunnels[0]!.session
    const session = {
      name,
      neighbor: '100.64.2.0',
      state: 'Established',
      up: true,
      imported: 5,
      filtered: 0,
      lastError: null,
    }
    const {why} = ask('10.2.1.0/24', {}, {bird: {...bird, sessions: [{...session, limitHit: {limit: 5}}]}})
    assert.equal(why, `session ${name} is over its limit of 5 prefixes: more are not taken`)
  })
})
