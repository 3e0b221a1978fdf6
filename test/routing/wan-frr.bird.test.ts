import assert from 'node:assert/strict'
import {type ChildProcess, spawn} from 'node:child_process'
import {fileURLToPath} from 'node:url'
import {keepBird} from '../../src/bird/index.ts'
import {parseGatewayConfig} from '../../src/config/index.ts'
import {sessionFindings} from '../../src/gateway/session-findings.ts'
import {readRouter} from '../../src/observe/bird/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {TestBird} from '../support/bird.ts'
import {TestFrr} from '../support/frr.ts'
import {createNamespace, eventually, type Namespace} from '../support/namespace.ts'

/**
 * A gateway between routers of other people:
 *
 *     FRR r1 (MD5, GTSM, roles; IPv4 and IPv6) ──┐
 *     FRR r2 (10,000 prefixes)                 ──┼── gateway of site a, as gateway.yaml says
 *     a speaker of nonsense                    ──┘   b: no tunnel, c: a tunnel
 */
const GATEWAY = `version: 1
site: a
gateway: a1
as: 4200000001
interconnect: [100.64.0.0/16]
default: deny
uplinks:
  - {name: wan, address: 192.0.2.1, inner: [100.64.1.0, 100.64.1.1]}
  - {name: six, address: "2001:db8::1", inner: [100.64.1.2, 100.64.1.3]}
owns: [10.1.0.0/16]
datastores:
  - name: main
    kind: calico
    endpoints: [https://10.1.0.2:2379]
    tls: {ca: /ca.pem, cert: /a.pem, key: /a.key}
    export: {}
sites:
  b: {owns: [10.2.0.0/16], encapsulation: none, endpoints: [https://198.51.100.2:2379], tls: {ca: /c, cert: /c, key: /k}}
  c: {owns: [10.3.0.0/16], endpoints: [https://198.51.100.3:2379], tls: {ca: /c, cert: /c, key: /k}}
authorities: [a]
static: [{prefix: 10.1.200.0/24, via: 192.168.9.7}]
peers:
  - name: r1
    address: 192.0.2.254
    as: 64900
    uplink: wan
    password: {file: /r1}
    ttlSecurity: true
    role: customer
    requireRole: true
    addPaths: receive
    import:
      - {asPath: {from: 65001}, action: reject}
      - {prefixes: [10.64.0.0/16], communities: ["64512:200"], action: accept, set: {localPreference: 50, med: 7}}
      - {communities: ["large:64512:9:*"], action: reject}
      - prefixes: [{prefix: 10.0.0.0/8, ge: 16, le: 24}, 169.254.0.0/16, {prefix: 0.0.0.0/0, le: 0}]
        action: accept
        set: {localPreference: 200, removeCommunities: ["64512:*", "rt:64512:1"], addCommunities: ["large:64512:5:5"]}
    export:
      - {prefixes: [10.1.0.0/16], action: accept, set: {addCommunities: ["64512:77", "large:64512:1:2", "rt:64512:3"], med: 30, prepend: 2}}
      - {prefixes: [{prefix: 192.0.2.0/24, ge: 32}], action: accept, set: {addCommunities: [no-export]}}
  - name: r1-six
    address: "2001:db8::fe"
    as: 64900
    uplink: six
    import: [{prefixes: ["2001:db8:64::/48"], action: accept}]
    export: [{action: accept}]
    removePrivateAs: true
  - name: r2
    address: 198.51.100.2
    as: 64902
    uplink: wan
    maxPrefixes: {limit: 1000, action: block}
    import: [172.16.0.0/12]
  - {name: nonsense, address: 203.0.113.2, as: 64903, import: [10.0.0.0/8]}
`

const AS_PATH_OF_120 = Array.from({length: 119}, () => 65002).join(' ')

