import {
  type AttributeSet,
  type AttributeSetId,
  type DatastoreName,
  type Decoded,
  type ExportEntry,
  type HostEndpoint,
  ISTHMUS_LABELS,
  MARK_SUFFIX,
  type Profile,
  parseDatastoreName,
  type Resource,
  ROOT_ANNOTATION,
  usualProfiles,
  type WorkloadEndpoint,
} from '../../model/index.ts'
import {type Address, hostPrefix} from '../../net/index.ts'
import {type CalicoView, calicoView} from './own-calico.ts'

type Endpoint = WorkloadEndpoint | HostEndpoint

/** What an export says of one datastore's own policies. */
interface Local {
  readonly resources: Resource[]
  /** Those that are told by themselves, since their membership does not tell how Calico sees them. */
  readonly endpoints: Endpoint[]
  /** Profiles under the isthmus root: they gave labels where Calico has none of their name. */
  readonly foreign: Set<string>
  /** Paths of what could not be read: `PLURAL/[NAMESPACE/]NAME`. */
  readonly refused: string[]
}

/** A pod or host that the export says is at an address. */
interface Membership {
  readonly datastore: DatastoreName
  readonly names: readonly string[]
  /** null: it is not there (yet). */
  readonly set: AttributeSet | null
}

/** How Calico sees an address: by an endpoint, not at all (null), or why that cannot be told. */
type Seen = Endpoint | null | string

/**
 * The Calico of each datastore whose own policies are in a site's export (`localPolicies`), by the export's records. It
 * says no more than the export can vouch for: `doubts` of the view has the addresses that it does not judge, with the reason.
 *
 * A pod is what its attribute set says, without what Isthmus added, and with the profiles that Kubernetes gives; the writer
 * tells all others by themselves (decision 0036).
 */
export function exportedCalico(
  records: Iterable<Decoded>,
  addresses: readonly Address[],
): ReadonlyMap<string, CalicoView> {
  const read = readExport(records, addresses)
  if (!read) return new Map()
  const {local, members, said} = read
  return new Map(
    (said ?? [...local.keys()].sort()).map((name) => {
      const own = local.get(name) ?? nothing()
      const profiles = new Set(own.resources.flatMap((one) => (one.kind === 'Profile' ? [one.meta.name] : [])))
      const seen = new Map(
        addresses.map((address) => {
          const at = members.get(address) ?? []
          const told = [...local].flatMap(([datastore, {endpoints}]) =>
            endpoints.flatMap((endpoint) => (endpoint.addresses.includes(address) ? [{datastore, endpoint}] : [])),
          )
          const held = {
            address,
            here: at.filter(({datastore}) => datastore === name),
            told: told.filter(({datastore}) => datastore === name).map(({endpoint}) => endpoint),
            elsewhere: at.some(({datastore}) => datastore !== name) || told.some(({datastore}) => datastore !== name),
          }
          return [address, seenAt(held, own, profiles, said !== null)]
        }),
      )
      const endpoints = new Set([...seen.values()].flatMap((one) => (typeof one === 'object' && one ? [one] : [])))
      const view = calicoView([...own.resources, ...endpoints], addresses)
      return [name, {...view, doubts: doubtsOf(seen, own.refused)}]
    }),
  )
}

const nothing = (): Local => ({resources: [], endpoints: [], foreign: new Set(), refused: []})

const isMark = ({meta}: Endpoint | Profile): boolean => meta.annotations[ROOT_ANNOTATION] === 'isthmus'

/** null: it is of a format that is not known. */
function readExport(records: Iterable<Decoded>, addresses: readonly Address[]) {
  const wanted = new Map(addresses.map((address) => [hostPrefix(address), address]))
  const sets = new Map<AttributeSetId, AttributeSet>()
  const held: (readonly [Address, Extract<ExportEntry, {kind: 'endpoint'}>])[] = []
  const local = new Map<DatastoreName, Local>()
  let said: readonly DatastoreName[] | null = null
  const localOf = (name: DatastoreName): Local => {
    const known = local.get(name) ?? nothing()
    local.set(name, known)
    return known
  }
  for (const record of records) {
    if (record.type === 'bad') {
      const {key} = record
      if (key.endsWith('/export/meta')) return null
      const [, name = '', path] = /\/export\/local\/([^/]+)\/(.+)/.exec(key) ?? []
      const datastore = parseDatastoreName(name)
      if (datastore !== null && path) localOf(datastore).refused.push(path)
    }
    if (record.type !== 'export') continue
    const {entry} = record
    if (entry.kind === 'meta') said = entry.local
    else if (entry.kind === 'attributes') sets.set(entry.id, entry.set)
    else if (entry.kind === 'endpoint') {
      const address = wanted.get(entry.prefix)
      if (address !== undefined) held.push([address, entry])
    } else if (entry.kind === 'local') {
      const {resource} = entry
      const isEndpoint = resource.kind === 'WorkloadEndpoint' || resource.kind === 'HostEndpoint'
      if (isEndpoint) localOf(entry.datastore).endpoints.push(resource)
      else if (resource.kind === 'Profile' && isMark(resource)) {
        localOf(entry.datastore).foreign.add(resource.meta.name.slice(0, -MARK_SUFFIX.length))
      } else localOf(entry.datastore).resources.push(resource)
    }
  }
  const members = new Map<Address, Membership[]>()
  for (const [address, {datastore, names, attributes}] of held) {
    const set = sets.get(attributes) ?? null
    if (set?.kind === 'set' || set?.kind === 'prefix') continue
    members.set(address, [...(members.get(address) ?? []), {datastore, names, set}])
  }
  return {local, members, said}
}

