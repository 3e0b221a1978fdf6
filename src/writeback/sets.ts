import type {AttributeSet, AttributeSetId, Finding, Member, SiteName, WriteBackConfig} from '../model/index.ts'
import type {Prefix} from '../net/index.ts'
import {objectKey, objectName, objectText, type WrittenObject} from './objects.ts'
import {globalSetLabels, type Labels, labelsDigest, labelsRefused, namespaceSetLabels} from './set-labels.ts'
import {SplitSet} from './split-set.ts'

/** So many addresses one set holds at most: some 10 KB to write when one of them changes. */
const MOST_NETS = 512

/** What became of the members of one prefix; absent where there are none. */
export interface MembersBecame {
  readonly before: readonly Member[] | undefined
  readonly after: readonly Member[] | undefined
}

/** The addresses of one label set of one site, in one namespace or in none. */
interface Group {
  readonly namespace: string | null
  readonly labels: Labels
  readonly name: string
  readonly nets: SplitSet
  /** Attribute sets that lead here. */
  users: number
}

/** What the sets make of one attribute set that members have. */
interface Known {
  readonly groups: readonly string[]
  /** In which sets it is not, and why. */
  readonly refused: string | null
  readonly site: SiteName
  count: number
}

/**
 * The network sets of remote pods and hosts for one datastore, kept up by what changes among the members.
 *
 * Only endpoints: what else a remote site holds (its prefixes, its network sets) covers addresses of endpoints with other
 * labels, and to a Calico policy such a net would give every one of these the labels of the whole (decision 0090).
 */
export class WriteBackSets {
  readonly #local: SiteName
  readonly #most: number
  readonly #namespaces: ReadonlySet<string>
  readonly #known = new Map<AttributeSetId, Known>()
  readonly #groups = new Map<string, Group>()
  /** Parts of groups that are to be printed again. */
  readonly #stale = new Map<string, Set<string>>()
  readonly #texts = new Map<string, string>()

  constructor(local: SiteName, {namespaces}: Pick<WriteBackConfig, 'namespaces'>, most = MOST_NETS) {
    this.#local = local
    this.#most = most
    this.#namespaces = new Set(namespaces)
  }

  /** Takes every change since the last call; `attributes` are those of the World after it. */
  take(changes: ReadonlyMap<Prefix, MembersBecame>, attributes: ReadonlyMap<AttributeSetId, AttributeSet>): void {
    for (const [prefix, {before, after}] of changes) {
      const had = this.#remote(before)
      const has = this.#remote(after)
      // First what comes: a label set that only changes its address is not forgotten in between.
      for (const [id, site] of has) {
        const set = attributes.get(id)
        if (!had.has(id) && set) this.#use(id, site, set)
      }
      // By group, since attribute sets that differ in what a set does not carry (ports, inherited labels) share one.
      const [out, into] = [this.#groupsOf(had.keys()), this.#groupsOf(has.keys())]
      for (const id of into) if (!out.has(id)) this.#touch(id, this.#groups.get(id)!.nets.add(prefix))
      for (const id of out) if (!into.has(id)) this.#touch(id, this.#groups.get(id)!.nets.delete(prefix))
      for (const id of had.keys()) if (!has.has(id)) this.#release(id)
    }
  }

  /** By key, the texts of all sets; a live view. */
  objects(): ReadonlyMap<string, string> {
    for (const [id, paths] of this.#stale) this.#print(id, paths)
    this.#stale.clear()
    return this.#texts
  }

  /** Label sets that Calico would refuse; what has them is in no set with them. */
  findings(source: string): readonly Finding[] {
    return [...this.#known.values()].flatMap(({refused, site, count}) =>
      refused === null
        ? []
        : [
            {
              code: 'write-back-refused' as const,
              severity: 'warning' as const,
              where: {source},
              detail: `${count} address(es) of site ${site} are in no set${refused}`,
              remedy: `change the label in site ${site}`,
            },
          ],
    )
  }

  #remote(members: readonly Member[] | undefined): Map<AttributeSetId, SiteName> {
    const remote = (members ?? []).filter(({site}) => site !== this.#local)
    return new Map(remote.map(({attributes, site}) => [attributes, site]))
  }

  #groupsOf(ids: Iterable<AttributeSetId>): ReadonlySet<string> {
    return new Set([...ids].flatMap((id) => this.#known.get(id)?.groups ?? []))
  }

  #use(id: AttributeSetId, site: SiteName, set: AttributeSet): void {
    if (set.kind !== 'pod' && set.kind !== 'host') return
    const known = this.#known.get(id) ?? this.#meet(site, set)
    known.count++
    this.#known.set(id, known)
  }

  #release(id: AttributeSetId): void {
    const known = this.#known.get(id)
    if (!known || --known.count > 0) return
    this.#known.delete(id)
    for (const group of known.groups) this.#groups.get(group)!.users--
  }

  #meet(site: SiteName, set: AttributeSet): Known {
    const wanted: [namespace: string | null, labels: Labels][] = [[null, globalSetLabels(set, site)]]
    if (set.kind === 'pod' && set.namespace !== null && this.#namespaces.has(set.namespace)) {
      wanted.push([set.namespace, namespaceSetLabels(set, site)])
    }
    const groups: string[] = []
    let refused: string | null = null
    for (const [namespace, labels] of wanted) {
      const reason = labelsRefused(labels)
      if (reason === null) groups.push(this.#join(site, namespace, labels))
      // What the global set may not have, that of a namespace may not have either.
      else refused ??= `${groups.length === 0 ? '' : ` of namespace ${namespace}`}: ${reason}`
    }
    return {groups, refused, site, count: 0}
  }

  #join(site: SiteName, namespace: string | null, labels: Labels): string {
    const name = objectName(site, labelsDigest(labels))
    const id = `${namespace ?? ''}/${name}`
    const group = this.#groups.get(id) ?? {namespace, labels, name, nets: new SplitSet(this.#most), users: 0}
    group.users++
    this.#groups.set(id, group)
    return id
  }

  #touch(group: string, paths: readonly string[]): void {
    if (paths.length === 0) return
    const stale = this.#stale.get(group) ?? new Set()
    this.#stale.set(group, stale)
    for (const path of paths) stale.add(path)
  }

  #print(id: string, paths: ReadonlySet<string>): void {
    const group = this.#groups.get(id)!
    for (const path of paths) {
      const object = objectOf(group, path, group.nets.nets(path))
      if (object.spec.nets.length > 0) this.#texts.set(objectKey(object), objectText(object, this.#local))
      else this.#texts.delete(objectKey(object))
    }
    if (group.users === 0 && group.nets.isEmpty) this.#groups.delete(id)
  }
}

function objectOf(
  {name, namespace, labels}: Group,
  path: string,
  nets: readonly Prefix[],
): WrittenObject & {readonly spec: {readonly nets: readonly Prefix[]}} {
  return {
    kind: namespace === null ? 'GlobalNetworkSet' : 'NetworkSet',
    name: path === '' ? name : `${name}-${path}`,
    ...{namespace, labels},
    spec: {nets},
  }
}