const R1 = `
router bgp 64900
 bgp router-id 192.0.2.254
 no bgp ebgp-requires-policy
 no bgp network import-check
 no bgp default ipv4-unicast
 neighbor 192.0.2.1 remote-as 4200000001
 neighbor 192.0.2.1 password s3cret
 neighbor 192.0.2.1 ttl-security hops 1
 neighbor 192.0.2.1 local-role provider
 neighbor 192.0.2.1 timers connect 1
 neighbor 192.0.2.1 advertisement-interval 0
 neighbor 2001:db8::1 remote-as 4200000001
 neighbor 2001:db8::1 timers connect 1
 neighbor 2001:db8::1 advertisement-interval 0
 address-family ipv4 unicast
  network 0.0.0.0/0
  network 10.1.9.0/24
  network 10.2.5.0/24
  network 10.3.5.0/24
  network 10.64.0.0/16 route-map TAGGED
  network 10.64.1.0/24 route-map SECOND
  network 10.65.0.0/16
  network 10.65.0.0/25
  network 10.66.0.0/16 route-map FROM
  network 10.67.0.0/16 route-map LONG
  network 10.68.0.0/16 route-map SHUTDOWN
  network 10.69.0.0/16 route-map LARGE
  network 169.254.7.0/24
  neighbor 192.0.2.1 activate
  neighbor 192.0.2.1 send-community all
  neighbor 192.0.2.1 soft-reconfiguration inbound
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:64::/48
  network 2001:db8:65::/48
  network ::/0
  neighbor 2001:db8::1 activate
 exit-address-family
exit
route-map TAGGED permit 10
 set community 64512:100 64900:1
 set large-community 64512:1:2
 set extcommunity rt 64512:1
exit
route-map SECOND permit 10
 set community 64512:200
exit
route-map FROM permit 10
 set as-path prepend 65009 65001
exit
route-map LONG permit 10
 set as-path prepend ${AS_PATH_OF_120}
exit
route-map SHUTDOWN permit 10
 set community 65535:0
exit
route-map LARGE permit 10
 set large-community 64512:9:44
exit
`

const MANY = 10_000
const R2 = `
router bgp 64902
 bgp router-id 198.51.100.2
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 198.51.100.1 remote-as 4200000001
 neighbor 198.51.100.1 timers connect 1
 neighbor 198.51.100.1 advertisement-interval 0
 address-family ipv4 unicast
${Array.from({length: MANY}, (_, index) => `  network 172.${16 + (index >> 14)}.${(index >> 6) & 255}.${(index & 63) << 2}/30`).join('\n')}
 exit-address-family
`

/** Withdrawn length 0, attributes, one prefix 10.70.0.0/16: an ORIGIN of two bytes; an AS path that ends in its middle. */
const ORIGIN = '40010100'
const NEXT_HOP = '400304cb007102'
const BAD_ORIGIN = updateOf('4001020000', '4002040201fd87', NEXT_HOP)
const CUT_PATH = updateOf(ORIGIN, '4002040203fd87', NEXT_HOP)
const GOOD = updateOf(ORIGIN, '4002040201fd87', NEXT_HOP).replace(/100a46$/, '100a47')

function updateOf(...attributes: string[]): string {
  const text = attributes.join('')
  return `0000${(text.length / 2).toString(16).padStart(4, '0')}${text}100a46`
}

