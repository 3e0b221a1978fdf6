import type {Resource} from '../model/index.ts'
import {decodeClusterInformation} from './cluster-information.ts'
import type {Fields} from './fields.ts'
import {decodeHostEndpoint} from './host-endpoint.ts'
import {decodeIpPool} from './ip-pool.ts'
import type {KeyName} from './meta.ts'
import {decodeNetworkSet} from './network-set.ts'
import {decodeNode} from './node.ts'
import {decodePolicy} from './policy.ts'
import {decodeProfile} from './profile.ts'
import {decodeStaticPrefix} from './static-prefix.ts'
import {decodeTier} from './tier.ts'
import {decodeWorkloadEndpoint} from './workload-endpoint.ts'

/** One kind as its key names it. */
export interface KindEntry {
  readonly kind: string
  readonly plural: string
  readonly scope: 'cluster' | 'namespaced'
  /** `null`: known and not read. A decoder answers `null` after it noted an error that leaves nothing to return. */
  readonly decode: ((top: Fields, key: KeyName) => Resource | null) | null
  /** The stored text is kept: it goes into exports and traces as it stands. */
  readonly keepText?: true
  /** Isthmus' own kind, not one of Calico's. */
  readonly own?: true
}

const policy = (kind: Parameters<typeof decodePolicy>[0]): KindEntry['decode'] => {
  return (top, key) => decodePolicy(kind, top, key)
}

const unread = (kind: string, plural: string, scope: KindEntry['scope'] = 'cluster'): KindEntry => ({
  kind,
  plural,
  scope,
  decode: null,
})

/** The table of calico-model 1.1, and our StaticPrefix. */
export const KINDS: readonly KindEntry[] = [
  {kind: 'WorkloadEndpoint', plural: 'workloadendpoints', scope: 'namespaced', decode: decodeWorkloadEndpoint},
  {kind: 'HostEndpoint', plural: 'hostendpoints', scope: 'cluster', decode: decodeHostEndpoint},
  {
    kind: 'NetworkPolicy',
    plural: 'networkpolicies',
    scope: 'namespaced',
    decode: policy('NetworkPolicy'),
    keepText: true,
  },
  {
    kind: 'GlobalNetworkPolicy',
    plural: 'globalnetworkpolicies',
    scope: 'cluster',
    decode: policy('GlobalNetworkPolicy'),
    keepText: true,
  },
  {
    kind: 'StagedNetworkPolicy',
    plural: 'stagednetworkpolicies',
    scope: 'namespaced',
    decode: policy('StagedNetworkPolicy'),
    keepText: true,
  },
  {
    kind: 'StagedGlobalNetworkPolicy',
    plural: 'stagedglobalnetworkpolicies',
    scope: 'cluster',
    decode: policy('StagedGlobalNetworkPolicy'),
    keepText: true,
  },
  {kind: 'Tier', plural: 'tiers', scope: 'cluster', decode: decodeTier, keepText: true},
  {kind: 'Profile', plural: 'profiles', scope: 'cluster', decode: decodeProfile, keepText: true},
  {kind: 'NetworkSet', plural: 'networksets', scope: 'namespaced', decode: decodeNetworkSet},
  {kind: 'GlobalNetworkSet', plural: 'globalnetworksets', scope: 'cluster', decode: decodeNetworkSet},
  {kind: 'IPPool', plural: 'ippools', scope: 'cluster', decode: decodeIpPool},
  {kind: 'Node', plural: 'nodes', scope: 'cluster', decode: decodeNode},
  {kind: 'ClusterInformation', plural: 'clusterinformations', scope: 'cluster', decode: decodeClusterInformation},
  {kind: 'StaticPrefix', plural: 'staticprefixes', scope: 'cluster', decode: decodeStaticPrefix, own: true},
  unread('StagedKubernetesNetworkPolicy', 'stagedkubernetesnetworkpolicies', 'namespaced'),
  unread('IPReservation', 'ipreservations'),
  unread('BGPConfiguration', 'bgpconfigurations'),
  unread('BGPPeer', 'bgppeers'),
  unread('BGPFilter', 'bgpfilters'),
  unread('FelixConfiguration', 'felixconfigurations'),
  unread('KubeControllersConfiguration', 'kubecontrollersconfigurations'),
  unread('CalicoNodeStatus', 'caliconodestatuses'),
  unread('IPAMConfiguration', 'ipamconfigurations'),
  unread('IPAMConfig', 'ipamconfigs'),
  unread('BlockAffinity', 'blockaffinities'),
  unread('LiveMigration', 'livemigrations', 'namespaced'),
]

const BY_PLURAL: ReadonlyMap<string, KindEntry> = new Map(KINDS.map((entry) => [entry.plural, entry]))
const BY_KIND: ReadonlyMap<string, KindEntry> = new Map(KINDS.map((entry) => [entry.kind, entry]))

export const kindOfPlural = (plural: string): KindEntry | undefined => BY_PLURAL.get(plural)
export const kindNamed = (kind: string): KindEntry | undefined => BY_KIND.get(kind)
