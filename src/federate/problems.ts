import {
  type AttributeSetId,
  brief,
  type Finding,
  type FindingCode,
  type SiteName,
  type SourceId,
} from '../model/index.ts'
import {isHostPrefix, type Prefix, prefixAddress} from '../net/index.ts'
import type {Dependency} from './holding.ts'
import type {Hold} from './members.ts'
import type {Ownership} from './ownership.ts'

/** How many findings of one sort are named; of the rest only the number is said. */
const NAMED = 20

/** Something that ownership refused. */
export interface Refusal {
  readonly code: FindingCode
  readonly site: SiteName
  readonly source: SourceId
  readonly key: string
  readonly prefix: Prefix
  readonly names: readonly string[]
}

const where = (source: SourceId, key?: string): Finding['where'] => ({
  source: source.replace('/', ' '),
  ...(key === undefined ? {} : {key: brief(key)}),
})

/** Of what one address has of something. */
export const FEW = 3

/** The first of some names, which are anybody's. */
const namesText = (names: readonly string[]): string => listed(names, ', ')

export function listed(texts: readonly string[], separator: string): string {
  const more = texts.length > FEW ? [`${texts.length - FEW} more`] : []
  return brief([...texts.slice(0, FEW), ...more].join(separator))
}

/**
 * The first few of many, whatever the order they came in.
 *
 * A site that suddenly claims 100,000 foreign addresses must not make 100,000 findings, nor a sort of them at each event.
 */
function smallest<T>(items: Iterable<T>, isBefore: (a: T, b: T) => boolean): {named: T[]; more: number} {
  const named: T[] = []
  let total = 0
  for (const item of items) {
    total++
    if (named.length === NAMED && !isBefore(item, named.at(-1)!)) continue
    const at = named.findIndex((other) => isBefore(item, other))
    named.splice(at < 0 ? named.length : at, 0, item)
    if (named.length > NAMED) named.pop()
  }
  return {named, more: total - named.length}
}

const byKey =
  <T>(keyOf: (item: T) => string) =>
  (a: T, b: T): boolean =>
    keyOf(a) < keyOf(b)

/** The other side of a refusal: who owns the address, or else the configuration, which grants it to nobody. */
function contest(
  {site, source, prefix, names}: Refusal,
  over: string,
  ownership: Ownership,
): Required<Pick<Finding, 'remedy' | 'conflict'>> {
  const rival = ownership.rivalOf(site, prefix)
  const owner = rival
    ? {site: rival.site, says: `owns ${rival.prefix}`}
    : {site, says: `is granted ${ownership.grantedTo(site).join(', ') || 'nothing'}`}
  const remedy = rival
    ? `take the address out of site ${site}, or grant its prefix to one site only`
    : `grant its prefix to site ${site} (owns), or take the address out there`
  return {
    remedy,
    conflict: {over, sides: [owner, {site, says: `${namesText(names) || 'a prefix'} (${source})`}], firstCounts: true},
  }
}

export function refusalFindings(
  refusals: ReadonlyMap<SiteName, ReadonlyMap<string, readonly Refusal[]>>,
  ownership: Ownership,
): Finding[] {
  return [...refusals]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([site, byHolder]) => {
      const all = [...byHolder.values()].flat()
      const {named, more} = smallest(
        all,
        byKey(({source, key, prefix}) => `${source} ${key} ${prefix}`),
      )
      const findings = named.map((refusal): Finding => {
        const what = isHostPrefix(refusal.prefix) ? prefixAddress(refusal.prefix) : refusal.prefix
        return {
          code: refusal.code,
          severity: 'warning',
          where: where(refusal.source, refusal.key),
          detail: `${what} of ${namesText(refusal.names) || 'a prefix'} is outside the prefixes of site ${site}; refused`,
          ...contest(refusal, what, ownership),
        }
      })
      const rest: Finding = {
        code: named[0]?.code ?? 'endpoint-not-owned',
        severity: 'warning',
        where: {source: `site ${site}`},
        detail: `${more} more of site ${site} refused like these`,
      }
      return more > 0 ? [...findings, rest] : findings
    })
}

/** Of each sort that there is of one source the first few, in the order in which they stand. */
export function firstFindings(findings: readonly Finding[]): Finding[] {
  const sorts = Map.groupBy(findings, ({code, where: {source}}) => `${code} ${source}`)
  return [...sorts.values()].flatMap((all): Finding[] => {
    const {code, severity, where: place} = all[0]!
    const detail = `${all.length - NAMED} more like these of ${place.source}`
    const rest: Finding = {code, severity, where: {source: place.source}, detail}
    return all.length > NAMED ? [...all.slice(0, NAMED), rest] : all
  })
}

