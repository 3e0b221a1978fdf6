import {OWNER_ANNOTATION, SITE_LABEL, type SiteName, type SiteView, type World} from '../model/index.ts'
import {type Prefix, parseCidr} from '../net/index.ts'
import {isFields, parseExact} from './exact-json.ts'
import {blockOf, IPAM_PREFIXES, isIpamKey, isOurIpam, siteOfIpam} from './ipam.ts'

export const CALICO_RESOURCES = '/calico/resources/v3/projectcalico.org/'

const PLURALS = {
  GlobalNetworkSet: 'globalnetworksets',
  NetworkSet: 'networksets',
  IPPool: 'ippools',
  BGPPeer: 'bgppeers',
  Node: 'nodes',
} as const

/** All that is ever written, and so all that has to be looked through for what is ours. */
export const WRITE_BACK_PREFIXES: readonly string[] = [
  ...Object.values(PLURALS).map((plural) => `${CALICO_RESOURCES}${plural}/`),
  ...IPAM_PREFIXES,
]

/** A key as people are shown it: `ippools/NAME`, `ipam/host/…`. */
export const objectPath = (key: string): string =>
  isIpamKey(key) ? key.replace('/calico/ipam/v2/', 'ipam/') : key.slice(CALICO_RESOURCES.length)

/** Says whether anybody may write at the moment (calico-model 1.4). */
export const CLUSTER_INFORMATION = `${CALICO_RESOURCES}clusterinformations/default`

/** Every name of ours begins so: an annotation alone may have come with a copy that somebody made for himself. */
const NAME_BEGINS = 'isthmus-'

export interface ObjectIdentity {
  readonly uid: string
  /** RFC 3339, whole seconds. */
  readonly creationTimestamp: string
}

export interface WrittenObject {
  readonly kind: keyof typeof PLURALS
  readonly name: string
  readonly namespace: string | null
  readonly labels: Readonly<Record<string, string>>
  readonly spec: Readonly<Record<string, unknown>>
}

export const isWriteBackKey = (key: string): boolean => WRITE_BACK_PREFIXES.some((prefix) => key.startsWith(prefix))

/**
 * Whether nobody wanting an object means that it shall go. A site that has not been read yet has no endpoints here, and may
 * have many: its sets stay until it has. So do those of a lost one, until it is forgotten or no longer named. (With sites
 * like `b` and `b-c` a name may be of two; it waits for both.)
 */
export function mayPruneSet(
  key: string,
  sites: Iterable<SiteName>,
  world: {readonly sources: World['sources']; readonly sites: ReadonlyMap<SiteName, Pick<SiteView, 'presence'>>},
): boolean {
  if (!/networksets\//.test(key)) return true
  const name = key.slice(key.lastIndexOf('/') + 1)
  const isKnown = (site: SiteName): boolean => {
    const presence = world.sites.get(site)?.presence
    if (presence === 'forgotten') return true
    return presence !== 'withdrawn' && world.sources.get(`export/${site}`)?.synced === true
  }
  return ![...sites].some((site) => name.startsWith(`${NAME_BEGINS}${site}-`) && !isKnown(site))
}

export const objectName = (site: string, what: string): string => `${NAME_BEGINS}${site}-${what}`

export const objectKey = ({kind, name, namespace}: Pick<WrittenObject, 'kind' | 'name' | 'namespace'>): string =>
  `${CALICO_RESOURCES}${PLURALS[kind]}/${namespace === null ? '' : `${namespace}/`}${name}`

/** In Calico's own order of fields; `owner` is the site that writes it. */
export function objectText({kind, name, namespace, labels, spec}: WrittenObject, owner: SiteName): string {
  const metadata = {
    name,
    ...(namespace === null ? {} : {namespace}),
    labels: Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))),
    annotations: {[OWNER_ANNOTATION]: owner},
  }
  return JSON.stringify({kind, apiVersion: 'projectcalico.org/v3', metadata, spec})
}

/** Whether this site wrote the object: its annotation says so, and it stands under a name that Isthmus gives. */
export function isOurObject(key: string, value: unknown, owner: SiteName): boolean {
  if (isIpamKey(key)) return isOurIpam(key, value, owner)
  if (!isWriteBackKey(key) || !key.slice(key.lastIndexOf('/') + 1).startsWith(NAME_BEGINS)) return false
  const metadata = isFields(value) ? value.metadata : null
  const annotations = isFields(metadata) ? metadata.annotations : null
  return (
    isFields(annotations) && Object.hasOwn(annotations, OWNER_ANNOTATION) && annotations[OWNER_ANNOTATION] === owner
  )
}

/**
 * Whether an object of ours tells of this site. Its label says so; where somebody took that off its name does, which with
 * sites like `b` and `b-c` may be of two.
 */
export function tellsOf(key: string, text: string, site: SiteName): boolean {
  const value = parseExact(text)
  if (isIpamKey(key)) return siteOfIpam(value) === site
  const metadata = isFields(value) ? value.metadata : null
  const labels = isFields(metadata) ? metadata.labels : null
  if (isFields(labels) && typeof labels[SITE_LABEL] === 'string') return labels[SITE_LABEL] === site
  return key.slice(key.lastIndexOf('/') + 1).startsWith(`${NAME_BEGINS}${site}-`)
}

/** What an IPPool or an IPAM block under its key covers; null: it is none. */
export function coverOf(key: string, value: unknown): Prefix | null {
  if (isIpamKey(key)) return blockOf(key)
  if (!key.startsWith(`${CALICO_RESOURCES}${PLURALS.IPPool}/`)) return null
  const spec = isFields(value) ? value.spec : null
  const cidr = isFields(spec) ? spec.cidr : null
  return typeof cidr === 'string' && cidr.includes('/') ? parseCidr(cidr) : null
}
