import {readFileSync, writeFileSync} from 'node:fs'
import {deleteKey, putAll} from '../../../lab/site/etcd.ts'
import type {World} from '../../../lab/world.ts'
import type {Breakage} from './breakage.ts'

const ROOT = '/calico/resources/v3/projectcalico.org'
const YAML = '/run/isthmus-lab/a1/gateway.yaml'
const CREATED = {uid: '00000000-0000-4000-8000-000000000000', creationTimestamp: '2026-11-01T08:00:00Z'}

const text = (kind: string, name: string, spec: object): string =>
  JSON.stringify({kind, apiVersion: 'projectcalico.org/v3', metadata: {name, ...CREATED}, spec})
const put = (world: World, key: string, value: string): Promise<void> => putAll(world.etcd('a/main'), [[key, value]])
const remove = (world: World, key: string): Promise<unknown> => deleteKey(world.etcd('a/main'), key)

const POOL_B = {cidr: '10.2.0.0/16', disabled: true, natOutgoing: false, ipipMode: 'Never', vxlanMode: 'Never'}
const OWN_POOL = {
  cidr: '10.1.128.0/20',
  natOutgoing: false,
  ipipMode: 'Never',
  vxlanMode: 'Never',
  disableBGPExport: true,
}
const DENIES = {
  ...{tier: 'default', order: 1, selector: "role == 'rack'", types: ['Ingress']},
  ingress: [{action: 'Deny', protocol: 'TCP', destination: {ports: [2379]}}, {action: 'Allow'}],
}

/** The copy of a text that stands while it is broken. */
let well = ''

export const CALICO_BREAKAGES: readonly Breakage[] = [
  {
    code: 'calico-pool-snat',
    broken: (world) => remove(world, `${ROOT}/ippools/site-b`),
    repaired: (world) => put(world, `${ROOT}/ippools/site-b`, text('IPPool', 'site-b', POOL_B)),
  },
  {
    code: 'calico-as-mismatch',
    broken: (world) =>
      put(world, `${ROOT}/bgpconfigurations/default`, text('BGPConfiguration', 'default', {asNumber: 64999})),
    repaired: (world) => remove(world, `${ROOT}/bgpconfigurations/default`),
  },
  {
    code: 'calico-blocks-not-announced',
    broken: (world) => put(world, `${ROOT}/ippools/quiet`, text('IPPool', 'quiet', OWN_POOL)),
    repaired: (world) => remove(world, `${ROOT}/ippools/quiet`),
  },
  {
    code: 'calico-locked',
    broken: (world) =>
      put(
        world,
        `${ROOT}/clusterinformations/default`,
        text('ClusterInformation', 'default', {clusterGUID: '0'.repeat(32), datastoreReady: false}),
      ),
    repaired: (world) =>
      put(
        world,
        `${ROOT}/clusterinformations/default`,
        text('ClusterInformation', 'default', {clusterGUID: '0'.repeat(32), datastoreReady: true}),
      ),
  },
  {
    code: 'policy-denies-health',
    name: 'an etcd of site c inside the site, that a policy closes; nobody is there to answer anyway',
    broken: async (world) => {
      const key = '/isthmus/v1/resources/projectcalico.org/globalnetworkpolicies/closed'
      await put(world, key, text('GlobalNetworkPolicy', 'closed', DENIES))
      well = readFileSync(YAML, 'utf8')
      writeFileSync(YAML, well.replace('- https://192.0.2.3:2379', '$&\n      - https://10.3.0.5:2379'))
    },
    repaired: async (world) => {
      writeFileSync(YAML, well)
      await remove(world, '/isthmus/v1/resources/projectcalico.org/globalnetworkpolicies/closed')
    },
    also: ['etcd-unreachable'],
  },
  {
    code: 'twin-silent',
    name: 'a configuration with a twin that is not there',
    seenAs: twinned('192.168.1.77', ''),
    also: ['config-not-in-force'],
  },
  {
    code: 'virtual-address-nowhere',
    name: 'a configuration with an address that nobody has',
    seenAs: twinned('192.168.1.10', '192.168.1.99'),
    also: ['config-not-in-force'],
  },
]

/** gateway.yaml with another gateway, as the diagnosis alone sees it: nodes of the lab answer at 192.168.1.10. */
function twinned(twin: string, nextHop: string): string {
  const lan = `lan: {device: lan0, address: 192.168.1.1, twin: ${twin}}`
  const nodes = nextHop ? `; s/^  localAs: 64512$/&\\n  nextHop: ${nextHop}/` : ''
  return `t=$(mktemp); sed 's/^gateway: a1$/&\\ntwin: a2\\n${lan}/${nodes}' ${YAML} > $t; mount --bind $t ${YAML}`
}
