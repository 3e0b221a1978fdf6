import {
  type AttributeSet,
  DATASTORE_LABEL,
  type DatastoreName,
  type HostEndpoint,
  ISTHMUS_LABELS,
  type NetworkSet,
  type Profile,
  SITE_LABEL,
  type SiteName,
  type WorkloadEndpoint,
} from '../model/index.ts'

type Labels = Readonly<Record<string, string>>

const NAMESPACE_LABEL = 'projectcalico.org/namespace'
const SERVICE_ACCOUNT_LABEL = 'projectcalico.org/serviceaccount'

/** Stored nowhere: Calico's client makes it up, and so do we (calico-model 2.3). It has no labels. */
export const DEFAULT_ALLOW_PROFILE = 'projectcalico-default-allow'

/** Only profiles may give these: own ones would impersonate a namespace or a service account. */
const isInheritedName = (name: string): boolean => name.startsWith('pcns.') || name.startsWith('pcsa.')

/** Where an endpoint of this site stands: labels of ours, over any other. */
export interface Place {
  readonly site: SiteName
  readonly datastore: DatastoreName
}

/** Own labels win over inherited ones, and among profiles the first that is listed (calico-model 3.3). */
function inherit(own: Iterable<readonly [string, string]>, profiles: readonly Profile[]): Map<string, string> {
  const labels = new Map(own)
  for (const profile of profiles) {
    for (const [name, value] of Object.entries(profile.labelsToApply)) if (!labels.has(name)) labels.set(name, value)
  }
  return labels
}

const placed = (labels: Map<string, string>, {site, datastore}: Place): Map<string, string> =>
  labels.set(SITE_LABEL, site).set(DATASTORE_LABEL, datastore)

/** Sorted by name, so that equal sets are equal text wherever they are printed. */
const toRecord = (labels: ReadonlyMap<string, string>): Labels =>
  Object.fromEntries([...labels].sort(([a], [b]) => (a < b ? -1 : 1)))

const strip = (labels: Labels, drop: (name: string) => boolean): [string, string][] =>
  Object.entries(labels).filter(([name]) => !drop(name))

export function attributesOfWorkload(
  endpoint: WorkloadEndpoint,
  profiles: readonly Profile[],
  place: Place,
): AttributeSet {
  const own = new Map(strip(endpoint.meta.labels, isInheritedName))
  if (endpoint.serviceAccount && !own.has(SERVICE_ACCOUNT_LABEL))
    own.set(SERVICE_ACCOUNT_LABEL, endpoint.serviceAccount)
  return {
    kind: 'pod',
    labels: toRecord(placed(inherit(own, profiles), place)),
    namespace: endpoint.meta.namespace,
    serviceAccount: endpoint.serviceAccount ?? own.get(SERVICE_ACCOUNT_LABEL) ?? null,
    ports: endpoint.ports,
  }
}

export function attributesOfHost(endpoint: HostEndpoint, profiles: readonly Profile[], place: Place): AttributeSet {
  const labels = placed(inherit(Object.entries(endpoint.meta.labels), profiles), place)
  return {kind: 'host', labels: toRecord(labels), namespace: null, serviceAccount: null, ports: endpoint.ports}
}

/** A namespaced set inherits from `kns.NAMESPACE`, without listing it. No set carries a site or a datastore. */
export function attributesOfSet(set: NetworkSet, profiles: readonly Profile[]): AttributeSet {
  const {namespace} = set.meta
  const own = new Map(strip(set.meta.labels, (name) => isInheritedName(name) || name === NAMESPACE_LABEL))
  if (namespace !== null) own.set(NAMESPACE_LABEL, namespace)
  const labels = inherit(own, profiles)
  for (const name of ISTHMUS_LABELS) labels.delete(name)
  return {kind: 'set', labels: toRecord(labels), namespace, serviceAccount: null, ports: []}
}

export function attributesOfPrefix(labels: Labels, site: SiteName): AttributeSet {
  const all = new Map(Object.entries(labels)).set(SITE_LABEL, site)
  return {kind: 'prefix', labels: toRecord(all), namespace: null, serviceAccount: null, ports: []}
}

/**
 * What a remote site says of an endpoint, under the site it really came from: nobody can speak in another's name.
 * The rules for sets are applied again, since the other end may not have.
 */
export function attributesFromRemote(set: AttributeSet, site: SiteName): AttributeSet {
  if (set.kind !== 'set') {
    return {...set, labels: toRecord(new Map(Object.entries(set.labels)).set(SITE_LABEL, site))}
  }
  const isForbidden = (name: string): boolean =>
    ISTHMUS_LABELS.includes(name) || (set.namespace === null && (isInheritedName(name) || name === NAMESPACE_LABEL))
  return {...set, labels: toRecord(new Map(strip(set.labels, isForbidden)))}
}
