import assert from 'node:assert/strict'
import {execFileSync} from 'node:child_process'
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import fc from 'fast-check'
import {
  birdTextHash,
  type Community,
  type Encapsulation,
  type GatewayLan,
  type GatewayName,
  type PeerName,
  parseCommunityPattern,
} from '../../src/model/index.ts'
import type {Address, Prefix} from '../../src/net/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {arbitraryPeer, shuffledPeer} from '../support/arbitrary-wan-peer.ts'
import {configOf, nodeOf, pairKey, planAll, type Sketch, worldOf} from '../support/interconnect.ts'
import {BFD, plain, routeRule, wanPeer} from '../support/wan-peer.ts'

const GOLDEN = new URL('../fixtures/routing/bird.conf', import.meta.url)

const LAN: GatewayLan = {
  device: 'lan0',
  address: '192.168.1.251' as Address,
  twin: '192.168.1.252' as Address,
  watch: ['192.168.1.1' as Address],
}

/** One of everything. */
function fullText(draining = false): string {
  const sketch: Sketch = {
    sites: [
      {name: 'a', number: 1, owns: ['10.1.0.0/16', 'fd00:1::/48']},
      {name: 'b', number: 2, owns: ['10.2.0.0/16', 'fd00:2::/48']},
      {name: 'c', number: 3, uplinks: ['wan', 'lte']},
      {name: 'd', number: 4},
    ],
    pairs: {'a c': 'wireguard', 'a d': 'none'},
  }
  const a = configOf(sketch, 'a', {
    twin: 'a2' as GatewayName,
    lan: LAN,
    nodes: {session: 'ibgp', localAs: 64512, nextHop: null},
    static: [{prefix: '10.1.200.0/24' as Prefix, via: '192.168.10.7' as Address, labels: {}}],
    peers: [
      wanPeer({
        name: 'wan-1' as PeerName,
        passwordFile: '/k',
        import: plain('0.0.0.0/0'),
        export: plain('192.0.2.0/24'),
        bfd: BFD,
      }),
      wanPeer({
        name: 'wan-2' as PeerName,
        address: '192.0.2.253' as Address,
        localAs: 65010,
        import: {
          rules: [
            routeRule({prefixes: [{prefix: '10.66.0.0/16' as Prefix, ge: 16, le: 32}], action: 'reject'}),
            routeRule({
              prefixes: [
                {prefix: '10.0.0.0/8' as Prefix, ge: 16, le: 24},
                {prefix: '2001:db8::/32' as Prefix, ge: 48, le: 48},
              ],
              communities: ['64512:100', '64512:*', 'large:64512:1:*', 'rt:64512:1', 'soo:64512:2'].map(pattern),
              asPath: {through: [64901, 64900], from: [65001], next: [64900], longerThan: 1},
              set: {
                localPreference: 200,
                med: 10,
                communities: [pattern('64512:1')],
                removeCommunities: ['rt:64512:*', 'large:64512:*:*'].map(pattern),
                addCommunities: ['no-export', 'large:64512:1:2', 'rt:64512:9'].map(pattern),
              },
            }),
          ],
        },
        export: {rules: [routeRule({set: {prepend: 2, med: 5, addCommunities: [pattern('64512:7')]}})]},
        passOn: ['wan-1' as PeerName],
        rejectPrivateAs: true,
        removePrivateAs: true,
        maxPrefixes: {limit: 500, action: 'restart'},
        ttlSecurity: true,
        role: 'rs-client',
        requireRole: true,
        gracefulRestart: false,
        addPaths: 'receive',
        allowAsIn: 1,
        bfd: {profile: 'internet', intervalMs: 250, multiplier: null},
      }),
      wanPeer({
        name: 'wan-3' as PeerName,
        address: '192.0.2.252' as Address,
        as: 4200000001,
        import: plain('198.51.100.0/24'),
        defaultRoute: true,
        routeReflectorClient: true,
        clusterId: '192.0.2.8' as Address,
      }),
      wanPeer({
        name: 'wan-6' as PeerName,
        address: '2001:db8::ff' as Address,
        as: 4200000001,
        import: plain('2001:db8::/32'),
      }),
    ],
  })
  const configs = new Map(sketch.sites.map(({name}) => [name, name === 'a' ? a : configOf(sketch, name)] as const))
  const {config, sites, plan} = planAll(sketch, configs).get('a')!
  const world = worldOf(sites, [nodeOf('n1.example', '192.168.1.1')])
  const passwords = new Map([['/k', 'p4ss; word#']])
  return renderBird(planRouting({config, world, tunnels: plan.tunnels, passwords, draining}).bird)
}

/** One that is known to parse. */
const pattern = (text: string): Community => parseCommunityPattern(text)!

