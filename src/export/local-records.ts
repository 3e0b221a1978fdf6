import {
  type Decoded,
  ISTHMUS_LABELS,
  JournalMap,
  MARK_SUFFIX,
  OWNER_ANNOTATION,
  type RawRecord,
  ROOT_ANNOTATION,
  type SourceBatch,
  usualProfiles,
  type WorkloadEndpoint,
} from '../model/index.ts'
import {type Address, type Prefix, prefixContainsAddress} from '../net/index.ts'
import {SERVICE_ACCOUNT_LABEL} from '../selectors/index.ts'
import {EXPORT_ROOT, isTooLarge, tooLargeText} from './records.ts'

const CALICO = '/calico/resources/v3/projectcalico.org/'
const ISTHMUS = '/isthmus/v1/resources/projectcalico.org/'

/** What a trace through a site's own Calico is made of, beside endpoints. */
const DOCUMENTS: ReadonlySet<string> = new Set([
  ...['networkpolicies', 'globalnetworkpolicies', 'tiers', 'profiles', 'networksets', 'globalnetworksets'],
])

/**
 * The site's own policies for its export (`localPolicies`): documents of Calico's tree as they are stored, kept up by what
 * the datastores say. An event costs what it touches; nothing is walked but a datastore's records when it is listed.
 *
 * Of the endpoints only those that the export does not tell of as their own Calico sees them (decision 0036): hosts, whose
 * profiles may be any; pods with other profiles than Kubernetes gives, with addresses that are not the site's, or with a
 * label that Isthmus writes over. Of endpoints and profiles under the isthmus root there is a mark: Calico does not know them.
 */
export class LocalRecords {
  readonly #datastores: ReadonlySet<string>
  readonly #granted: readonly Prefix[]
  readonly #records = new JournalMap()

  /** `datastores`: of these, by name; `granted`: what the site owns. */
  constructor(datastores: Iterable<string>, granted: readonly Prefix[]) {
    this.#datastores = new Set(datastores)
    this.#granted = granted
  }

  get records(): Pick<JournalMap, 'texts' | 'revision' | 'changedSince'> {
    return this.#records
  }

  /** `decoded` are the batch's upserts after decode, in their order. */
  take(batch: Pick<SourceBatch, 'source' | 'type' | 'upserts' | 'deletes'>, decoded: readonly Decoded[]): void {
    const name = batch.source.startsWith('datastore/') ? batch.source.slice('datastore/'.length) : null
    if (name === null || !this.#datastores.has(name)) return
    const root = `${EXPORT_ROOT}local/${name}/`
    const stay = new Set<string>()
    for (const [index, raw] of batch.upserts.entries()) {
      const path = pathOf(raw.key)
      if (path === null) continue
      const key = root + path
      const text = this.#textOf(raw, decoded[index]!)
      if (text === null) this.#records.delete(key)
      else stay.add(key)
      if (text) this.#records.set(key, text)
    }
    for (const deleted of batch.deletes) {
      const path = pathOf(deleted)
      if (path !== null) this.#records.delete(root + path)
    }
    if (batch.type !== 'list') return
    const gone = [...this.#records.texts.keys()].filter((key) => key.startsWith(root) && !stay.has(key))
    for (const key of gone) this.#records.delete(key)
  }

  /** null: it is not published; empty: what was published of it stays. */
  #textOf({key, value}: RawRecord, decoded: Decoded): string | null {
    if (decoded.type === 'ignored') return null
    const resource = decoded.type === 'resource' ? decoded.resource : null
    const isEndpoint = resource?.kind === 'WorkloadEndpoint' || resource?.kind === 'HostEndpoint'
    if (isEndpoint && resource.addresses.length === 0) return null
    if (key.startsWith(ISTHMUS)) return resource ? markOf(isEndpoint ? resource.addresses : []) : ''
    if (resource?.kind === 'WorkloadEndpoint' && this.#isTold(resource)) return null
    // Of an endpoint that is refused the last good version counts, here as among the members; of a policy nobody knows
    // what Calico makes of it, and the reader should know that it does not know.
    if (decoded.type === 'bad' && isEndpointPath(key)) return ''
    const {byteLength} = value
    return isTooLarge(byteLength) ? tooLargeText(byteLength) : Buffer.from(value).toString('utf8')
  }

  /** Whether a reader finds out of the export alone how its own Calico sees this pod. */
  #isTold({meta, profiles, addresses, serviceAccount}: WorkloadEndpoint): boolean {
    if (Object.hasOwn(meta.annotations, OWNER_ANNOTATION)) return false
    if (ISTHMUS_LABELS.some((name) => Object.hasOwn(meta.labels, name))) return false
    const account =
      serviceAccount ?? (Object.hasOwn(meta.labels, SERVICE_ACCOUNT_LABEL) ? meta.labels[SERVICE_ACCOUNT_LABEL]! : null)
    const usual = usualProfiles(meta.namespace, account)
    return (
      profiles.length === usual.length &&
      profiles.every((name, index) => name === usual[index]) &&
      addresses.every((address) => this.#granted.some((prefix) => prefixContainsAddress(prefix, address)))
    )
  }
}

const isEndpointPath = (key: string): boolean => /\/(?:workload|host)endpoints\//.test(key)

/** Below `local/DATASTORE/`, marks beside what is Calico's; null: nothing that is published. */
function pathOf(key: string): string | null {
  if (key.startsWith(ISTHMUS)) {
    const path = key.slice(ISTHMUS.length)
    return isEndpointPath(key) || path.startsWith('profiles/') ? path + MARK_SUFFIX : null
  }
  if (!key.startsWith(CALICO)) return null
  const path = key.slice(CALICO.length)
  return DOCUMENTS.has(path.slice(0, path.indexOf('/'))) || isEndpointPath(key) ? path : null
}

/** For both sorts of endpoints, and profiles: each decoder looks at its own fields. */
const markOf = (addresses: readonly Address[]): string =>
  JSON.stringify({
    metadata: {annotations: {[ROOT_ANNOTATION]: 'isthmus'}},
    spec: {
      ...{interfaceName: '-', expectedIPs: addresses},
      ipNetworks: addresses.map((address) => `${address}/${address.includes(':') ? 128 : 32}`),
    },
  })
