import {
  type Decoded,
  type DecodedResource,
  type Finding,
  type GlobalPolicies,
  type Policy,
  type Root,
  SCOPE_ANNOTATION,
  type SiteName,
  type SourceId,
  type Tier,
} from '../model/index.ts'
import {isWrittenByUs} from './holding.ts'

/** A tier or policy with where it stands. Those of a remote export count as of its isthmus root. */
export interface GlobalDocument {
  readonly site: SiteName
  readonly source: SourceId
  readonly key: string
  readonly root: Root
  readonly resource: Policy | Tier
  readonly path: string
  readonly document: string
}

/** Of the own site's trees, and of what others export. */
export function globalDocuments(
  records: Iterable<{readonly source: SourceId; readonly site: SiteName; readonly record: Decoded}>,
  local: SiteName,
): GlobalDocument[] {
  const documents: GlobalDocument[] = []
  for (const {source, site, record} of records) {
    if (record.type === 'resource' && site === local && isGlobalDocument(record.resource)) {
      const {key, root, resource, path, document} = record
      documents.push({site, source, key, root, resource, path, document: document ?? ''})
    }
    if (record.type === 'export' && site !== local && record.entry.kind === 'resource') {
      const {resource, path, document} = record.entry
      if (isGlobalDocument(resource)) {
        documents.push({site, source, key: record.key, root: 'isthmus', resource, path, document})
      }
    }
  }
  return documents
}

export interface ResolvedPolicies {
  readonly policies: GlobalPolicies
  readonly staged: readonly Policy[]
  /** The local site's own, for its export. */
  readonly documents: ReadonlyMap<string, string>
  /** Whose each that counts is, by `KIND NAME`. */
  readonly authorities: ReadonlyMap<string, SiteName>
  readonly findings: readonly Finding[]
}

const builtInTier = (name: string, order: number, defaultAction: Tier['defaultAction']): Tier => ({
  kind: 'Tier',
  meta: {name, namespace: null, labels: {}, annotations: {}},
  order,
  defaultAction,
})

/** There without being stored (calico-model 4.1). */
const BUILT_IN_TIERS: readonly Tier[] = [
  builtInTier('kube-admin', 1_000, 'Pass'),
  builtInTier('default', 1_000_000, 'Deny'),
  builtInTier('kube-baseline', 10_000_000, 'Pass'),
]

/**
 * The one global policy: which document of each kind and name counts.
 *
 * Within a site the isthmus root wins over Calico's tree, the earlier datastore over the later; between sites the
 * earlier authority. A loser that says something else is a conflict that is shown; a legacy name beside its renamed
 * twin is one policy (calico-model 1.3). Calico's tree gives only what is annotated as global, and its tiers.
 */
export function resolvePolicies(
  documents: Iterable<GlobalDocument>,
  local: SiteName,
  authorities: readonly SiteName[],
  sources: readonly SourceId[],
): ResolvedPolicies {
  const bySite = Map.groupBy(documents, ({site}) => site)
  const findings: Finding[] = []
  const perSite = new Map<SiteName, ReadonlyMap<string, GlobalDocument>>()
  for (const site of [...bySite.keys()].sort()) {
    const own = globalOnes(bySite.get(site)!).sort((a, b) => compareWithinSite(a, b, sources))
    const winners = pick(own, findings)
    perSite.set(site, winners)
    if (winners.size > 0 && !authorities.includes(site)) findings.push(notAuthority(site, winners, local, authorities))
  }
  const winners = pick(
    authorities.flatMap((site) => [...(perSite.get(site)?.values() ?? [])]),
    findings,
  )
  const resources = [...winners].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry.resource)
  const stored = resources.filter((resource) => resource.kind === 'Tier')
  const builtIn = new Set(BUILT_IN_TIERS.map((tier) => tier.meta.name))
  // A built-in tier has a good version without being stored.
  const tiers = stored.filter((tier) => !(tier.refused && builtIn.has(tier.meta.name)))
  const names = new Set(tiers.map((tier) => tier.meta.name))
  const refused = new Set(tiers.flatMap((tier) => (tier.refused ? [tier.meta.name] : [])))
  const policies = resources
    .filter((resource) => resource.kind !== 'Tier')
    .map((policy): Policy => (refused.has(policy.tier) ? {...policy, refused: true} : policy))
  findings.push(...missingTiers(winners.values(), new Set([...names, ...builtIn])))
  return {
    policies: {
      tiers: [...BUILT_IN_TIERS.filter((tier) => !names.has(tier.meta.name)), ...tiers].sort((a, b) =>
        a.meta.name < b.meta.name ? -1 : 1,
      ),
      policies: policies.filter((policy) => policy.kind === 'GlobalNetworkPolicy'),
    },
    staged: policies.filter((policy) => policy.kind === 'StagedGlobalNetworkPolicy'),
    documents: new Map(
      [...(perSite.get(local)?.values() ?? [])]
        .map((entry): [string, string] => [entry.path, entry.document])
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    ),
    authorities: new Map([...winners].map(([name, {site}]) => [name, site])),
    findings,
  }
}

/** Everything under the isthmus root; of Calico's tree what says so of itself and was not put there by us. */
export const isGlobalPolicy = (root: Root, {kind, meta}: Policy): boolean =>
  kind.endsWith('GlobalNetworkPolicy') &&
  (root === 'isthmus' || (meta.annotations[SCOPE_ANNOTATION] === 'global' && !isWrittenByUs(meta)))

