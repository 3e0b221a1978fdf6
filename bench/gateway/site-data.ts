import {stringify} from 'yaml'
import {documentEntries, type Entry, podEntry} from '../../lab/site/calico-data.ts'
import type {ChurnPlan} from './churn-plan.ts'

/** Label sets and namespaces of the site's pods. */
const APPS = 2000
const NAMESPACES = 80

/** Pod `index` of the site: its address says who it is. */
export const addressOf = (index: number): string => `10.${16 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`

export function podOf(index: number): Entry {
  const app = index % APPS
  const labels = {app: `app-${app}`, tier: app % 2 ? 'front' : 'back'}
  const namespace = `ns-${app % NAMESPACES}`
  return podEntry('a', `pod-${index}`, {address: addressOf(index), node: 'n1', namespace, labels, serve: []})
}

/** What there is beside pods: profiles of the namespaces, and global policies that tell the apps apart. */
export function otherEntries({policies}: ChurnPlan): Entry[] {
  const profiles = Array.from({length: NAMESPACES}, (_, index) => [
    {
      kind: 'Profile',
      metadata: {name: `kns.ns-${index}`},
      spec: {labelsToApply: {'pcns.projectcalico.org/name': `ns-${index}`}},
    },
    {
      kind: 'Profile',
      metadata: {name: `ksa.ns-${index}.default`},
      spec: {labelsToApply: {'pcsa.projectcalico.org/name': 'default'}},
    },
  ]).flat()
  const documents = Array.from({length: policies}, (_, index) => ({
    kind: 'GlobalNetworkPolicy',
    metadata: {name: `p-${index}`},
    spec: {
      order: index,
      selector: `app == 'app-${index}'`,
      types: ['Ingress'],
      ingress: [
        {
          action: 'Allow',
          protocol: 'TCP',
          source: {selector: `app == 'app-${(index * 7) % policies}' || tier == 'front'`},
          destination: {ports: [80, 443, 1000 + (index % 50)]},
        },
      ],
    },
  }))
  const text = (values: readonly object[]): string => values.map((value) => stringify(value)).join('---\n')
  return [...documentEntries(text(profiles), 'calico'), ...documentEntries(text(documents), 'isthmus')]
}

export function gatewayYamlOf(plan: ChurnPlan, own: string, remote: string, folder: string): string {
  return stringify({
    version: 1,
    site: 'a',
    gateway: 'a1',
    as: 4200000001,
    interconnect: ['100.64.0.0/16'],
    default: 'deny',
    uplinks: [{name: 'wan', address: '192.0.2.1', device: 'wan0', inner: ['100.64.0.0', '100.64.0.1']}],
    owns: ['10.16.0.0/12'],
    datastores: [{name: 'main', kind: 'calico', endpoints: [own], insecure: true, export: {}}],
    sites: {b: {owns: ['10.32.0.0/12'], endpoints: [remote], insecure: true, encapsulation: 'none'}},
    authorities: ['a'],
    peers: [],
    metrics: {listen: '127.0.0.1:9633'},
    paths: {state: `${folder}/state`, run: folder, birdConfig: plan.birdConfig, birdSocket: plan.birdSocket},
    lab: true,
  })
}
