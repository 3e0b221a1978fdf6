import {
  type AttributeSet,
  type AttributeSetId,
  attributeSetId,
  type Decoded,
  type ExportEntry,
  type GatewayConfig,
  type HostEndpoint,
  type Meta,
  type NetworkSet,
  OWNER_ANNOTATION,
  type Profile,
  type Resource,
  type SiteName,
  type SourceId,
  type WorkloadEndpoint,
} from '../model/index.ts'
import {hostPrefix, type Prefix} from '../net/index.ts'
import {
  attributesFromRemote,
  attributesOfHost,
  attributesOfPrefix,
  attributesOfSet,
  attributesOfWorkload,
  DEFAULT_ALLOW_PROFILE,
  type Place,
} from './attributes.ts'

export interface Labelled {
  readonly set: AttributeSet
  readonly id: AttributeSetId
}

/** What one object is to policy, before ownership: some addresses with one attribute set. */
export interface Holding extends Labelled {
  readonly prefixes: readonly Prefix[]
  readonly names: readonly string[]
}

/** What a record's holding depends on: other records, there or not. */
export type Dependency = `profile:${string}` | `attributes:${string}`

/** Looks up what a holding depends on, within its source. */
export interface Lookup {
  profile(name: string): Profile | undefined
  /** Under the site that the source is of. */
  attributes(id: AttributeSetId): Labelled | undefined
}

/** Written by Isthmus into a Calico tree: never the site's own. */
export const isWrittenByUs = (meta: Meta): boolean => Object.hasOwn(meta.annotations, OWNER_ANNOTATION)

/** The names of other records that decide about this one, whether they are there or not. */
export function dependenciesOf(record: Decoded): Dependency[] {
  if (record.type === 'export') {
    return record.entry.kind === 'endpoint' ? [`attributes:${record.entry.attributes}`] : []
  }
  if (record.type !== 'resource') return []
  const {resource} = record
  // Holds nothing, so nothing decides about it.
  if ('meta' in resource && isWrittenByUs(resource.meta)) return []
  if (resource.kind === 'WorkloadEndpoint' || resource.kind === 'HostEndpoint') {
    return [...new Set(listedProfiles(resource))].map((name): Dependency => `profile:${name}`)
  }
  const namespace = resource.kind === 'NetworkSet' ? resource.meta.namespace : null
  return namespace === null ? [] : [`profile:kns.${namespace}`]
}

const listedProfiles = (endpoint: WorkloadEndpoint | HostEndpoint): string[] =>
  endpoint.profiles.filter((name) => name !== DEFAULT_ALLOW_PROFILE)

/** What a record of the own site's datastores holds; null: it is no endpoint, or not the site's own. */
export function holdingOfResource(resource: Resource, lookup: Lookup, place: Place): Holding | null {
  const profilesOf = (names: readonly string[]): Profile[] => names.flatMap((name) => lookup.profile(name) ?? [])
  switch (resource.kind) {
    case 'WorkloadEndpoint':
    case 'HostEndpoint': {
      if (isWrittenByUs(resource.meta) || resource.addresses.length === 0) return null
      const profiles = profilesOf(listedProfiles(resource))
      const pod = resource.kind === 'WorkloadEndpoint'
      const set = pod ? attributesOfWorkload(resource, profiles, place) : attributesOfHost(resource, profiles, place)
      const name = pod ? `${resource.meta.namespace}/${resource.pod}` : resource.meta.name
      return holding(set, resource.addresses.map(hostPrefix), [name])
    }
    case 'NetworkSet':
      return isWrittenByUs(resource.meta)
        ? null
        : holdingOfSet(resource, profilesOf([`kns.${resource.meta.namespace}`]))
    case 'StaticPrefix':
      return holding(attributesOfPrefix(resource.meta.labels, place.site), [resource.prefix], [resource.meta.name])
    default:
      return null
  }
}

function holdingOfSet(set: NetworkSet, profiles: readonly Profile[]): Holding | null {
  const {name, namespace} = set.meta
  if (set.nets.length === 0) return null
  const attributes = attributesOfSet(set, namespace === null ? [] : profiles)
  return holding(attributes, set.nets, [namespace === null ? name : `${namespace}/${name}`])
}

/** What a record of a remote export holds. A membership waits until its attribute set is there. */
export function holdingOfEntry(entry: ExportEntry, lookup: Lookup, site: SiteName): Holding | null {
  if (entry.kind === 'resource' && entry.resource.kind === 'NetworkSet') {
    const own = holdingOfSet(entry.resource, [])
    return own && holding(attributesFromRemote(own.set, site), own.prefixes, own.names)
  }
  if (entry.kind !== 'endpoint') return null
  const said = lookup.attributes(entry.attributes)
  if (said === undefined) return null
  return {...said, prefixes: [entry.prefix], names: [...new Set(entry.names)].sort()}
}

function holding(set: AttributeSet, prefixes: readonly Prefix[], names: readonly string[]): Holding {
  return {set, id: attributeSetId(set), prefixes: [...new Set(prefixes)], names}
}

export interface ConfiguredHolding {
  readonly site: SiteName
  readonly source: SourceId
  readonly holder: string
  readonly derived: boolean
  readonly holding: Holding
}

/** What the configuration itself makes members: every site's grants, and the static prefixes here. */
export function configuredHoldings(
  config: GatewayConfig,
  grantedTo: (site: SiteName) => readonly Prefix[],
): ConfiguredHolding[] {
  const home = config.datastores.find((datastore) => datastore.export) ?? config.datastores[0]
  const local: SourceId = `datastore/${home?.name ?? 'config'}`
  const grants = [config.site, ...config.sites.keys()].map((site) => ({
    site,
    source: site === config.site ? local : (`export/${site}` as const),
    holder: `config owns ${site}`,
    derived: true,
    holding: holding(attributesOfPrefix({}, site), grantedTo(site), []),
  }))
  const statics = config.static.map((entry) => ({
    site: config.site,
    source: local,
    holder: `config static ${entry.prefix}`,
    derived: false,
    holding: holding(attributesOfPrefix(entry.labels, config.site), [entry.prefix], [entry.prefix]),
  }))
  return [...grants, ...statics]
}
