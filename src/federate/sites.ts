import {
  type Decoded,
  type ExportEntry,
  type Finding,
  type GatewayConfig,
  type GatewayName,
  type GatewayRecord,
  isTakenOut,
  type Presence,
  type SiteName,
  type SiteOverlap,
  type SiteView,
  type Uplink,
} from '../model/index.ts'
import {
  type Address,
  comparePrefixes,
  type Prefix,
  prefixContains,
  prefixContainsAddress,
  seenPrefix,
} from '../net/index.ts'
import type {Ownership} from './ownership.ts'
import {FEW, firstFindings, listed} from './problems.ts'

/** What a site's export says of the site itself. */
export interface SiteReport {
  readonly meta: Extract<ExportEntry, {kind: 'meta'}> | null
  readonly site: Extract<ExportEntry, {kind: 'site'}> | null
  readonly gateways: readonly GatewayRecord[]
}

/** What the records of each site say of the site, and the static prefixes that our own datastores hold. */
export function reportsOf(records: Iterable<{readonly site: SiteName; readonly record: Decoded}>): {
  readonly reports: ReadonlyMap<SiteName, SiteReport>
  readonly statics: readonly Prefix[]
} {
  const reports = new Map<SiteName, SiteReport>()
  const statics: Prefix[] = []
  for (const {site, record} of records) {
    if (record.type === 'resource' && record.resource.kind === 'StaticPrefix') statics.push(record.resource.prefix)
    if (record.type !== 'export') continue
    const {entry} = record
    const report = reports.get(site) ?? {meta: null, site: null, gateways: []}
    if (entry.kind === 'meta') reports.set(site, {...report, meta: entry})
    if (entry.kind === 'site') reports.set(site, {...report, site: entry})
    if (entry.kind === 'gateway') {
      const others = report.gateways.filter((gateway) => gateway.name !== entry.gateway.name)
      reports.set(site, {...report, gateways: [...others, entry.gateway]})
    }
  }
  return {reports, statics}
}

/**
 * Every site as the interconnect sees it. A remote one's prefixes are those it announces *and* is granted; its
 * gateways' inner addresses those that lie in the interconnect's range and are nobody else's.
 */
export function viewSites(
  config: GatewayConfig,
  ownership: Ownership,
  reports: ReadonlyMap<SiteName, SiteReport>,
  statics: readonly Prefix[],
  presences: ReadonlyMap<SiteName, Presence>,
): {sites: ReadonlyMap<SiteName, SiteView>; findings: readonly Finding[]} {
  const findings: Finding[] = [...config.unconnected.map(notConnected), ...ownership.findings]
  const gateways = new Map<SiteName, readonly GatewayRecord[]>()
  const twins = (reports.get(config.site)?.gateways ?? []).filter((gateway) => gateway.name !== config.gateway)
  gateways.set(config.site, byName([selfRecord(config), ...twins]))
  for (const {name} of twins) if (name !== config.twin) findings.push(twinNotNamed(config, name))
  for (const site of [...config.sites.keys()].sort()) {
    const report = reports.get(site)
    const said = byName(report && isOwn(report, site) ? report.gateways : [])
    if (said.length > MOST_GATEWAYS) findings.push(tooManyGateways(site, said.length))
    gateways.set(site, said.slice(0, MOST_GATEWAYS))
  }
  const checked = checkInnerAddresses(config, gateways, findings)

  const sites = new Map<SiteName, SiteView>()
  const own = statics.filter((prefix) => ownership.ownerOf(prefix) === config.site)
  sites.set(config.site, {
    name: config.site,
    as: config.as,
    granted: sorted(ownership.grantedTo(config.site)),
    prefixes: sorted([...ownership.grantedTo(config.site), ...own]),
    infrastructure: sorted(config.infrastructure),
    translations: [],
    gateways: checked.get(config.site)!,
    presence: 'open',
  })
  for (const name of [...config.sites.keys()].sort()) {
    const said = reports.get(name)
    const report = said && isOwn(said, name) ? said : null
    if (said?.meta && !report) findings.push(wrongSite(name, said.meta.site))
    const {translations} = config.sites.get(name)!
    const admitted = (report?.site?.prefixes ?? []).flatMap((prefix) => {
      const seen = seenPrefix(translations, prefix)
      if (seen !== null && ownership.ownerOf(seen) === name) return [seen]
      findings.push(notGranted(name, prefix, seen, config, ownership))
      return []
    })
    const presence = presences.get(name) ?? 'open'
    sites.set(name, {
      name,
      as: report?.site?.as ?? null,
      granted: sorted(ownership.grantedTo(name)),
      prefixes: isTakenOut(presence) ? [] : sorted(admitted),
      infrastructure: sorted(report?.site?.infrastructure ?? []),
      translations,
      gateways: checked.get(name)!,
      presence,
    })
  }
  return {sites, findings: firstFindings(findings)}
}

