import assert from 'node:assert/strict'
import {decodeRecord} from '../../src/decode/index.ts'
import type {Resource} from '../../src/model/index.ts'
import {CALICO_FIXTURES, calicoFixture} from '../support/records.ts'

/** What each fixture must become: its kind, some fields that matter, or the name under which it is ignored. */
const EXPECTED: Readonly<Record<string, {resource: object} | {ignored: string}>> = {
  'bgpconfiguration-node': {ignored: 'BGPConfiguration'},
  bgpconfiguration: {ignored: 'BGPConfiguration'},
  bgpfilter: {ignored: 'BGPFilter'},
  'bgppeer-local-workload': {ignored: 'BGPPeer'},
  'bgppeer-route-reflector': {ignored: 'BGPPeer'},
  bgppeer: {ignored: 'BGPPeer'},
  'blockaffinity-legacy-empty': {
    resource: {kind: 'BlockAffinity', node: 'worker-3', cidr: '10.244.3.0/26', state: 'confirmed'},
  },
  blockaffinity: {resource: {kind: 'BlockAffinity', node: 'worker-1', cidr: '10.244.1.0/26', state: 'confirmed'}},
  clusterinformation: {
    resource: {kind: 'ClusterInformation', ready: true, guid: '5f1c9e0d7a6b4c3d8e2f1a0b9c8d7e6f'},
  },
  felixconfiguration: {ignored: 'FelixConfiguration'},
  felixstatus: {ignored: 'other'},
  'globalnetworkpolicy-hostpolicy': {
    resource: {kind: 'GlobalNetworkPolicy', preDnat: true, applyOnForward: true, types: ['ingress'], order: 5},
  },
  globalnetworkpolicy: {
    resource: {kind: 'GlobalNetworkPolicy', tier: 'platform', order: 100, keyName: 'platform.restrict-db'},
  },
  globalnetworkset: {
    resource: {kind: 'NetworkSet', nets: ['10.48.3.7/32', '10.48.3.9/32', 'fd00:48:3::7/128']},
  },
  'hostendpoint-auto': {
    resource: {kind: 'HostEndpoint', addresses: ['192.0.2.11'], profiles: ['projectcalico-default-allow']},
  },
  hostendpoint: {
    resource: {
      kind: 'HostEndpoint',
      node: 'worker-1',
      addresses: ['192.0.2.11', '2001:db8::11'],
      ports: [{name: 'ssh', protocol: 'tcp', port: 22}],
    },
  },
  'ipamblock-borrowed': {
    resource: {
      kind: 'IPAMBlock',
      cidr: '10.244.2.0/30',
      node: 'worker-2',
      borrowed: [{address: '10.244.2.2', node: 'worker-1'}],
    },
  },
  'ipamblock-gateway': {
    resource: {kind: 'IPAMBlock', node: 'gw-east', borrowed: [], handles: ['gateway-placeholder-gw-east']},
  },
  'ipamblock-ipv6': {resource: {kind: 'IPAMBlock', cidr: 'fd00:10:244:1::/122', node: 'worker-1'}},
  ipamblock: {resource: {kind: 'IPAMBlock', cidr: '10.244.1.0/26', node: 'worker-1', borrowed: []}},
  ipamconfig: {ignored: 'ipam-other'},
  ipamhandle: {ignored: 'ipam-handle'},
  'ippool-crosssubnet': {
    resource: {kind: 'IPPool', cidr: '10.245.0.0/16', ipip: 'CrossSubnet', vxlan: 'Never', bgpExport: true},
  },
  'ippool-ipip-always': {resource: {kind: 'IPPool', ipip: 'Always', natOutgoing: true, disabled: false}},
  'ippool-ipv6': {resource: {kind: 'IPPool', cidr: 'fd00:10:244::/48', natOutgoing: false}},
  'ippool-remote-disabled': {resource: {kind: 'IPPool', disabled: true, bgpExport: false}},
  'ippool-vxlan': {resource: {kind: 'IPPool', vxlan: 'Always'}},
  ipreservation: {ignored: 'IPReservation'},
  kubecontrollersconfiguration: {ignored: 'KubeControllersConfiguration'},
  'networkpolicy-from-kubernetes': {
    resource: {kind: 'NetworkPolicy', keyName: 'knp.default.web-ingress', types: ['ingress'], order: 1000},
  },
  'networkpolicy-legacy-name': {
    resource: {kind: 'NetworkPolicy', keyName: 'default.old-style', tier: 'default', types: ['egress']},
  },
  networkpolicy: {resource: {kind: 'NetworkPolicy', serviceAccountSelector: "team == 'front'"}},
  'networkset-remote-pod': {resource: {kind: 'NetworkSet', nets: ['10.48.3.7/32', '10.48.3.9/32']}},
  networkset: {resource: {kind: 'NetworkSet', nets: ['198.51.100.0/24', '2001:db8:50::/48']}},
  'node-gateway': {resource: {kind: 'Node', addresses: [{address: '192.0.2.50', length: 24}], as: 64512, bgp: true}},
  'node-route-reflector': {resource: {kind: 'Node', as: null}},
  node: {
    resource: {
      kind: 'Node',
      addresses: [
        {address: '192.0.2.11', length: 24},
        {address: '2001:db8::11', length: 64},
      ],
    },
  },
  'profile-serviceaccount': {
    resource: {
      kind: 'Profile',
      ingress: [],
      labelsToApply: {'pcsa.projectcalico.org/name': 'web-sa', 'pcsa.team': 'front'},
    },
  },
  profile: {resource: {kind: 'Profile'}},
  stagedglobalnetworkpolicy: {resource: {kind: 'StagedGlobalNetworkPolicy', tier: 'platform', order: 50}},
  stagednetworkpolicy: {resource: {kind: 'StagedNetworkPolicy', order: 400}},
  'tier-default': {resource: {kind: 'Tier', order: 1000000, defaultAction: 'Deny'}},
  'tier-kube-admin': {resource: {kind: 'Tier', order: 1000, defaultAction: 'Pass'}},
  'tier-kube-baseline': {resource: {kind: 'Tier', order: 10000000, defaultAction: 'Pass'}},
  tier: {resource: {kind: 'Tier', order: 300, defaultAction: 'Deny'}},
  'workloadendpoint-no-ip': {resource: {kind: 'WorkloadEndpoint', addresses: [], pod: 'job-1'}},
  'workloadendpoint-openstack': {
    resource: {kind: 'WorkloadEndpoint', pod: '3f1c0c7e-aaaa-bbbb', node: 'compute-2', addresses: ['10.65.0.12']},
  },
  'workloadendpoint-status': {ignored: 'other'},
  workloadendpoint: {
    resource: {
      kind: 'WorkloadEndpoint',
      node: 'worker-1',
      pod: 'web-6d4b75cb6d-hx2xq',
      addresses: ['10.244.1.5', 'fd00:10:244:1::5'],
      serviceAccount: 'web-sa',
      profiles: ['kns.shop', 'ksa.shop.web-sa'],
      ports: [
        {name: 'http', protocol: 'tcp', port: 8080},
        {name: 'dns', protocol: 'udp', port: 5353},
      ],
    },
  },
}