describe('a gateway among FRR’s routers', function () {
  this.timeout(60_000)
  const {signal} = new AbortController()
  const spaces = new Map<string, Namespace>()
  const frrs = new Map<string, TestFrr>()
  let bird: TestBird
  let speaker: ChildProcess | null = null

  const {config, findings} = parseGatewayConfig(GATEWAY, 'gateway.yaml')
  const textOf = (draining = false): string =>
    renderBird(
      planRouting({
        config: config!,
        world: {sites: new Map(), nodes: [], blocks: []},
        tunnels: [],
        passwords: new Map([['/r1', 's3cret']]),
        draining,
      }).bird,
    )
  const state = () => readRouter(keepBird(bird.socket, signal), signal)
  const sessionTo = async (neighbor: string) => (await state()).sessions.find((one) => one.neighbor === neighbor)!
  const route = (prefix: string): Promise<string> => bird.ask(`show route ${prefix} all`)
  const kernel = (prefix: string): string => spaces.get('gw')!.run(`ip route show ${prefix}`).trim()
  const refused = (prefix: string): Promise<string> => bird.ask(`show route filtered ${prefix}`)

  before(async () => {
    assert.deepEqual(
      findings.map(({severity, where}) => [severity, where.field]),
      [['warning', 'peers[0].import[3].prefixes[2]']],
    )
    for (const name of ['gw', 'r1', 'r2', 'nonsense']) spaces.set(name, createNamespace(name))
    const gw = spaces.get('gw')!
    for (const [name, near, far] of [
      ['r1', '192.0.2.1/24', '192.0.2.254/24'],
      ['r2', '198.51.100.1/30', '198.51.100.2/30'],
      ['nonsense', '203.0.113.1/30', '203.0.113.2/30'],
    ] as const) {
      const space = spaces.get(name)!
      gw.run(`ip link add ${name} type veth peer name wan netns ${space.name}; ip link set ${name} up
        ip addr add ${near} dev ${name}`)
      space.run(`ip link set wan up; ip addr add ${far} dev wan`)
    }
    gw.run(`ip addr add 2001:db8::1/64 dev r1 nodad
      ip link add lan type veth peer name far; ip link set lan up; ip link set far up; ip addr add 192.168.9.254/24 dev lan`)
    spaces.get('r1')!.run('ip addr add 2001:db8::fe/64 dev wan nodad')
    // Neighbours that are away at its start would hold up a BIRD that recovers.
    bird = await new TestBird(gw).start()
    await bird.reload(textOf())
    frrs.set('r1', await new TestFrr(spaces.get('r1')!, R1).start())
    await eventually(async () => (await sessionTo('192.0.2.254')).up && (await sessionTo('2001:db8::fe')).up, 15_000)
    await eventually(async () => (await sessionTo('192.0.2.254')).received >= 13, 5000)
  })
  after(async () => {
    speaker?.kill('SIGKILL')
    for (const frr of frrs.values()) await frr.remove()
    await bird?.remove()
    for (const space of spaces.values()) space.remove()
  })

  it('rules choose by prefix, length, communities and path, and change what they accept', async () => {
    const tagged = await eventually(async () => {
      const text = await route('10.64.0.0/16')
      return text.includes('BGP.') && text
    })
    assert.match(tagged, /BGP\.local_pref: 200\n/)
    assert.match(tagged, /BGP\.community: \(64900,1\)\n/)
    assert.match(tagged, /BGP\.large_community: \(64512, 1, 2\) \(64512, 5, 5\)/)
    assert.doesNotMatch(tagged, /ext_community: \(/)
    const second = await route('10.64.1.0/24')
    assert.match(second, /BGP\.local_pref: 50\n/)
    assert.match(second, /BGP\.med: 7\n/)
    assert.match(second, /BGP\.community: \(64512,200\)/)
    await eventually(() => kernel('10.64.1.0/24') !== '')
    assert.match(kernel('10.64.1.0/24'), /via 192\.0\.2\.254 dev r1 .*src 192\.0\.2\.1/)
    assert.match(await route('10.65.0.0/16'), /BGP\.local_pref: 200/)
  })

  const never: [prefix: string, why: string][] = [
    ['0.0.0.0/0', 'the default route, though a rule takes it'],
    ['10.1.9.0/24', 'our own'],
    ['10.3.5.0/24', 'of a site with a tunnel'],
    ['169.254.7.0/24', 'a martian, though a rule takes it'],
    ['10.65.0.0/25', 'longer than any rule takes'],
    ['10.66.0.0/16', 'from an AS that a rule refuses'],
    ['10.67.0.0/16', 'a path of 120'],
    ['10.69.0.0/16', 'a large community that a rule refuses'],
  ]
  for (const [prefix, why] of never) {
    it(`${prefix} is refused: ${why}`, async () => {
      assert.match(await refused(prefix), new RegExp(prefix.replaceAll('.', '\\.')))
      assert.doesNotMatch(kernel(prefix === '0.0.0.0/0' ? 'default' : prefix), /dev r1/)
    })
  }

  it('a site without tunnel is reached by the WAN', async () => {
    await eventually(() => kernel('10.2.5.0/24').includes('via 192.0.2.254 dev r1'))
  })

  it('what is about to go away is liked least', async () => {
    assert.match(await route('10.68.0.0/16'), /BGP\.local_pref: 0\n/)
  })

  it('FRR hears what the rules say, as they say it, and nothing else', async () => {
    const told = await eventually(() => {
      const text = frrs.get('r1')!.ask('show bgp ipv4 unicast 10.1.200.0/24')
      return text.includes('64512:77') && text
    }, 5000)
    assert.match(told, /4200000001 4200000001 4200000001\n/)
    assert.match(told, /metric 30/)
    assert.match(told, /Large Community: 64512:1:2/)
    assert.match(told, /RT:64512:3/)
    const all = frrs.get('r1')!.ask('show bgp ipv4 unicast neighbors 192.0.2.1 received-routes')
    assert.deepEqual([...all.matchAll(/(\d+\.\d+\.\d+\.\d+\/\d+)/g)].map(([prefix]) => prefix).sort(), [
      '10.1.200.0/24',
      '192.0.2.1/32',
    ])
  })

  it('IPv6: the same rules on a session of its own', async () => {
    await eventually(async () => (await route('2001:db8:64::/48')).includes('BGP.'))
    const space = spaces.get('gw')!
    await eventually(() => space.run('ip -6 route show 2001:db8:64::/48').includes('dev r1'))
    assert.equal(space.run('ip -6 route show 2001:db8:65::/48').trim(), '')
    assert.doesNotMatch(space.run('ip -6 route show default'), /dev r1/)
    await eventually(() => frrs.get('r1')!.ask('show bgp ipv6 unicast 2001:db8::1/128').includes('4200000001'), 5000)
  })

  it('a gateway that is emptied tells FRR, by a change that takes no session down', async () => {
    const before = (await state()).sessions.map(({name, sinceMs}) => [name, sinceMs])
    const prefixes = ['10.1.200.0/24', '192.0.2.1/32']
    const told = (prefix: string): boolean =>
      frrs.get('r1')!.ask(`show bgp ipv4 unicast ${prefix}`).includes('graceful-shutdown')
    await bird.reload(textOf(true))
    await eventually(() => prefixes.every(told), 5000)
    await eventually(async () => (await route('10.64.0.0/16')).includes('local_pref: 0\n'), 5000)
    await bird.reload(textOf())
    await eventually(() => !prefixes.some(told), 5000)
    await eventually(async () => (await route('10.64.0.0/16')).includes('local_pref: 200\n'), 5000)
    assert.deepEqual(
      (await state()).sessions.map(({name, sinceMs}) => [name, sinceMs]),
      before,
    )
  })

  it('10,000 prefixes where 1,000 may be: bounded, said, and others forward on', async () => {
    frrs.set('r2', await new TestFrr(spaces.get('r2')!, R2).start())
    const flooded = await eventually(async () => {
      const session = await sessionTo('198.51.100.2')
      return session.limitHit && session
    }, 20_000)
    assert.ok(flooded.up)
    assert.equal(flooded.imported, 1000)
    assert.deepEqual(flooded.limitHit, {of: 'imported', limit: 1000, action: 'block'})
    await eventually(async () => (await sessionTo('198.51.100.2')).received <= 2000)
    assert.equal(kernel('root 172.16.0.0/12').split('\n').length, 1000)
    assert.deepEqual(
      sessionFindings(await state()).map(({code, detail}) => `${code} ${detail}`),
      [
        'peer-over-limit 198.51.100.2 announces more than the 1000 prefixes that may be imported: what came later is not taken',
      ],
    )
    assert.match(kernel('10.64.0.0/16'), /dev r1/)
    assert.ok((await sessionTo('192.0.2.254')).up)
  })

  for (const [name, update, said] of [
    ['an ORIGIN of two bytes', BAD_ORIGIN, /Malformed ORIGIN attribute/],
    ['a path that ends in its middle', CUT_PATH, /Malformed AS_PATH attribute/],
  ] as const) {
    it(`${name}: that route is not taken, said, and all others forward on`, async () => {
      const began = (await sessionTo('192.0.2.254')).sinceMs
      const program = fileURLToPath(new URL('../support/bgp-speaker.ts', import.meta.url))
      speaker = spawn(
        'ip',
        [
          ...['netns', 'exec', spaces.get('nonsense')!.name, process.execPath, program],
          ...['203.0.113.2', '203.0.113.1', '64903', GOOD, update],
        ],
        {stdio: 'inherit'},
      )
      try {
        await eventually(() => said.test(bird.log), 10_000)
        await eventually(() => kernel('10.71.0.0/16').includes('via 203.0.113.2'))
        assert.equal(kernel('10.70.0.0/16'), '')
        assert.ok((await sessionTo('203.0.113.2')).up)
        const first = await sessionTo('192.0.2.254')
        assert.deepEqual([first.up, first.sinceMs], [true, began])
        assert.match(kernel('10.64.0.0/16'), /dev r1/)
      } finally {
        speaker.kill('SIGKILL')
      }
      await eventually(() => kernel('10.71.0.0/16') === '', 5000)
    })
  }
})