/** Of Calico's tree: policies that say so, and the tiers of its datastore that these are in. */
function globalOnes(documents: readonly GlobalDocument[]): GlobalDocument[] {
  const policies = documents.filter(({root, resource}) => resource.kind !== 'Tier' && isGlobalPolicy(root, resource))
  const used = new Set(
    policies.flatMap(({root, source, resource}) =>
      root === 'calico' && resource.kind !== 'Tier' ? [`${source} ${resource.tier}`] : [],
    ),
  )
  const tiers = documents.filter(
    ({root, source, resource}) =>
      resource.kind === 'Tier' && (root === 'isthmus' || used.has(`${source} ${resource.meta.name}`)),
  )
  return [...policies, ...tiers]
}

/** Who comes first: the isthmus root, then the order of the datastores, then the renamed one of two twins. */
function compareWithinSite(a: GlobalDocument, b: GlobalDocument, sources: readonly SourceId[]): number {
  if (a.root !== b.root) return a.root === 'isthmus' ? -1 : 1
  const source = sources.indexOf(a.source) - sources.indexOf(b.source)
  if (source !== 0) return source
  const legacy = Number(isLegacy(a)) - Number(isLegacy(b))
  return legacy !== 0 ? legacy : a.key < b.key ? -1 : 1
}

const isLegacy = ({resource}: GlobalDocument): boolean =>
  resource.kind !== 'Tier' && resource.keyName !== resource.meta.name

/** The first of each kind and name; a later one that differs is shown. */
function pick(ordered: readonly GlobalDocument[], findings: Finding[]): Map<string, GlobalDocument> {
  const winners = new Map<string, GlobalDocument>()
  for (const entry of ordered) {
    const name = `${entry.resource.kind} ${entry.resource.meta.name}`
    const winner = winners.get(name)
    if (!winner) winners.set(name, entry)
    else if (!isTwin(winner, entry) && specText(winner) !== specText(entry))
      findings.push(conflict(name, winner, entry))
  }
  return winners
}

/** Both names of one policy in one tree: there for a moment while kube-controllers renames. */
const isTwin = (a: GlobalDocument, b: GlobalDocument): boolean =>
  a.source === b.source && a.root === b.root && isLegacy(a) !== isLegacy(b)

/** Everything but names, labels and annotations. Decoders build fields in one order, so equal specs are equal text. */
function specText({resource}: GlobalDocument): string {
  return JSON.stringify(resource, (key, value: unknown) => (key === 'meta' || key === 'keyName' ? undefined : value))
}

function conflict(name: string, winner: GlobalDocument, loser: GlobalDocument): Finding {
  const place = ({site, root, key}: GlobalDocument): string => `site ${site} (${root} tree, ${key})`
  return {
    code: 'policy-conflict',
    severity: 'warning',
    where: {source: loser.source.replace('/', ' '), key: loser.key},
    detail: `${name} of ${place(loser)} differs from that of ${place(winner)}, which counts`,
    remedy: 'delete or rename one of them',
    conflict: {
      over: name,
      sides: [winner, loser].map(({site, key, source}) => ({site, says: `${key} (${source})`})),
      firstCounts: true,
    },
  }
}

/** They are in force all the same (calico-model 4.1), where perhaps nobody meant them to be. */
function missingTiers(entries: Iterable<GlobalDocument>, known: ReadonlySet<string>): Finding[] {
  const first = new Map<string, {entry: GlobalDocument; count: number}>()
  for (const entry of entries) {
    if (entry.resource.kind === 'Tier' || known.has(entry.resource.tier)) continue
    const seen = first.get(entry.resource.tier)
    first.set(entry.resource.tier, {entry: seen?.entry ?? entry, count: (seen?.count ?? 0) + 1})
  }
  return [...first]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([tier, {entry, count}]) => ({
      code: 'tier-missing',
      severity: 'warning',
      where: {source: entry.source.replace('/', ' '), key: entry.key, field: 'spec.tier'},
      detail: `tier ${tier} of ${count} policies does not exist: they come after all tiers that do, and what they select is denied unless a rule of theirs decides`,
      remedy: `store the tier, or name another`,
    }))
}

function notAuthority(
  site: SiteName,
  winners: ReadonlyMap<string, GlobalDocument>,
  local: SiteName,
  authorities: readonly SiteName[],
): Finding {
  const [first] = winners.values()
  const says = `has ${winners.size} global document(s), such as ${first!.key}`
  return {
    code: 'policy-not-authority',
    severity: 'info',
    where: {source: first!.source.replace('/', ' ')},
    detail: `site ${site} is no authority: its ${winners.size} global document(s) do not count here`,
    remedy: `name ${site} in authorities, or delete them there`,
    conflict: {
      over: `global policies of site ${site}`,
      sides: [
        {site: local, says: `takes them from ${authorities.join(', ')} only`},
        {site, says},
      ],
      firstCounts: true,
    },
  }
}

export const isGlobalDocument = (resource: DecodedResource['resource']): resource is GlobalDocument['resource'] =>
  resource.kind === 'Tier' || resource.kind === 'GlobalNetworkPolicy' || resource.kind === 'StagedGlobalNetworkPolicy'
