import {parseAllDocuments} from 'yaml'
import {blockOf, type LabPlan} from '../network/plan.ts'
import type {Scenario, Site} from '../scenario/schema.ts'

/** Keys and values as Calico v3 itself writes them (etcdv3 datastore), for a site's nodes and pods. Pure. */
export type Entry = readonly [key: string, value: string]

const CALICO = '/calico/resources/v3/projectcalico.org'
const ISTHMUS = '/isthmus/v1/resources/projectcalico.org'
const CREATED = '2026-11-01T08:00:00Z'

const PLURALS: Readonly<Record<string, string>> = {
  GlobalNetworkPolicy: 'globalnetworkpolicies',
  StagedGlobalNetworkPolicy: 'stagedglobalnetworkpolicies',
  GlobalNetworkSet: 'globalnetworksets',
  NetworkPolicy: 'networkpolicies',
  NetworkSet: 'networksets',
  HostEndpoint: 'hostendpoints',
  WorkloadEndpoint: 'workloadendpoints',
  Tier: 'tiers',
  Profile: 'profiles',
  IPPool: 'ippools',
  Node: 'nodes',
}

interface Document {
  readonly apiVersion?: string
  readonly kind: string
  readonly metadata: {readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string>}
  readonly spec?: unknown
}

const uidOf = (text: string): string => {
  let hash = 0x811c9dc5
  for (const char of text) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0
  return `${hash.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`
}

function entry(root: string, document: Document): Entry {
  const plural = PLURALS[document.kind]
  if (!plural)
    throw new Error(`the lab does not know the kind ${document.kind}; known: ${Object.keys(PLURALS).join(', ')}`)
  const {name, namespace} = document.metadata
  const key = [root, plural, ...(namespace ? [namespace] : []), name].join('/')
  const metadata = {...document.metadata, uid: uidOf(key), creationTimestamp: CREATED}
  return [key, JSON.stringify({...document, apiVersion: 'projectcalico.org/v3', metadata})]
}

type Tree = 'calico' | 'isthmus'

/** Documents of a YAML file, for Calico's own tree or for the one that `isthmus apply` writes. */
export function documentEntries(text: string, tree: Tree | ((kind: string) => Tree)): Entry[] {
  const rootOf = (kind: string): string =>
    (typeof tree === 'string' ? tree : tree(kind)) === 'calico' ? CALICO : ISTHMUS
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Document | null)
    .filter((document) => document !== null)
    .map((document) => entry(rootOf(document.kind), document))
}

/** A dash inside a part of the name is doubled (libcalico-go/lib/names). */
const part = (text: string): string => text.replaceAll('-', '--')

export function podEntry(
  site: string,
  pod: string,
  {address, address6, node, namespace, labels}: Site['pods'][string],
): Entry {
  const name = `${part(node)}-k8s-${part(pod)}-eth0`
  return entry(CALICO, {
    kind: 'WorkloadEndpoint',
    metadata: {
      name,
      namespace,
      labels: {
        ...labels,
        'projectcalico.org/namespace': namespace,
        'projectcalico.org/orchestrator': 'k8s',
        'projectcalico.org/serviceaccount': 'default',
      },
    },
    spec: {
      orchestrator: 'k8s',
      node,
      containerID: uidOf(`${site}/${pod}`).slice(0, 8),
      pod,
      endpoint: 'eth0',
      ipNetworks: [`${address}/32`, ...(address6 ? [`${address6}/128`] : [])],
      profiles: [`kns.${namespace}`, `ksa.${namespace}.default`],
      interfaceName: `cali${site}${pod}`,
      serviceAccountName: 'default',
    },
  })
}

