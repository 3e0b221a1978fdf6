import assert from 'node:assert/strict'
import type {DatastoreName, GatewayConfig, SiteName} from '../../src/model/index.ts'
import type {Address, Prefix} from '../../src/net/index.ts'
import {planRouting} from '../../src/routing/index.ts'
import {configOf, nodeOf, type Sketch, viewOf, worldOf} from '../support/interconnect.ts'
import {routeRule, wanPeer} from '../support/wan-peer.ts'

const SKETCH: Sketch = {
  sites: [
    {name: 'a', number: 1},
    {name: 'b', number: 2},
    {name: 'c', number: 3},
  ],
}

/** Of this site's own, on a network behind the LAN's router. */
const DATASTORE: GatewayConfig['datastores'][number] = {
  ...{name: 'main' as DatastoreName, kind: 'calico', endpoints: ['https://192.168.40.9:2379']},
  ...{tls: null, user: null, export: null},
}

/** What this gateway of a makes of b's saying that its gateway is at that address. */
function planned(
  address: string,
  overrides: Partial<GatewayConfig> = {},
  endpoints: readonly string[] = [],
  others: readonly string[] = [],
) {
  const base = configOf(SKETCH, 'a')
  const b = base.sites.get('b' as SiteName)!
  const config: GatewayConfig = {
    ...base,
    sites: new Map([...base.sites, [b.name, {...b, endpoints}]]),
    static: [{prefix: '10.1.200.0/24' as Prefix, via: '192.168.20.7' as Address, labels: {}}],
    datastores: [DATASTORE],
    peers: [wanPeer({import: {rules: [routeRule()]}})],
    ...overrides,
  }
  const view = viewOf(SKETCH, 'b')
  const gateways = view.gateways.map((one) => ({
    ...one,
    uplinks: [address, ...others].map((outside) => ({...one.uplinks[0]!, public: outside as Address})),
  }))
  const world = worldOf(new Map([['b' as SiteName, {...view, gateways}]]), [nodeOf('n1', '192.168.30.1')])
  const {bird, findings} = planRouting({config, world, tunnels: [], passwords: new Map(), draining: false})
  const ways = bird.statics.filter(({name}) => /^(ways|at_lines)/.test(name))
  return {hosts: [...new Set(ways.flatMap(({routes}) => routes.map(({prefix}) => prefix)))], findings}
}

describe('ways to other gateways without BGP', () => {
  for (const [address, whose] of [
    ['10.1.7.5', '10.1.0.0/16 of site a'],
    ['10.3.7.5', '10.3.0.0/16 of site c'],
    ['100.64.3.0', 'interconnect'],
    ['192.168.20.7', 'the next hop of 10.1.200.0/24'],
    ['192.168.30.1', 'node n1'],
    ['192.0.2.254', 'peer r1'],
    ['192.168.40.9', 'an endpoint of datastore main'],
  ] as const) {
    it(`an export that gives ${address} for a gateway leads nobody away from ${whose}: told`, () => {
      const {hosts, findings} = planned(address)
      assert.deepEqual(hosts, [])
      assert.deepEqual(
        findings.map(({code, where}) => [code, where.source, where.key]),
        [['prefix-not-granted', 'export b', 'gateways/b1']],
      )
      assert.ok(findings[0]!.detail.includes(`${address}`) && findings[0]!.detail.includes(whose), findings[0]!.detail)
    })
  }

  it('an address that nobody has, and one in the site’s own prefix, are what a gateway may be at', () => {
    for (const address of ['198.51.100.2', '10.2.0.254'])
      assert.deepEqual(planned(address), {hosts: [`${address}/32`], findings: []})
  })

  it('of many such addresses of a site one is told, and how many there are', () => {
    const {hosts, findings} = planned('10.1.7.5', {}, [], ['10.1.7.6', '10.3.0.1', '198.51.100.2'])
    assert.deepEqual(hosts, ['198.51.100.2/32'])
    assert.equal(findings.length, 1)
    assert.match(findings[0]!.detail, /10\.1\.7\.5.*; so are 2 more/)
  })

  it('where no router is asked there is nothing to say', () => {
    assert.deepEqual(planned('10.1.7.5', {peers: []}), {hosts: [], findings: []})
  })

  it('what the configuration names by itself is believed: an endpoint', () => {
    const {hosts, findings} = planned('10.3.7.5', {}, ['https://10.3.7.5:2379'])
    assert.deepEqual([hosts, findings], [['10.3.7.5/32'], []])
  })

  it('but not that one which is behind this gateway itself, or at the far end of a tunnel, is beyond the WAN', () => {
    const endpoints = ['10.1.200.5', '100.64.2.0', '203.0.113.9'].map((host) => `https://${host}:2379`)
    assert.deepEqual(planned('198.51.100.2', {}, endpoints).hosts, ['198.51.100.2/32', '203.0.113.9/32'])
  })
})
