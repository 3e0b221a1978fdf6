import assert from 'node:assert/strict'
import {parseGatewayConfig} from '../../src/config/index.ts'
import {formatFinding} from '../../src/model/index.ts'

const yaml = (writeBack: string, more = '', kind = 'calico'): string => `
version: 1
site: a
gateway: a1
as: 4200000001
interconnect: [100.64.0.0/16]
default: deny
uplinks: [{name: wan, address: 192.0.2.1, inner: [100.64.0.0, 100.64.0.1]}]
owns: [10.1.0.0/16]
datastores:
  - {name: main, kind: ${kind}, endpoints: ['http://10.1.0.2:2379'], insecure: true, export: {}${writeBack && `, writeBack: ${writeBack}`}}
authorities: [a]
${more}`
const NODES = 'nodes: {session: ibgp, localAs: 64512}'

describe('datastores[].writeBack', () => {
  const writeBackOf = (text: string, more = '') => {
    const {config, findings} = parseGatewayConfig(yaml(text, more), 'gateway.yaml')
    assert.deepEqual(findings, [])
    return config!.datastores[0]!.writeBack
  }
  const NOTHING = {sets: false, namespaces: [], pools: null, peers: [], dryRun: false}

  it('is off unless it is there', () => assert.equal(writeBackOf(''), null))
  it('and each part of it is', () => assert.deepEqual(writeBackOf('{}'), NOTHING))
  it('all of it', () =>
    assert.deepEqual(
      writeBackOf(
        "{sets: true, namespaces: [shop], pools: {}, peers: [{address: 192.168.10.1}, {address: 192.168.10.2, nodeSelector: rack == 'r1'}], dryRun: true}",
        NODES,
      ),
      {
        ...{sets: true, namespaces: ['shop'], dryRun: true, pools: {encapsulation: 'never', bgpExport: false}},
        peers: [
          {address: '192.168.10.1', nodeSelector: 'all()'},
          {address: '192.168.10.2', nodeSelector: "rack == 'r1'"},
        ],
      },
    ))

  const IPIP = 'nodes: {session: ibgp, localAs: 64512, nextHop: 10.0.0.9, ipip: {address: 10.0.0.1}}'
  it('gateways as Nodes', () => {
    const text = '{pools: {encapsulation: ipip}, gateways: {addresses: [10.0.0.1, 10.0.0.9]}}'
    const both = {addresses: ['10.0.0.1', '10.0.0.9']}
    assert.deepEqual(writeBackOf(text, IPIP)?.gateways, {...both, blocks: null})
    assert.deepEqual(writeBackOf(text.replace(']', '], blocks: 10.0.0.9'), IPIP)?.gateways, {
      ...both,
      blocks: '10.0.0.9',
    })
  })

  it('addresses that move: the next hop is one of them', () => {
    const text = `${IPIP.replace('10.0.0.1}', '10.0.0.1, shared: [10.0.0.8, 10.0.0.9]}')}`
    const {config} = parseGatewayConfig(yaml('', text), 'gateway.yaml')
    assert.deepEqual(config?.nodes?.ipip, {address: '10.0.0.1', shared: ['10.0.0.8', '10.0.0.9'], mtu: 1480})
    const alone = parseGatewayConfig(yaml('', IPIP), 'gateway.yaml').config
    assert.deepEqual(alone?.nodes?.ipip?.shared, ['10.0.0.9'])
  })

  const gateways = (text: string, pools = 'ipip'): string =>
    `{pools: {encapsulation: ${pools}}, gateways: {addresses: [10.0.0.1, 10.0.0.9]${text}}}`
  const wrong: {name: string; text: string; more?: string; kind?: string; found: RegExp}[] = [
    {
      name: 'where no Calico reads it',
      text: '{sets: true}',
      kind: 'isthmus',
      found: /line 11.*no Calico reads a datastore of kind isthmus; take it out/,
    },
    {name: 'namespaces without sets', text: '{namespaces: [shop]}', found: /writeBack\.namespaces.*add `sets: true`/},
    {
      name: 'no namespace',
      text: '{sets: true, namespaces: [Shop]}',
      found: /namespaces\[0\].*"Shop" is not the name of a namespace/,
    },
    {name: 'a peer without nodes', text: '{peers: [{address: 192.168.10.1}]}', found: /peers\[0\].*add `nodes:/},
    {name: 'a peer over IPv6', text: '{peers: [{address: "fd00::1"}]}', more: NODES, found: /fd00::1 is not IPv4/},
    {
      name: 'a peer twice',
      text: '{peers: [{address: 10.0.0.1}, {address: 10.0.0.1}]}',
      more: NODES,
      found: /given twice/,
    },
    {
      name: 'no selector',
      text: '{peers: [{address: 10.0.0.1, nodeSelector: a = b}]}',
      more: NODES,
      found: /nodeSelector.*not a selector/,
    },
    {name: 'another encapsulation', text: '{pools: {encapsulation: vxlan}}', found: /must be one of "never", "ipip"/},
    {name: 'gateways without IPIP here', text: gateways(''), more: NODES, found: /gateways.*add `nodes: {ipip:/},
    {name: 'gateways in a pool without', text: gateways('', 'never'), more: IPIP, found: /encapsulation: ipip/},
    {
      name: 'an address of ours that is no Node',
      text: gateways('').replace('10.0.0.1, ', ''),
      more: IPIP,
      found: /gateways\.addresses.*10\.0\.0\.1 of `nodes\.ipip` is missing: nodes drop IPIP from it/,
    },
    {
      name: 'one twice',
      text: gateways('').replace('.9', '.9, 10.0.0.1'),
      more: IPIP,
      found: /addresses\[2\].*given twice/,
    },
    {name: 'one of IPv6', text: gateways('').replace('.9', '.9, "fd00::1"'), more: IPIP, found: /fd00::1 is not IPv4/},
    {name: 'blocks of none', text: gateways(', blocks: 10.0.0.2'), more: IPIP, found: /blocks.*none of addresses/},
    {
      name: 'too many blocks',
      text: gateways(', blocks: 10.0.0.1'),
      more: `${IPIP}\nsites: {b: {owns: [11.0.0.0/8], endpoints: ['http://10.2.0.2:2379'], insecure: true}}`,
      found: /blocks.*are 4096 blocks of 4096 addresses; 256 are the most/,
    },
    {name: 'a key that is none', text: '{set: true}', found: /config-unknown-key.*"set"/},
  ]
  for (const {name, text, more = '', kind = 'calico', found} of wrong) {
    it(`refuses ${name}`, () => {
      const {config, findings} = parseGatewayConfig(yaml(text, more, kind), 'gateway.yaml')
      assert.equal(config, null)
      assert.match(findings.map(formatFinding).join('\n'), found)
      assert.equal(findings.length, 1)
    })
  }
})