interface Told {
  readonly key: string
  /** Among those of its record. */
  readonly at: number
  readonly finding: Finding
}

const isBefore = (a: Told, b: Told): boolean => (a.key === b.key ? a.at < b.at : a.key < b.key)

/** Of one source: what decode and `refused.ts` found, by key; of each sort the first few. A hostile one has very many. */
export function recordFindings(source: string, found: ReadonlyMap<string, readonly Finding[]>): Finding[] {
  const all = [...found].flatMap(([key, findings]) => findings.map((finding, at): Told => ({key, at, finding})))
  const sorts = [...Map.groupBy(all, ({finding}) => finding.code)].map(([code, told]) => {
    const {named, more} = smallest(told, isBefore)
    const severity = told.some(({finding}) => finding.severity === 'error') ? 'error' : told[0]!.finding.severity
    return {
      named,
      more,
      rest: {code, severity, where: {source}, detail: `${more} more like these in records of ${source}`},
    }
  })
  const told = sorts.flatMap(({named}) => named).sort((a, b) => (isBefore(a, b) ? -1 : 1))
  const rest = sorts.flatMap(({more, rest}): Finding[] => (more > 0 ? [rest] : []))
  return [...told.map(({finding}) => finding), ...rest.sort((a, b) => (a.code < b.code ? -1 : 1))]
}

export function duplicateFindings(duplicates: ReadonlyMap<Prefix, readonly Hold[]>): Finding[] {
  const {named, more} = smallest(
    duplicates,
    byKey(([prefix]) => prefix),
  )
  const findings = named.map(([prefix, [winner, ...losers]]): Finding => {
    const say = (hold: Hold): string => `${namesText(hold.names) || hold.id} (${hold.source})`
    return {
      code: 'address-duplicate',
      severity: 'warning',
      where: where(winner!.source),
      detail: `${prefixAddress(prefix)} is held by ${listed([winner!, ...losers].map(say), ' and ')}; the first, written last, counts`,
      remedy: 'delete the endpoint that is gone, or give each cluster of the site pools of its own',
      conflict: {
        over: prefixAddress(prefix),
        sides: [winner!, ...losers].slice(0, FEW).map((hold) => ({site: hold.site, says: say(hold)})),
        firstCounts: true,
      },
    }
  })
  const detail = `${more} more addresses with several endpoints`
  const rest: Finding = {code: 'address-duplicate', severity: 'warning', where: {source: 'members'}, detail}
  return more > 0 ? [...findings, rest] : findings
}

/** Profiles and attribute sets that records name and that are not there. */
export function missingFindings(
  missing: Iterable<{source: SourceId; dependency: Dependency; users: number; first: string}>,
): Finding[] {
  const {named, more} = smallest(
    missing,
    byKey(({source, dependency}) => `${source} ${dependency}`),
  )
  const findings = named.map(({source, dependency, users, first}): Finding => {
    const [sort, name] = [dependency.slice(0, dependency.indexOf(':')), dependency.slice(dependency.indexOf(':') + 1)]
    return sort === 'profile'
      ? {
          code: 'profile-missing',
          severity: 'warning',
          where: where(source, first),
          detail: `profile ${name} is named by ${users} endpoint(s) and does not exist: it gives no labels`,
        }
      : {
          code: 'attributes-missing',
          severity: 'warning',
          where: where(source, first),
          detail: `attribute set ${name as AttributeSetId} has ${users} member(s) and does not exist: they do not count`,
        }
  })
  const rest: Finding = {
    code: 'profile-missing',
    severity: 'warning',
    where: {source: 'members'},
    detail: `${more} more profiles or attribute sets are missing`,
  }
  return more > 0 ? [...findings, rest] : findings
}

/** Endpoints, prefixes and set nets that ownership refused, by site. */
export function countRefusals(
  refused: ReadonlyMap<SiteName, ReadonlyMap<string, readonly Refusal[]>>,
): ReadonlyMap<SiteName, number> {
  const sites = [...refused].sort(([a], [b]) => (a < b ? -1 : 1))
  const count = (holders: ReadonlyMap<string, readonly Refusal[]>): number =>
    holders.values().reduce((total, refusals) => total + refusals.length, 0)
  return new Map(sites.map(([site, holders]) => [site, count(holders)]))
}