interface Held {
  readonly address: Address
  /** Memberships in this datastore. */
  readonly here: readonly Membership[]
  /** Endpoints that this datastore tells by themselves. */
  readonly told: readonly Endpoint[]
  /** Whether another datastore has an endpoint there too. */
  readonly elsewhere: boolean
}

function seenAt(
  {address, here, told, elsewhere}: Held,
  own: Local,
  profiles: ReadonlySet<string>,
  isWhole: boolean,
): Seen {
  const [endpoint, member] = [told[0], here[0]]
  if (!endpoint && !member) return null
  const rivals = `several endpoints hold ${address}, of which its site's export does not tell apart which is Calico's`
  if (told.length > 1 || here.length > 1) return rivals
  if (endpoint) {
    // A mark: it is none of Calico's. A host of Calico's would be told; whether the pod here is Calico's cannot be seen.
    if (isMark(endpoint)) return member && member.set?.kind !== 'host' ? rivals : null
    return elsewhere || (member && !isSame(endpoint, member, own.resources, address)) ? rivals : endpoint
  }
  if (!member?.set) return `the labels of ${address} are not in its site's export yet`
  const {set, names} = member
  if (set.kind === 'host') {
    // A host of Calico's is told by itself.
    return isWhole ? null : `which profiles host ${address} has is not in its site's export`
  }
  const usual = usualProfiles(set.namespace, set.serviceAccount)
  // Where all of them are there, one that is not there is missing; but not one that Isthmus knows and Calico does not.
  const untold = usual.find((name) => !profiles.has(name) && (!isWhole || own.foreign.has(name)))
  if (untold !== undefined) {
    return `which profiles ${address} has is not known: ${untold} of its Calico is not in its site's export`
  }
  return {
    kind: 'WorkloadEndpoint',
    meta: {name: names[0] ?? address, namespace: set.namespace, labels: withoutOurs(set), annotations: {}},
    ...{node: '', pod: names[0] ?? '', addresses: [address], profiles: usual, ports: set.ports},
    serviceAccount: set.serviceAccount,
  }
}

/** Own Calico must not see what Isthmus added. */
const withoutOurs = ({labels}: Pick<AttributeSet, 'labels'>): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).filter(([name]) => !ISTHMUS_LABELS.includes(name)))

/** Whether a membership is that of the endpoint which is told by itself, and of no other at its address. */
function isSame(endpoint: Endpoint, {names, set}: Membership, resources: readonly Resource[], at: Address): boolean {
  const {kind, meta} = endpoint
  const name = kind === 'WorkloadEndpoint' ? `${meta.namespace}/${endpoint.pod}` : meta.name
  const profiles = resources.filter((one) => one.kind === 'Profile')
  const [seen] = calicoView([...profiles, endpoint], [at]).attributes.values()
  const text = (one: Pick<AttributeSet, 'labels'>): string => JSON.stringify(Object.entries(withoutOurs(one)).sort())
  return names.includes(name) && set !== null && seen !== undefined && text(seen) === text(set)
}

/** Of these addresses Calico's word is not known here, and why; also of one whose own is known and the other end's not. */
function doubtsOf(seen: ReadonlyMap<Address, Seen>, refused: readonly string[]): ReadonlyMap<Address, string> {
  const doubts = new Map<Address, string>()
  const all = [...seen.values()]
  const unsure = all.find((one) => typeof one === 'string')
  for (const [address, subject] of seen) {
    if (typeof subject === 'string') doubts.set(address, subject)
    else if (subject) {
      const listed = new Set(all.flatMap((one) => (typeof one === 'object' && one ? one.profiles : [])))
      const path = refused.find((one) => mayMatter(one, subject, listed))
      const why = unsure ?? (path && `${path} of its site's own policies cannot be read`)
      if (why) doubts.set(address, why)
    }
  }
  return doubts
}

/** Whether a document that cannot be read could have a part in judging flows of this endpoint. */
function mayMatter(path: string, {meta}: Endpoint, profiles: ReadonlySet<string>): boolean {
  const [plural, first] = path.split('/')
  if (plural === 'networkpolicies') return first === meta.namespace
  return plural === 'profiles' ? profiles.has(first ?? '') : true
}
