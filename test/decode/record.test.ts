import assert from 'node:assert/strict'
import {decodeRecord, parseWorkloadName} from '../../src/decode/index.ts'
import {formatFinding, type Resource} from '../../src/model/index.ts'
import {calicoFixture, rawRecord} from '../support/records.ts'

const CALICO = '/calico/resources/v3/projectcalico.org/'
const ISTHMUS = '/isthmus/v1/resources/projectcalico.org/'
const RULE_KEY = `${CALICO}globalnetworkpolicies/p`

const decode = (key: string, value: string | object) => decodeRecord(rawRecord(key, value), 'datastore main')

function resource<K extends Resource['kind']>(kind: K, key: string, value: object): Resource & {kind: K} {
  const decoded = decode(key, value)
  assert.ok(decoded.type === 'resource', decoded.findings.map(formatFinding).join('\n'))
  assert.equal(decoded.resource.kind, kind)
  return decoded.resource as Resource & {kind: K}
}

const policy = (spec: object) => resource('GlobalNetworkPolicy', RULE_KEY, {spec})
const rule = (fields: object) => policy({ingress: [{action: 'Allow', ...fields}]}).ingress[0]!

describe('decodeRecord', () => {
  const refused: {name: string; key: string; value: string | object; code: string; field?: string}[] = [
    {name: 'not JSON', key: `${CALICO}nodes/n`, value: '{"kind":', code: 'record-not-json'},
    {name: 'empty value', key: `${CALICO}nodes/n`, value: '', code: 'record-not-json'},
    {name: 'null', key: `${CALICO}nodes/n`, value: 'null', code: 'record-invalid'},
    {name: 'a list', key: `${CALICO}nodes/n`, value: '[1]', code: 'record-invalid'},
    {name: 'unknown kind', key: `${CALICO}sausages/n`, value: {}, code: 'record-unknown-kind'},
    {name: 'our kind in their tree', key: `${CALICO}staticprefixes/n`, value: {}, code: 'record-unknown-kind'},
    {name: 'cluster kind with a namespace', key: `${CALICO}nodes/ns/n`, value: {}, code: 'record-name-mismatch'},
    {name: 'namespaced kind without', key: `${CALICO}networksets/n`, value: {}, code: 'record-name-mismatch'},
    {
      name: 'another name than the key',
      key: `${CALICO}nodes/n`,
      value: {metadata: {name: 'm'}},
      code: 'record-name-mismatch',
      field: 'metadata.name',
    },
    {
      name: 'another kind than the key',
      key: `${CALICO}nodes/n`,
      value: {kind: 'Tier'},
      code: 'record-name-mismatch',
      field: 'kind',
    },
    {
      name: 'a net in a rule that is none',
      key: RULE_KEY,
      value: {spec: {ingress: [{action: 'Deny', source: {nets: ['10.0.0.0/8', '10.0.0.0/33']}}]}},
      code: 'record-invalid',
      field: 'spec.ingress[0].source.nets[1]',
    },
    {
      name: 'numeric ports without protocol',
      key: RULE_KEY,
      value: {spec: {ingress: [{action: 'Allow', destination: {ports: [80]}}]}},
      code: 'record-invalid',
      field: 'spec.ingress[0].protocol',
    },
    {
      name: 'numeric ports with ICMP',
      key: RULE_KEY,
      value: {spec: {ingress: [{action: 'Allow', protocol: 'ICMP', destination: {ports: [80]}}]}},
      code: 'record-invalid',
      field: 'spec.ingress[0].protocol',
    },
    {
      name: 'port out of range',
      key: RULE_KEY,
      value: {spec: {ingress: [{action: 'Allow', protocol: 'TCP', destination: {ports: [65536]}}]}},
      code: 'record-invalid',
      field: 'spec.ingress[0].destination.ports[0]',
    },
    {
      name: 'ICMP with IPv6',
      key: RULE_KEY,
      value: {spec: {egress: [{action: 'Allow', protocol: 'ICMP', ipVersion: 6}]}},
      code: 'record-invalid',
      field: 'spec.egress[0].protocol',
    },
    {
      name: 'ICMP code without type',
      key: RULE_KEY,
      value: {spec: {egress: [{action: 'Allow', protocol: 'ICMP', icmp: {code: 1}}]}},
      code: 'record-invalid',
      field: 'spec.egress[0].icmp.code',
    },
    {
      name: 'services beside a selector',
      key: RULE_KEY,
      value: {spec: {egress: [{action: 'Allow', destination: {services: {name: 's'}, selector: 'all()'}}]}},
      code: 'record-invalid',
      field: 'spec.egress[0].destination.services',
    },
    {
      name: 'no action',
      key: RULE_KEY,
      value: {spec: {egress: [{}]}},
      code: 'record-invalid',
      field: 'spec.egress[0].action',
    },
    {
      name: 'order beyond any number',
      key: `${CALICO}tiers/t`,
      value: '{"spec":{"order":1e999}}',
      code: 'record-invalid',
      field: 'spec.order',
    },
    {
      name: 'a wide network of a pod',
      key: `${CALICO}workloadendpoints/shop/n-k8s-p-eth0`,
      value: {spec: {interfaceName: 'cali1', ipNetworks: ['10.0.0.0/24']}},
      code: 'record-invalid',
      field: 'spec.ipNetworks[0]',
    },
    {
      name: 'a pod whose node is not the name’s',
      key: `${CALICO}workloadendpoints/shop/n-k8s-p-eth0`,
      value: {spec: {interfaceName: 'cali1', node: 'm'}},
      code: 'record-name-mismatch',
      field: 'spec.node',
    },
    {
      name: 'a pod without an interface on the host',
      key: `${CALICO}workloadendpoints/shop/n-k8s-p-eth0`,
      value: {spec: {ipNetworks: ['10.0.0.1/32']}},
      code: 'record-invalid',
      field: 'spec.interfaceName',
    },
    {
      name: 'a host that nothing names',
      key: `${CALICO}hostendpoints/h`,
      value: {spec: {node: 'n'}},
      code: 'record-invalid',
      field: 'spec.expectedIPs',
    },
    {
      name: 'a pool of a bare address',
      key: `${CALICO}ippools/p`,
      value: {spec: {cidr: '10.0.0.1'}},
      code: 'record-invalid',
      field: 'spec.cidr',
    },
    {
      name: 'a block of another CIDR than its key',
      key: '/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-26',
      value: {cidr: '10.0.1.0/26', allocations: []},
      code: 'record-name-mismatch',
      field: 'cidr',
    },
    {
      name: 'a static prefix with host bits',
      key: `${ISTHMUS}staticprefixes/rack`,
      value: {spec: {prefix: '10.1.200.1/24'}},
      code: 'record-invalid',
      field: 'spec.prefix',
    },
  ]
  for (const {name, key, value, code, field} of refused) {
    it(`${name}: counts as absent, with a finding at its place`, () => {
      const decoded = decode(key, value)
      assert.equal(decoded.type, 'bad')
      const [finding] = decoded.findings
      assert.deepEqual([finding?.code, finding?.where.source, finding?.where.key], [code, 'datastore main', key])
      if (field !== undefined) assert.equal(finding?.where.field, field)
    })
  }

  it('bytes that are not UTF-8 are a finding', () => {
    const decoded = decodeRecord({key: `${CALICO}nodes/n`, value: Uint8Array.of(0xff, 0xfe), modRevision: 1})
    assert.deepEqual([decoded.type, decoded.findings[0]?.code], ['bad', 'record-not-json'])
  })

  it('one wrong net of a set is skipped with a warning, the rest stands', () => {
    const value = {spec: {nets: ['10.0.0.1/8', 'nonsense', '10.9.9.9', 'FD00:0::1/64']}}
    const decoded = decode(`${CALICO}globalnetworksets/s`, value)
    assert.ok(decoded.type === 'resource' && decoded.resource.kind === 'NetworkSet')
    assert.deepEqual(decoded.resource.nets, ['10.0.0.0/8', '10.9.9.9/32', 'fd00::/64'])
    assert.deepEqual(
      decoded.findings.map(({severity, where}) => [severity, where.field]),
      [['warning', 'spec.nets[1]']],
    )
  })

  it('unknown fields are tolerated, missing and empty are the same', () => {
    const plain = policy({ingress: [{action: 'Allow'}]})
    const full = policy({
      future: {deep: [1]},
      selector: '',
      types: [],
      tier: '',
      ingress: [{action: 'Allow', source: {}, destination: {nets: [], ports: []}, icmp: null, novel: true}],
    })
    assert.deepEqual(full, plain)
    assert.deepEqual([plain.types, plain.tier, plain.order], [['ingress', 'egress'], 'default', null])
  })

  const protocols: [unknown, number][] = [
    ['TCP', 6],
    ['udp', 17],
    ['IcmpV6', 58],
    ['SCTP', 132],
    ['UDPLite', 136],
    [47, 47],
    ['89', 89],
  ]
  for (const [protocol, number] of protocols) {
    it(`protocol ${JSON.stringify(protocol)} is ${number}`, () => assert.equal(rule({protocol}).protocol, number))
  }
  for (const protocol of ['TCPX', 0, 256, 1.5, {}, '__proto__', 'constructor']) {
    it(`protocol ${JSON.stringify(protocol)} is none`, () => {
      assert.equal(decode(RULE_KEY, {spec: {ingress: [{action: 'Allow', protocol}]}}).type, 'bad')
    })
  }

  it('ports: numbers, ranges, digits as text, and names', () => {
    const ports = ['1:2', '80', 443, 'http', 'a.b_c-D']
    assert.deepEqual(rule({protocol: 'TCP', source: {ports}}).source.ports, {
      ranges: [
        {first: 1, last: 2},
        {first: 80, last: 80},
        {first: 443, last: 443},
      ],
      names: ['http', 'a.b_c-D'],
    })
    for (const wrong of ['2:1', '70000', 'with space', '', true, 1.5, -1]) {
      const value = {spec: {ingress: [{action: 'Allow', protocol: 'TCP', source: {ports: [wrong]}}]}}
      assert.equal(decode(RULE_KEY, value).type, 'bad', JSON.stringify(wrong))
    }
  })

  it('the AS number of a node may be text or dotted', () => {
    const as = (asNumber: unknown) => resource('Node', `${CALICO}nodes/n`, {spec: {bgp: {asNumber}}}).as
    assert.deepEqual([as('65000'), as('1.10'), as(4200000001), as(undefined)], [65000, 65546, 4200000001, null])
  })

  it('a node without bgp is known by its InternalIP', () => {
    const addresses = [
      {address: '198.51.100.1', type: 'ExternalIP'},
      {address: '10.0.0.1', type: 'InternalIP'},
      {address: 'fd00::1', type: 'ExternalIP'},
    ]
    const node = resource('Node', `${CALICO}nodes/n`, {spec: {addresses}})
    assert.deepEqual(
      node.addresses.map(({address, length}) => `${address}/${length}`),
      ['10.0.0.1/32', 'fd00::1/128'],
    )
  })

  it('a name in a key may be escaped', () => {
    const node = resource('Node', `${CALICO}nodes/a%2fb%25`, {})
    assert.equal(node.meta.name, 'a/b%')
  })

  it('an unknown action of a tier means Deny', () => {
    const tier = resource('Tier', `${CALICO}tiers/t`, {spec: {defaultAction: 'Allow', order: -1.5}})
    assert.deepEqual([tier.defaultAction, tier.order], ['Deny', -1.5])
  })

  it('the annotation names a policy, over the default. rule', () => {
    const annotations = {'projectcalico.org/metadata': '{"name":"default.x"}'}
    const named = resource('GlobalNetworkPolicy', `${CALICO}globalnetworkpolicies/default.x`, {
      metadata: {annotations},
    })
    assert.deepEqual([named.meta.name, named.keyName], ['default.x', 'default.x'])
    const other = resource('GlobalNetworkPolicy', `${CALICO}globalnetworkpolicies/default.x`, {
      spec: {tier: 'platform'},
    })
    assert.equal(other.meta.name, 'default.x', 'other tiers keep their names')
  })

  it('sequence numbers beyond 2^53 do not disturb a block, and cool-down is not in use', () => {
    const value =
      '{"cidr":"10.0.0.0/30","affinity":null,"hostAffinity":"n1","allocations":[0,1,null,2],"attributes":[' +
      '{"handle_id":"isthmus-x","secondary":{"node":"n2"}},{"secondary":{"node":"n2"},"releasedAt":"2026-01-01T00:00:00Z"},' +
      '{"secondary":{"node":"n1"}}],"sequenceNumber":1787217242123456791,"deleted":false}'
    const decoded = decode('/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-30', value)
    assert.ok(decoded.type === 'resource' && decoded.resource.kind === 'IPAMBlock')
    assert.deepEqual(decoded.resource.borrowed, [{address: '10.0.0.0', node: 'n2'}])
    assert.deepEqual([decoded.resource.node, decoded.resource.handles], ['n1', ['isthmus-x']])
  })

  it('a deleted block and affinity are ignored', () => {
    for (const key of ['assignment', 'host/n1']) {
      const decoded = decode(`/calico/ipam/v2/${key}/ipv4/block/10.0.0.0-30`, {cidr: '10.0.0.0/30', deleted: true})
      assert.equal(decoded.type, 'ignored')
    }
  })

  it('both trees go through one decoder', () => {
    const {value} = calicoFixture('globalnetworkpolicy')
    const key = `${ISTHMUS}globalnetworkpolicies/platform.restrict-db`
    const ours = decodeRecord({key, value, modRevision: 1})
    const theirs = decodeRecord(calicoFixture('globalnetworkpolicy'))
    assert.ok(ours.type === 'resource' && theirs.type === 'resource')
    assert.deepEqual([ours.root, theirs.root], ['isthmus', 'calico'])
    assert.deepEqual(ours.resource, theirs.resource)
  })
})