/** Of one remote site: each has its tunnels here. */
const MOST_GATEWAYS = 16

const tooManyGateways = (site: SiteName, count: number): Finding => ({
  code: 'document-too-large',
  severity: 'error',
  where: exportOf(site),
  detail: `site ${site} has ${count} gateways; the first ${MOST_GATEWAYS} by name count`,
  remedy: `have those that are gone removed from site ${site}'s export`,
})

/** Not another site's: then nothing of it counts, or the other's gateways were two sites', and its policies this one's. */
const isOwn = ({meta}: SiteReport, name: SiteName): boolean => meta === null || meta.site === name

/** This gateway, as its configuration has it; what it offers is the tunnels' business. */
function selfRecord(config: GatewayConfig): GatewayRecord {
  const uplinks = config.uplinks.map(({name, address, public: outside, inner}) => ({
    name,
    address,
    public: outside,
    inner,
  }))
  return {name: config.gateway, uplinks, tunnels: new Map()}
}

const byName = (gateways: readonly GatewayRecord[]): GatewayRecord[] =>
  [...gateways].sort((a, b) => (a.name < b.name ? -1 : 1))

const sorted = (prefixes: readonly Prefix[]): Prefix[] => [...new Set(prefixes)].sort(comparePrefixes)

const exportOf = (site: SiteName): {source: string} => ({source: `export ${site}`})

/** Said as long as it is so: the configuration's own warning is read only by who checks it. */
function notConnected({site, prefix, earlier}: SiteOverlap): Finding {
  return {
    code: 'prefix-conflict',
    severity: 'error',
    where: {source: 'config', field: `sites.${site}.owns`},
    detail: `site ${site} is not connected: its ${prefix} overlaps site ${earlier.site}'s ${earlier.prefix}, which stands before it`,
    remedy: `grant the prefix to one of them, or see ${site} under another one: sites.${site}.translate`,
    conflict: {
      over: prefix,
      sides: [earlier, {site, prefix}].map((side) => ({site: side.site, says: `is granted ${side.prefix}`})),
      firstCounts: true,
    },
  }
}

/** Whose states come from whom is conntrackd's configuration, which nobody sees from here; so it is said in any case. */
function twinNotNamed({site, gateway, twin}: GatewayConfig, other: GatewayName): Finding {
  const named = twin === null ? 'names no twin' : `names ${twin} as its twin`
  return {
    code: 'twin-not-named',
    severity: 'warning',
    where: exportOf(site),
    detail: `site ${site} has gateway ${other} too, and ${gateway} ${named}: they must not share flow states`,
    remedy: `give \`twin: ${other}\` here and \`twin: ${gateway}\` there; only two gateways can share states`,
  }
}

function wrongSite(name: SiteName, said: SiteName): Finding {
  return {
    code: 'record-name-mismatch',
    severity: 'error',
    where: {...exportOf(name), key: '/isthmus/v1/export/meta', field: 'site'},
    detail: `the export at site ${name}'s endpoints says that it is site ${said}'s: nothing of it counts`,
    remedy: `correct sites.${name}.endpoints`,
  }
}

