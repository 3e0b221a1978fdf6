import {
  type AttributeSet,
  type AttributeSetId,
  attributeSetId,
  type Decoded,
  type Profile,
  type SiteName,
  type SourceId,
} from '../model/index.ts'
import {attributesFromRemote} from './attributes.ts'
import type {Dependency, Labelled, Lookup} from './holding.ts'

/** Profiles and remote attribute sets: what other records get their labels from. */
export class LabelStore {
  readonly #profiles = new Map<string, Profile>()
  readonly #attributes = new Map<SourceId, Map<string, Labelled>>()
  /** Grows with each change of an attribute set. */
  #revision = 0

  /** Takes a record in or out; answers the dependency that it fulfils, if any. */
  note(source: SourceId, site: SiteName, record: Decoded, there: boolean): Dependency | null {
    if (record.type === 'resource' && record.resource.kind === 'Profile') {
      const {name} = record.resource.meta
      const key = `${source} ${record.root} ${name}`
      if (there) this.#profiles.set(key, record.resource)
      else this.#profiles.delete(key)
      return `profile:${name}`
    }
    if (record.type === 'export' && record.entry.kind === 'attributes') {
      const {id, set} = record.entry
      // One set serves thousands of addresses: relabelled and hashed once.
      const own = this.#attributes.get(source) ?? new Map<string, Labelled>()
      this.#attributes.set(source, own)
      this.#revision++
      if (there) own.set(id, labelled(attributesFromRemote(set, site)))
      else own.delete(id)
      return `attributes:${id}`
    }
    return null
  }

  get revision(): number {
    return this.#revision
  }

  has(source: SourceId, dependency: Dependency): boolean {
    const name = dependency.slice(dependency.indexOf(':') + 1)
    return dependency.startsWith('profile:')
      ? this.#profileOf(source, name) !== undefined
      : (this.#attributes.get(source)?.has(name) ?? false)
  }

  of(source: SourceId): Lookup {
    return {
      profile: (name) => this.#profileOf(source, name),
      attributes: (id) => this.attributes(source, id),
    }
  }

  attributes(source: SourceId, id: AttributeSetId): Labelled | undefined {
    return this.#attributes.get(source)?.get(id)
  }

  /** Calico's own before one of the same name under the isthmus root: namespaces are Calico's. */
  #profileOf(source: SourceId, name: string): Profile | undefined {
    return this.#profiles.get(`${source} calico ${name}`) ?? this.#profiles.get(`${source} isthmus ${name}`)
  }
}

const labelled = (set: AttributeSet): Labelled => ({set, id: attributeSetId(set)})