/** What the cluster of one datastore holds: its own nodes and the pods on them. */
export function siteEntries(name: string, site: Site, plan: LabPlan, datastore: string): Entry[] {
  const nodes = plan.nodes.filter((node) => node.site === name && node.datastore === datastore)
  const pods = Object.entries(site.pods).filter(([, pod]) => nodes.some((node) => node.name === pod.node))
  const guid = datastore === Object.keys(site.datastores)[0] ? name : `${name}/${datastore}`
  const namespaces = [...new Set(pods.map(([, pod]) => pod.namespace))]
  return [
    entry(CALICO, {kind: 'Tier', metadata: {name: 'default'}, spec: {order: 1_000_000, defaultAction: 'Deny'}}),
    [
      `${CALICO}/clusterinformations/default`,
      JSON.stringify({
        kind: 'ClusterInformation',
        apiVersion: 'projectcalico.org/v3',
        metadata: {name: 'default', uid: uidOf(guid), creationTimestamp: CREATED},
        spec: {
          clusterGUID: uidOf(guid).replaceAll('-', ''),
          clusterType: 'k8s,bgp',
          calicoVersion: 'v3.32.0',
          datastoreReady: true,
        },
      }),
    ],
    ...site.owns.map((cidr, index) =>
      entry(CALICO, {
        kind: 'IPPool',
        metadata: {name: `pool-${index}`},
        spec: {
          ...{
            cidr,
            ipipMode: nodes.some(({routed}) => routed && routed !== 'router') ? 'Always' : 'Never',
            vxlanMode: 'Never',
          },
          ...{natOutgoing: true, nodeSelector: 'all()', blockSize: cidr.includes(':') ? 122 : 26},
        },
      }),
    ),
    ...namespaces.flatMap((namespace) => [
      entry(CALICO, {
        kind: 'Profile',
        metadata: {name: `kns.${namespace}`},
        spec: {
          ingress: [{action: 'Allow', source: {}, destination: {}}],
          egress: [{action: 'Allow', source: {}, destination: {}}],
          labelsToApply: {'pcns.projectcalico.org/name': namespace},
        },
      }),
      entry(CALICO, {
        kind: 'Profile',
        metadata: {name: `ksa.${namespace}.default`},
        spec: {labelsToApply: {'pcsa.projectcalico.org/name': 'default'}},
      }),
    ]),
    ...nodes.map((node) =>
      entry(CALICO, {
        kind: 'Node',
        metadata: {name: node.name},
        spec: {
          // Behind a router that speaks for them nodes do not speak themselves.
          ...(node.routed === 'router' ? {} : {bgp: {ipv4Address: `${node.address}/24`}}),
          orchRefs: [{nodeName: node.name, orchestrator: 'k8s'}],
          addresses: [{address: node.address, type: 'InternalIP'}],
        },
      }),
    ),
    ...plan.fabrics
      .filter((fabric) => fabric.site === name && fabric.speaks)
      .map(({lan}) =>
        entry(CALICO, {kind: 'Node', metadata: {name: `router-${name}`}, spec: {bgp: {ipv4Address: `${lan}/24`}}}),
      ),
    ...nodes.flatMap((node) => node.blocks.flatMap((block) => blockEntries(node.name, block, site))),
    ...pods.map(([pod, spec]) => podEntry(name, pod, spec)),
  ]
}

/** A block and its affinity; `sequenceNumber` is above 2^53 in real data, so it is written as text. */
function blockEntries(node: string, block: string, site: Site): Entry[] {
  const segment = block.replace('/', '-')
  const base = Number(block.split('/')[0]!.split('.')[3])
  const pods = Object.entries(site.pods).filter(([, pod]) => blockOf(pod.address) === block)
  const allocations: (number | null)[] = Array.from({length: 64}, () => null)
  const attributes = pods.map(([pod, {address, namespace}], index) => {
    allocations[Number(address.split('.')[3]) - base] = index
    return {handle_id: `k8s-pod-network.${uidOf(pod)}`, secondary: {node, pod, namespace}}
  })
  const unallocated = allocations.flatMap((slot, ordinal) => (slot === null ? [ordinal] : []))
  const value = JSON.stringify({
    cidr: block,
    affinity: `host:${node}`,
    allocations,
    unallocated,
    attributes,
    deleted: false,
  })
  return [
    [
      `/calico/ipam/v2/assignment/ipv4/block/${segment}`,
      `${value.slice(0, -1)},"sequenceNumber":1790000000000000123,"sequenceNumberForAllocation":{}}`,
    ],
    [`/calico/ipam/v2/host/${node}/ipv4/block/${segment}`, '{"state":"confirmed","deleted":false}'],
  ]
}

/** Endpoints without a pod behind them: addresses from the top of the site's first prefix, labels from few sets. */
export function* generatedEntries(site: string, scenario: Scenario, count: number, sets: number): Generator<Entry> {
  const [first, second] = scenario.sites[site]!.owns[0]!.split('.')
  const node = Object.keys(scenario.sites[site]!.nodes)[0]!
  for (let i = 0; i < count; i++) {
    const address = `${first}.${second}.${128 + (i >> 8)}.${i & 255}`
    const labels = {app: `app-${i % sets}`}
    yield podEntry(site, `load-${i}`, {address, node, namespace: 'default', labels, serve: []})
  }
}
