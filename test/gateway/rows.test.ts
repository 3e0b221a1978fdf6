import assert from 'node:assert/strict'
import {Federation} from '../../src/federate/index.ts'
import {nodeRows} from '../../src/gateway/node-rows.ts'
import {gatewayRows, rowsOf} from '../../src/gateway/rows.ts'
import type {Runtime} from '../../src/gateway/runtime.ts'
import {hubRows, sessionRows} from '../../src/gateway/summaries.ts'
import type {NodeSessions, SiteName} from '../../src/model/index.ts'
import type {Address, Prefix} from '../../src/net/index.ts'
import {nodeOf} from '../support/interconnect.ts'
import {rawRecord} from '../support/records.ts'
import {configOf, EXPORT, listOf} from '../support/sites.ts'

describe('rows of gateways', () => {
  it('say who lives and who leads in the own site, of twins too whose records are not known, and nothing of others', () => {
    const federation = new Federation(configOf())
    const gateway = {uplinks: [{name: 'wan', address: '192.0.2.2', inner: []}]}
    federation.update(listOf('export/b', [rawRecord(`${EXPORT}gateways/b1`, gateway)]))
    const publishing = {
      living: () => new Set(['a2']),
      leadership: () => ({leader: 'a2', leads: false, leaseAgeSeconds: 1, nameTaken: false, lastError: null}),
    }
    const rows = gatewayRows(federation.world(), publishing).map(({name, alive, leader}) => [name, alive, leader])
    assert.deepEqual(rows, [
      ['a/a1', false, false],
      ['a/a2', true, true],
      ['b/b1', null, false],
    ])
  })
})

describe('rows of sessions', () => {
  it('of BFD are with whom BGP at that address is', () => {
    const bgp = (name: string, kind: string, neighbor: string) => ({name, kind, neighbor, sinceMs: null})
    const bfd = (neighbor: string) => ({neighbor, device: null, state: 'Up', up: true, sinceMs: null})
    const router = {
      sessions: [bgp('twin_a2', 'twin', '192.168.1.2'), bgp('node_n1', 'node', '192.168.1.9')],
      bfd: ['192.168.1.2', '192.168.1.9', '192.0.2.254', '100.64.0.2'].map(bfd),
    }
    const planned = {desired: {tunnels: [{peer: '100.64.0.2'}]}}
    const runtime: unknown = {monitor: {router: () => router}, last: () => ({planned})}
    const rows = sessionRows(runtime as Runtime).filter(({protocol}) => protocol === 'bfd')
    assert.deepEqual(
      rows.map(({kind}) => kind),
      ['twin', 'node', 'wan', 'tunnel'],
    )
  })
})

describe('rows by their labels', () => {
  const node = (name: string, labels: Record<string, string>) => ({
    ...nodeOf(name, null),
    meta: {...nodeOf(name, null).meta, labels},
  })
  const world = {
    ...new Federation(configOf()).world(),
    nodes: [node('n1', {rack: '1'}), node('n2', {rack: '2'}), node('n3', {})],
  }
  const ask = (kind: 'nodes' | 'tunnels', selector: string) =>
    rowsOf({world: () => world, config: configOf()} as Partial<Runtime> as Runtime, kind, {selector}, 0)

  for (const [selector, names] of [
    ["rack == '1'", 'n1'],
    ["rack != '1'", 'n2 n3'],
    ['has(rack)', 'n1 n2'],
  ] as const) {
    it(`nodes with ${selector}`, () => {
      assert.equal([...(ask('nodes', selector) as Iterable<{name: string}>)].map(({name}) => name).join(' '), names)
    })
  }

  it('what has none, and what is no selector', () => {
    assert.deepEqual(ask('tunnels', 'all()'), {
      code: 'bad-request',
      problem: 'tunnels have no labels; endpoints, policies, tiers, nodes have',
    })
    assert.deepEqual(ask('nodes', 'a =='), {
      code: 'bad-request',
      problem: "selector, at character 5: expected a quoted string; such as app == 'web' && has(tier)",
    })
  })
})

describe('rows of nodes', () => {
  const addressesOf = (...addresses: string[]) =>
    addresses.map((address) => ({address: address as Address, length: 64}))

  it('have a session where the gateway speaks with the node', () => {
    const quiet = {...nodeOf('n3', '10.0.0.3'), bgp: false}
    const rr = {...nodeOf('n1', '10.0.0.1'), addresses: addressesOf('10.0.0.1', 'fd00::1')}
    const nodes = [{...rr, meta: {...rr.meta, labels: {rr: 'yes'}}}, nodeOf('n2', '10.0.0.2'), quiet]
    const world = {...new Federation(configOf()).world(), nodes}
    const sessions = (nodes: NodeSessions | null, owns = ['10.0.0.0/16'] as Prefix[]) =>
      nodeRows(world, {...configOf(), owns, nodes}).map((row) => row.sessions.map((name) => name.split('_')[1]).join())
    const all: NodeSessions = {session: 'ibgp', localAs: 64512, nextHop: null}
    assert.deepEqual(sessions(all), ['n1', 'n2', ''])
    assert.deepEqual(sessions({...all, selector: "rr == 'yes'"}), ['n1', '', ''])
    assert.deepEqual(sessions(all, ['10.0.0.0/16', 'fd10::/48'] as Prefix[]), ['n1,n1', 'n2', ''])
    assert.deepEqual(sessions(null), ['', '', ''])
  })
})

describe('rows of sites', () => {
  it('name the hubs of a site, and which of them no tunnel leads to', () => {
    const [h1, h2] = ['h1', 'h2'] as SiteName[]
    const tunnels = [
      {site: 'h1', up: false},
      {site: 'h1', up: true},
      {site: 'h2', up: false},
    ]
    assert.deepEqual(hubRows([h1!, h2!], tunnels), [
      {hub: 'h1', up: true},
      {hub: 'h2', up: false},
    ])
    assert.deepEqual(hubRows([], tunnels), [])
  })
})