describe('renderBird', () => {
  const dir = mkdtempSync(join(tmpdir(), 'isthmus-render-'))
  after(() => rmSync(dir, {recursive: true}))

  /** BIRD's own word on a text: nothing when it is fine. */
  const parse = (text: string): string => {
    const file = join(dir, 'bird.conf')
    writeFileSync(file, text)
    try {
      execFileSync('bird', ['-p', '-c', file], {stdio: 'pipe'})
      return ''
    } catch (error) {
      return `${error instanceof Error ? error.message : error}\n${text}`
    }
  }

  it('one of everything is the golden file, byte for byte, and BIRD takes it', () => {
    const text = fullText()
    if (process.env.UPDATE_GOLDEN) writeFileSync(GOLDEN, text)
    assert.equal(text, readFileSync(GOLDEN, 'utf8'))
    assert.equal(parse(text), '')
    assert.notEqual(parse(text.replace('persist;', 'persist')), '', 'the check must be able to fail')
  })

  it('a gateway that is emptied says so on every session, and BIRD takes it', () => {
    const text = fullText(true)
    assert.equal(parse(text), '')
    const sessions = text.split('protocol bgp ').slice(1)
    for (const session of sessions) {
      // The twin comes to this gateway when it has no way of its own left, and then a gateway that is emptied still is one.
      if (session.startsWith('twin_')) continue
      const [name, , exported] = [session.slice(0, 20), ...session.split(/(?=export (?:filter|none))/)]
      if (!exported?.startsWith('export none')) assert.match(exported!, /bgp_community\.add\(\(65535, 0\)\);/, name)
      if (!name.startsWith('node')) assert.match(session, /bgp_local_pref = 0;/, name)
      assert.doesNotMatch(session, /if \(65535, 0\) ~/, name)
    }
    assert.ok(sessions.length > 6)
  })

  it('is known as ours; the distribution’s file is not', () => {
    assert.match(birdTextHash(fullText()) ?? '', /^[0-9a-f]{32}$/)
    assert.equal(birdTextHash('# This is a basic configuration file.\nlog syslog all;\n'), null)
  })

  it('the hash constant changes with any other byte', () => {
    const {config, sites, plan} = planAll({sites: [{name: 'a', number: 1}]}).get('a')!
    const render = (as: number) =>
      renderBird(
        planRouting({
          config: {...config, as, owns: [...config.owns, `10.${as}.0.0/16` as Prefix]},
          world: worldOf(sites),
          tunnels: plan.tunnels,
          passwords: new Map(),
          draining: false,
        }).bird,
      )
    assert.ok(birdTextHash(render(1)))
    assert.notEqual(birdTextHash(render(1)), birdTextHash(render(2)))
  })

  it('BIRD takes every configuration that can be planned', () => {
    const encapsulation = fc.constantFrom<Encapsulation>('ipip', 'vxlan', 'wireguard', 'none')
    const peer = arbitraryPeer()
    const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/)
    fc.assert(
      fc.property(
        fc.uniqueArray(name, {minLength: 1, maxLength: 4}),
        fc.array(encapsulation, {minLength: 16, maxLength: 16}),
        fc.uniqueArray(peer, {maxLength: 2, selector: ({address}) => address}),
        fc.boolean(),
        fc.array(fc.domain(), {maxLength: 3}),
        fc.boolean(),
        (names, kinds, peers, isV6, nodes, draining) => {
          const sketch: Sketch = {
            sites: names.map((site, index) => ({
              name: site,
              number: index + 1,
              uplinks: index % 2 ? ['wan', 'lte'] : ['wan'],
              owns: isV6 ? [`fd00:${index + 1}::/48`, `10.${index + 1}.0.0/16`] : [`10.${index + 1}.0.0/16`],
            })),
            pairs: Object.fromEntries(
              names.flatMap((a, i) =>
                names.map((b, j) => [pairKey(a, b), kinds[Math.min(i, j) * 4 + Math.max(i, j)]!]),
              ),
            ),
          }
          const first = names[0]!
          const own = configOf(sketch, first, {
            twin: isV6 ? ('a0' as GatewayName) : null,
            lan: isV6 ? LAN : null,
            nodes: {session: 'ibgp', localAs: 64512, nextHop: null},
            peers: peers.map(({password, ...entry}, index) => ({
              ...entry,
              name: `p${index}` as PeerName,
              passOn: peers.flatMap((_, other) => (other === index ? [] : [`p${other}` as PeerName])),
              passwordFile: password === '' ? null : `/k${index}`,
            })),
          })
          const configs = new Map(names.map((site) => [site, site === first ? own : configOf(sketch, site)] as const))
          const {config, sites, plan} = planAll(sketch, configs).get(first)!
          const passwords = new Map(peers.map(({password}, index) => [`/k${index}`, password]))
          const world = worldOf(
            sites,
            nodes.map((node, index) => nodeOf(node, `192.168.1.${index + 1}`)),
          )
          const input = {config, world, tunnels: plan.tunnels, passwords, draining}
          const text = renderBird(planRouting(input).bird)
          assert.equal(parse(text), '')
          const shuffled = {...config, peers: config.peers.map(shuffledPeer).toReversed()}
          assert.equal(renderBird(planRouting({...input, config: shuffled}).bird), text)
        },
      ),
      {numRuns: 60},
    )
  })
})
