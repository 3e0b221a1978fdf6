import assert from 'node:assert/strict'
import {execFileSync} from 'node:child_process'
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import fc from 'fast-check'
import {birdTextHash, type Encapsulation, type PeerName} from '../../src/model/index.ts'
import type {Address, Prefix} from '../../src/net/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {configOf, nodeOf, pairKey, planAll, type Sketch, worldOf} from '../support/interconnect.ts'

const GOLDEN = new URL('../fixtures/routing/bird.conf', import.meta.url)

/** One of everything. */
function fullText(): string {
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
    nodes: {session: 'ibgp', localAs: 64512, nextHop: null},
    static: [{prefix: '10.1.200.0/24' as Prefix, via: '192.168.10.7' as Address, labels: {}}],
    peers: [
      {
        name: 'wan-1' as PeerName,
        address: '192.0.2.254' as Address,
        as: 64900,
        passwordFile: '/k',
        import: ['0.0.0.0/0' as Prefix],
        export: ['192.0.2.0/24' as Prefix],
        bfd: true,
        uplink: null,
      },
      {
        name: 'wan-6' as PeerName,
        address: '2001:db8::ff' as Address,
        as: 4200000001,
        passwordFile: null,
        import: ['2001:db8::/32' as Prefix],
        export: [],
        bfd: false,
        uplink: null,
      },
    ],
  })
  const configs = new Map(sketch.sites.map(({name}) => [name, name === 'a' ? a : configOf(sketch, name)] as const))
  const {config, sites, plan} = planAll(sketch, configs).get('a')!
  const world = worldOf(sites, [nodeOf('n1.example', '192.168.1.1')])
  const passwords = new Map([['/k', 'p4ss; word#']])
  return renderBird(planRouting({config, world, tunnels: plan.tunnels, passwords}).bird)
}

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
        }).bird,
      )
    assert.ok(birdTextHash(render(1)))
    assert.notEqual(birdTextHash(render(1)), birdTextHash(render(2)))
  })

  it('BIRD takes every configuration that can be planned', () => {
    const encapsulation = fc.constantFrom<Encapsulation>('ipip', 'vxlan', 'wireguard', 'none')
    const list = fc.subarray(['0.0.0.0/0', '192.0.2.0/24', '::/0', '2001:db8::/32', '10.2.0.0/16'] as Prefix[])
    const peer = fc.record({
      address: fc.constantFrom('192.0.2.254', '2001:db8::ff') as fc.Arbitrary<Address>,
      as: fc.constantFrom(64900, 4200000001, 4294967294),
      import: list,
      export: list,
      bfd: fc.boolean(),
      password: fc.stringMatching(/^[ !#-~]{0,80}$/),
    })
    const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/)
    fc.assert(
      fc.property(
        fc.uniqueArray(name, {minLength: 1, maxLength: 4}),
        fc.array(encapsulation, {minLength: 16, maxLength: 16}),
        fc.uniqueArray(peer, {maxLength: 2, selector: ({address}) => address}),
        fc.boolean(),
        fc.array(fc.domain(), {maxLength: 3}),
        (names, kinds, peers, isV6, nodes) => {
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
            nodes: {session: 'ibgp', localAs: 64512, nextHop: null},
            peers: peers.map((entry, index) => ({
              ...entry,
              name: `p${index}` as PeerName,
              passwordFile: entry.password === '' ? null : `/k${index}`,
              uplink: null,
            })),
          })
          const configs = new Map(names.map((site) => [site, site === first ? own : configOf(sketch, site)] as const))
          const {config, sites, plan} = planAll(sketch, configs).get(first)!
          const passwords = new Map(peers.map(({password}, index) => [`/k${index}`, password]))
          const world = worldOf(
            sites,
            nodes.map((node, index) => nodeOf(node, `192.168.1.${index + 1}`)),
          )
          const text = renderBird(planRouting({config, world, tunnels: plan.tunnels, passwords}).bird)
          assert.equal(parse(text), '')
        },
      ),
      {numRuns: 60},
    )
  })
})
