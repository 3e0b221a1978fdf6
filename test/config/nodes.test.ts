import assert from 'node:assert/strict'
import {parseGatewayConfig} from '../../src/config/index.ts'

const yaml = (nodes: string): string => `version: 1
site: a
gateway: a1
nodes: {session: ibgp, localAs: 64512, ${nodes}}
as: 4200000001
interconnect: [100.64.0.0/16]
default: deny
uplinks: [{name: wan, address: 192.0.2.1, inner: [100.64.0.0, 100.64.0.1]}]
owns: [10.1.0.0/16]
datastores:
  - {name: main, kind: calico, endpoints: ['http://10.1.0.2:2379'], insecure: true, export: {}}
authorities: [a]
`
const parse = (nodes: string) => parseGatewayConfig(yaml(nodes), 'gateway.yaml')

describe('nodes', () => {
  it('a next hop of each family', () => {
    const {config, findings} = parse("nextHop: 10.1.0.9, nextHop6: 'fd00::9'")
    assert.deepEqual(findings, [])
    assert.deepEqual([config?.nodes?.nextHop, config?.nodes?.nextHop6], ['10.1.0.9', 'fd00::9'])
  })

  for (const [name, nodes, field, detail] of [
    ['are sent to the uplink', 'nextHop: 192.0.2.1', 'nextHop', /192\.0\.2\.1 is this gateway's own/],
    ['that nobody can choose', 'selector: rack = r1', 'selector', /not a selector/],
    ['IPIP over IPv6', 'ipip: {address: fd00::1}', 'ipip.address', /fd00::1 is no IPv4 address/],
    [
      'IPIP from an address that moves',
      'nextHop: 10.1.0.9, ipip: {address: 10.1.0.9}',
      'ipip.address',
      /10\.1\.0\.9 is one that moves/,
    ],
    ['a next hop of another family', 'nextHop: fd00::1', 'nextHop', /fd00::1 is no IPv4 address/],
    ['a next hop over IPv6 that is IPv4', 'nextHop6: 10.1.0.9', 'nextHop6', /10\.1\.0\.9 is no IPv6 address/],
    [
      'a next hop over IPv6 of nodes that only IPIP reaches',
      "nextHop6: 'fd00::9', ipip: {address: 10.1.0.1}",
      'nextHop6',
      /there are no sessions over IPv6/,
    ],
  ] as const) {
    it(`${name}: refused with its place`, () => {
      const {config, findings} = parse(nodes)
      assert.equal(config, null)
      assert.deepEqual(
        findings.map(({code, where}) => [code, where.field, where.line]),
        [['config-conflict', `nodes.${field}`, 4]],
      )
      assert.match(findings[0]!.detail, detail)
    })
  }
})