/** A prefix of another site's is a conflict of two; any other merely was not granted. The rightful owner keeps it. */
function notGranted(
  site: SiteName,
  prefix: Prefix,
  seen: Prefix | null,
  config: GatewayConfig,
  ownership: Ownership,
): Finding {
  const where = {...exportOf(site), key: '/isthmus/v1/export/site', field: 'prefixes'}
  const said = {site, says: `announces ${prefix}`}
  if (seen === null) {
    const {real} = config.sites.get(site)!.translations.find((one) => prefixContains(one.seen, prefix))!
    const detail = `site ${site} announces ${prefix}, by which its own ${real} is known here; refused`
    const sides = [{site: config.site, says: `knows site ${site}'s ${real} by it`}, said]
    const conflict = {over: prefix, sides, firstCounts: true}
    return {
      code: 'prefix-conflict',
      severity: 'error',
      where,
      detail,
      remedy: `correct sites.${site}.translate`,
      conflict,
    }
  }
  const rival = ownership.rivalOf(site, prefix)
  if (rival) {
    const detail = `site ${site} announces ${prefix}, which overlaps what is granted to site ${rival.site}; refused`
    const remedy = `correct owns in site ${site}, or what is granted here: sites.${site}.owns and site ${rival.site}'s`
    const sides = [{site: rival.site, says: `is granted ${rival.prefix}`}, said]
    const conflict = {over: prefix, sides, firstCounts: true}
    return {code: 'prefix-conflict', severity: 'error', where, detail, remedy, conflict}
  }
  const detail = `site ${site} announces ${prefix}, which is not granted to it; refused`
  const grants = ownership.grantedTo(site).join(', ') || 'nothing'
  const conflict = {over: prefix, sides: [{site: config.site, says: `grants it ${grants}`}, said], firstCounts: true}
  return {
    code: 'prefix-not-granted',
    severity: 'warning',
    where,
    detail,
    remedy: `add it to sites.${site}.owns`,
    conflict,
  }
}

/**
 * Takes inner addresses away from uplinks that may not have them: a family's pair goes as a whole, since its two
 * addresses are slots by position. Of a duplicate our own site keeps the address; between two remotes both lose it.
 */
function checkInnerAddresses(
  config: GatewayConfig,
  gateways: ReadonlyMap<SiteName, readonly GatewayRecord[]>,
  findings: Finding[],
): Map<SiteName, readonly GatewayRecord[]> {
  type Holder = {site: SiteName; gateway: GatewayName; uplink: string}
  const holders = new Map<Address, Holder[]>()
  for (const [site, records] of gateways) {
    for (const {name, uplinks} of records) {
      for (const uplink of uplinks) {
        for (const address of [...uplink.inner[4], ...uplink.inner[6]]) {
          holders.set(address, [...(holders.get(address) ?? []), {site, gateway: name, uplink: uplink.name}])
        }
      }
    }
  }
  const say = ({site, gateway, uplink}: Holder): string => `${site}/${gateway}/${uplink}`
  const refused = new Set<string>()
  for (const [address, [first, ...rivals]] of [...holders].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const all = [first!, ...rivals]
    const inRange = config.interconnect.some((prefix) => prefixContainsAddress(prefix, address))
    if (rivals.length === 0 && inRange) continue
    const detail = inRange
      ? `inner address ${address} is claimed by ${listed(all.map(say), ' and ')}`
      : `inner address ${address} of ${say(first!)} is outside interconnect ${config.interconnect.join(', ')}`
    const ours = all.filter(({site}) => site === config.site)
    const sides = [...ours, ...all.filter(({site}) => site !== config.site)]
    findings.push({
      code: 'inner-address-conflict',
      severity: 'error',
      where: exportOf(all.at(-1)!.site),
      detail,
      remedy: 'give each uplink inner addresses of its own, inside interconnect',
      conflict: {
        over: address,
        sides: sides.slice(0, FEW).map((holder) => ({site: holder.site, says: `uplink ${say(holder)}`})),
        firstCounts: inRange && ours.length > 0,
      },
    })
    for (const holder of all) if (holder.site !== config.site) refused.add(`${say(holder)} ${address}`)
  }
  const clean = (site: SiteName, gateway: GatewayName, uplink: Uplink): Uplink => {
    const keep = (pair: readonly Address[]): readonly Address[] =>
      pair.some((address) => refused.has(`${site}/${gateway}/${uplink.name} ${address}`)) ? [] : pair
    return {...uplink, inner: {4: keep(uplink.inner[4]), 6: keep(uplink.inner[6])}}
  }
  return new Map(
    [...gateways].map(([site, records]) => [
      site,
      records.map((record) => ({
        ...record,
        uplinks: record.uplinks.map((uplink) => clean(site, record.name, uplink)),
      })),
    ]),
  )
}