describe('decodeRecord on every Calico fixture', () => {
  it('every fixture has an expectation', () => {
    assert.deepEqual(CALICO_FIXTURES, Object.keys(EXPECTED).sort())
  })

  for (const [name, want] of Object.entries(EXPECTED)) {
    it(name, () => {
      const decoded = decodeRecord(calicoFixture(name, 7))
      assert.deepEqual(decoded.findings, [])
      assert.equal(decoded.modRevision, 7)
      if ('ignored' in want) {
        assert.ok(decoded.type === 'ignored')
        assert.equal(decoded.kind, want.ignored)
        return
      }
      assert.ok(decoded.type === 'resource')
      assert.equal(decoded.root, 'calico')
      assert.deepEqual(pick(decoded.resource, Object.keys(want.resource)), want.resource)
    })
  }

  it('a legacy name is stripped, the key keeps it', () => {
    const decoded = decodeRecord(calicoFixture('networkpolicy-legacy-name'))
    assert.ok(decoded.type === 'resource' && decoded.resource.kind === 'NetworkPolicy')
    assert.equal(decoded.resource.meta.name, 'old-style')
    assert.equal(decoded.path, 'networkpolicies/shop/default.old-style')
  })

  it('the rules of a policy, field by field', () => {
    const decoded = decodeRecord(calicoFixture('globalnetworkpolicy'))
    assert.ok(decoded.type === 'resource' && decoded.resource.kind === 'GlobalNetworkPolicy')
    const {ingress, egress, meta} = decoded.resource
    assert.deepEqual(meta.annotations, {}, 'the client hides the annotation of the name')
    assert.deepEqual(
      ingress.map((rule) => rule.action),
      ['Log', 'Allow', 'Allow', 'Allow', 'Pass'],
    )
    assert.deepEqual(ingress[1]!.destination.ports, {
      ranges: [
        {first: 5432, last: 5432},
        {first: 6000, last: 6010},
      ],
      names: ['metrics'],
    })
    assert.deepEqual(ingress[1]!.source.notNets, ['10.244.9.0/24'])
    assert.deepEqual([ingress[2]!.protocol, ingress[2]!.icmp, ingress[2]!.ipVersion], [1, {type: 8, code: 0}, 4])
    assert.deepEqual([egress[1]!.notProtocol, egress[1]!.destination.notSelector], [6, 'has(app)'])
  })
})

function pick(resource: Resource, names: readonly string[]): object {
  return Object.fromEntries(Object.entries(resource).filter(([name]) => names.includes(name)))
}