describe('parseWorkloadName', () => {
  const cases: [string, string[] | null][] = [
    ['worker--1-k8s-web--6d4b--x-eth0', ['worker-1', 'k8s', 'web-6d4b-x', 'eth0']],
    ['n.example-libnetwork-libnetwork-ep', ['n.example', 'libnetwork', 'libnetwork', 'ep']],
    ['a-b-c-d', ['a', 'b', 'c', 'd']],
    ['a-b-c', null],
    ['a-b-c-d-e', null],
    ['', null],
    ['---', null],
  ]
  for (const [name, want] of cases) {
    it(`${JSON.stringify(name)} is ${want ? want.join(' ') : 'none'}`, () => {
      const parsed = parseWorkloadName(name)
      assert.deepEqual(parsed && [parsed.node, parsed.orchestrator, parsed.workload, parsed.endpoint], want)
    })
  }
})

describe('the action of a staged policy', () => {
  const staged = (stagedAction: unknown) =>
    resource('StagedGlobalNetworkPolicy', `${CALICO}stagedglobalnetworkpolicies/p`, {spec: {stagedAction}}).stagedAction
  for (const [given, kept] of [
    ['Delete', 'Delete'],
    ['Ignore', 'Ignore'],
    ['Set', undefined],
    ['Learn', undefined],
    [undefined, undefined],
    [7, undefined],
  ] as const) {
    it(`${given} is ${kept ?? 'to be set'}`, () => assert.equal(staged(given), kept))
  }

  it('is nothing to one that is in force', () => {
    assert.equal(policy({stagedAction: 'Delete'}).stagedAction, undefined)
  })
})
