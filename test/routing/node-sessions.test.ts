import assert from 'node:assert/strict'
import type {CalicoNode, GatewayConfig, GatewayName} from '../../src/model/index.ts'
import type {Address, Prefix} from '../../src/net/index.ts'
import {type BirdConfig, renderBird} from '../../src/routing/index.ts'
import {nodeOf} from '../support/interconnect.ts'
import {accepted, routingOf} from '../support/three-routed.ts'

describe('sessions with nodes', () => {
  it('iBGP by their own number, the gateway itself and nodes without BGP left out', () => {
    const nodes = [
      nodeOf('n2', '192.168.1.2'),
      nodeOf('n1', '192.168.1.1', 64513),
      nodeOf('a1', '192.168.1.9'),
      nodeOf('other-name', '192.0.2.8'),
      {...nodeOf('quiet', '192.168.1.3'), bgp: false},
      nodeOf('nowhere', null),
    ]
    const {bird, findings} = routingOf('a', {nodes: {session: 'ibgp', localAs: 64512, nextHop: null}}, {nodes})
    const found = bird.sessions.filter(({kind}) => kind === 'node')
    assert.deepEqual(
      found.map(({neighbor, localAs, neighborAs, rrClient}) => [neighbor, localAs, neighborAs, rrClient]),
      [
        ['192.168.1.1', 64512, 64513, false],
        ['192.168.1.2', 64512, 64512, true],
      ],
    )
    assert.deepEqual(accepted(found[0]!.import), ['10.1.0.0/16+'])
    assert.deepEqual(accepted(found[0]!.export), ['10.2.0.0/16+', '10.3.0.0/16+', '10.1.0.0/16+'])
    assert.deepEqual(
      findings.map(({code}) => code),
      ['node-without-address'],
    )
  })

  it('of two gateways on a LAN neither is a node to this one, by whichever address and name a cluster knows them', () => {
    const [address, twin, shared] = ['192.168.1.251', '192.168.1.252', '192.168.1.250'] as Address[]
    const ordinary = {session: 'ibgp', localAs: 64512} as const
    const pair: Partial<GatewayConfig> = {
      twin: 'a2' as GatewayName,
      lan: {device: 'lan0', address: address!, twin: twin!, watch: []},
    }
    const own = [nodeOf('gw-1', address!), nodeOf('gw-2', twin!), nodeOf('gw', shared!), nodeOf('a2', '192.168.1.9')]
    const nodes = [...own, nodeOf('n1', '192.168.1.1')]
    const {bird} = routingOf('a', {...pair, nodes: {...ordinary, nextHop: shared!}}, {nodes})
    const neighbors = bird.sessions.flatMap(({kind, neighbor}) => (kind === 'node' ? [neighbor] : []))
    assert.deepEqual(neighbors, ['192.168.1.1'])
  })

  it('one over IPv6 as well where the site owns IPv6, with a next hop of its own; never behind a router', () => {
    const both = {...nodeOf('n1', '192.168.1.1'), addresses: [] as CalicoNode['addresses']}
    const withAddresses = (...addresses: string[]): CalicoNode => ({
      ...both,
      addresses: addresses.map((address) => ({address: address as Address, length: 64})),
    })
    const ordinary = {session: 'ibgp', localAs: 64512, nextHop: null, nextHop6: 'fd00::9' as Address} as const
    const owns = ['10.1.0.0/16', 'fd10:1::/48'] as Prefix[]
    const of = (config: Partial<GatewayConfig>, ...nodes: CalicoNode[]) => {
      const {bird, findings} = routingOf('a', {nodes: ordinary, ...config}, {nodes})
      const found = bird.sessions.filter(({kind}) => kind === 'node')
      const sessions = found.map((one) => [one.family, one.neighbor, one.nextHop, accepted(one.import)])
      return {sessions, findings: findings.length}
    }
    const [four, six] = [
      [4, '192.168.1.1', null, ['10.1.0.0/16+']],
      [6, 'fd00::1', 'fd00::9', ['fd10:1::/48+']],
    ]
    assert.deepEqual(of({owns}, withAddresses('fd00::1', '192.168.1.1')), {sessions: [four, six], findings: 0})
    assert.deepEqual(of({owns}, withAddresses('fd00::1')), {sessions: [six], findings: 0})
    assert.deepEqual(of({}, withAddresses('fd00::1', '192.168.1.1')), {sessions: [four], findings: 0})
    assert.deepEqual(of({}, withAddresses('fd00::1')), {sessions: [], findings: 1})
    const ipip = {address: '192.168.1.9' as Address, shared: [], mtu: 1480}
    assert.equal(of({owns, nodes: {...ordinary, ipip}}, withAddresses('fd00::1', '192.168.1.1')).sessions.length, 1)
  })

  it('sessions with those that are selected; behind a router next hops of all are at the end of one device', () => {
    const chosen = nodeOf('n1', '10.50.0.1')
    const nodes = [{...chosen, meta: {...chosen.meta, labels: {rr: 'yes'}}}, nodeOf('n2', '10.50.0.2')]
    const ordinary = {session: 'ibgp', localAs: 64512, nextHop: null, selector: "rr == 'yes'"} as const
    const of = (bird: BirdConfig) =>
      bird.sessions
        .filter(({kind}) => kind === 'node')
        .map(({local, neighbor, nextHop, igpTable}) => [local, neighbor, nextHop, igpTable])
    const plainly = routingOf('a', {nodes: ordinary}, {nodes}).bird
    assert.deepEqual(of(plainly), [[null, '10.50.0.1', null, 'near4']])
    assert.ok(!renderBird(plainly).includes('nodes4'))
    const ipip = {address: '192.168.1.9' as Address, shared: [], mtu: 1480}
    const {bird} = routingOf('a', {nodes: {...ordinary, ipip}}, {nodes})
    assert.deepEqual(of(bird), [['192.168.1.9', '10.50.0.1', '192.168.1.9', 'nodes4']])
    assert.deepEqual(bird.statics.find(({tables}) => tables?.routes === 'nodes4')?.routes, [
      {prefix: '10.50.0.1/32', to: {onlink: '10.50.0.1', device: 'is-nodes'}},
      {prefix: '10.50.0.2/32', to: {onlink: '10.50.0.2', device: 'is-nodes'}},
    ])
    const shared = '192.168.1.201' as Address
    const twins = routingOf('a', {twin: 'a2' as GatewayName, nodes: {...ordinary, nextHop: shared, ipip}}, {nodes}).bird
    assert.deepEqual(of(twins), [['192.168.1.9', '10.50.0.1', shared, 'nodes4']])
  })
})
