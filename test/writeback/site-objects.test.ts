import assert from 'node:assert/strict'
import type {WriteBackConfig} from '../../src/model/index.ts'
import {siteObjects} from '../../src/writeback/index.ts'
import {address, CALICO, configOf, remote} from '../support/sites.ts'

const CONFIG = configOf({
  sites: new Map([remote('b', '10.2.0.0/16', 'fd00:2::/48')]),
  nodes: {session: 'ibgp', localAs: 64512, nextHop: null},
})

const textsOf = (
  pools: WriteBackConfig['pools'],
  peers: WriteBackConfig['peers'] = [],
  config = CONFIG,
): Record<string, string> => Object.fromEntries(siteObjects(config, {pools, peers}))

const poolText = (name: string, cidr: string, blockSize: number, ipip = 'Never', noExport = true): [string, string] => [
  `${CALICO}ippools/${name}`,
  `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"${name}","labels":{"isthmus.io/site":"b"},"annotations":{"isthmus.io/owner":"a"}},"spec":{"cidr":"${cidr}","vxlanMode":"Never","ipipMode":"${ipip}","natOutgoing":false,"disabled":true,"disableBGPExport":${noExport},"blockSize":${blockSize},"nodeSelector":"!all()","allowedUses":["Workload","Tunnel"]}}`,
]

describe('siteObjects', () => {
  it('nothing that is not asked for', () => assert.deepEqual(textsOf(null), {}))

  it('a disabled pool for each granted prefix, without encapsulation', () => {
    assert.deepEqual(
      textsOf({encapsulation: 'never', bgpExport: false}),
      Object.fromEntries([
        poolText('isthmus-b-10-2-0-0-16', '10.2.0.0/16', 26),
        poolText('isthmus-b-fd00-2---48', 'fd00:2::/48', 122),
      ]),
    )
  })

  it("with Calico's IPIP only IPv4, and exported where route reflectors must hand it on", () => {
    assert.deepEqual(
      textsOf({encapsulation: 'ipip', bgpExport: true}),
      Object.fromEntries([
        poolText('isthmus-b-10-2-0-0-16', '10.2.0.0/16', 26, 'Always', false),
        poolText('isthmus-b-fd00-2---48', 'fd00:2::/48', 122, 'Never', false),
      ]),
    )
  })

  it("each gateway as a peer with the nodes' AS, under one name whichever gateway says it", () => {
    const peers = [
      {address: address('192.168.10.1'), nodeSelector: 'all()'},
      {address: address('192.168.10.2'), nodeSelector: "rack == 'r1'"},
      {address: address('fd00::1'), nodeSelector: 'all()'},
    ]
    const texts = textsOf(null, peers)
    const values = Object.values(texts).map((text) => JSON.parse(text))
    assert.deepEqual(
      values.map(({spec}) => spec).sort((a, b) => (a.peerIP < b.peerIP ? -1 : 1)),
      peers.map(({address: peerIP, nodeSelector}) => ({peerIP, asNumber: 64512, nodeSelector})),
    )
    for (const key of Object.keys(texts)) assert.match(key, /\/bgppeers\/isthmus-a-peer-[0-9a-f]{16}$/)
    assert.deepEqual(textsOf(null, peers.toReversed()), texts)
  })

  it('no peer where the gateway speaks with no nodes', () => {
    assert.deepEqual(textsOf(null, [{address: address('192.168.10.1'), nodeSelector: ''}], configOf()), {})
  })
})
