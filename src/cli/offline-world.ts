import {decodeRecord} from '../decode/index.ts'
import {exportRecords} from '../export/index.ts'
import {Federation} from '../federate/index.ts'
import type {
  Decoded,
  DecodedBatch,
  Finding,
  GatewayConfig,
  RawRecord,
  SiteName,
  Snapshot,
  SourceId,
  World,
} from '../model/index.ts'
import {realPrefix} from '../net/index.ts'
import {exportedCalico, type OwnCalico, storedCalico} from '../policy/index.ts'
import type {SnapshotFile} from './read-snapshots.ts'

export interface OfflineWorld {
  readonly world: World
  /** A site's own Calico, by its datastores where these are given, else by its export. */
  readonly ownCalico: OwnCalico
  readonly findings: readonly Finding[]
}

/**
 * The World that a gateway with this configuration would make of the snapshots. A remote site may be given by its
 * export, or by its datastores: these then go the way that the site's own gateway would send them. An export wins over
 * datastores, since it is what really was published. `documents` (keys under the isthmus root) are added to what the
 * first authority says, or replace it. Findings of the World itself stay in it.
 */
export function worldOf(
  config: GatewayConfig,
  files: readonly SnapshotFile[],
  documents: readonly RawRecord[] = [],
): OfflineWorld {
  const federation = new Federation(config)
  const findings: Finding[] = []
  const remote = new Map<SiteName, {export: Snapshot | null; datastores: Snapshot[]}>()
  for (const {file, snapshot} of files) {
    const {site, source} = snapshot
    if (site === config.site) {
      // The own export only repeats what its datastores say.
      if (source === 'datastore') federation.update(batchOf(snapshot))
    } else if (!config.sites.has(site)) {
      const overlap = config.unconnected.find((one) => one.site === site)
      const why = overlap
        ? `not connected, since its ${overlap.prefix} overlaps site ${overlap.earlier.site}'s ${overlap.earlier.prefix}`
        : 'not in the configuration'
      const detail = `site ${site} is ${why}: left out`
      findings.push({code: 'prefix-not-granted', severity: 'warning', where: {source: `snapshot ${file}`}, detail})
    } else {
      const known = remote.get(site) ?? {export: null, datastores: []}
      remote.set(site, known)
      if (source === 'export') known.export = snapshot
      else known.datastores.push(snapshot)
    }
  }
  // Added documents go to the first authority, under the isthmus root: there they win over all others of their name.
  const authority = config.authorities[0] ?? config.site
  if (documents.length > 0 && authority !== config.site && !remote.has(authority)) {
    remote.set(authority, {export: null, datastores: []})
  }
  for (const [site, {export: published, datastores}] of remote) {
    const added = site === authority ? documents : []
    if (published) {
      federation.update(batchOf(published))
      if (added.length > 0) federation.update(addition(published, publish(config, site, [], added).batch))
      continue
    }
    const its = publish(config, site, datastores, added)
    federation.update(its.batch)
    findings.push(...its.findings)
  }
  if (authority === config.site && documents.length > 0) {
    const source: SourceId = `datastore/${config.datastores[0]?.name ?? 'added'}`
    const {revision = 0, clusterId = null} = federation.world().sources.get(source) ?? {}
    const added = batch(source, {revision, clusterId: clusterId ?? ''}, documents)
    federation.update({...added, type: 'changes'})
  }
  return {world: federation.world(), ownCalico: ownCalicoOf(files), findings}
}

function ownCalicoOf(files: readonly SnapshotFile[]): OwnCalico {
  const decoded = new Map<Snapshot, readonly Decoded[]>()
  const recordsOf = (snapshot: Snapshot): readonly Decoded[] => {
    const records = decoded.get(snapshot) ?? batchOf(snapshot).upserts
    decoded.set(snapshot, records)
    return records
  }
  return (site, ends) => {
    const its = files.flatMap(({snapshot}) => (snapshot.site === site ? [snapshot] : []))
    const datastores = its.filter(({source}) => source === 'datastore')
    const published = its.findLast(({source}) => source === 'export')
    if (datastores.length === 0) return published ? exportedCalico(recordsOf(published), ends) : new Map()
    return storedCalico(new Map(datastores.map((one) => [one.datastore ?? '', recordsOf(one)])), ends)
  }
}

/** What documents alone would add to an export that is given as it is: the site's own records stay. */
function addition({revision, clusterId}: Snapshot, {source, upserts}: DecodedBatch): DecodedBatch {
  const parts = ['/export/attributes/', '/export/endpoints/', '/export/resources/']
  const added = upserts.filter(({key}) => parts.some((part) => key.includes(part)))
  return {source, type: 'changes', revision, clusterId, upserts: added, deletes: []}
}

function batchOf({site, datastore, records, ...snapshot}: Snapshot): DecodedBatch {
  const source: SourceId = datastore === null ? `export/${site}` : `datastore/${datastore}`
  return batch(source, snapshot, records)
}

function batch(
  source: SourceId,
  {revision, clusterId}: Pick<Snapshot, 'revision' | 'clusterId'>,
  records: readonly RawRecord[],
): DecodedBatch {
  const name = source.replace('/', ' ')
  const upserts = records.map((record) => decodeRecord(record, name))
  return {source, type: 'list', revision, clusterId, upserts, deletes: []}
}

/** What the site's own gateway would make of its datastores; its configuration is not here, so what we grant stands in. */
function publish(
  config: GatewayConfig,
  site: SiteName,
  datastores: readonly Snapshot[],
  documents: readonly RawRecord[] = [],
): {readonly batch: DecodedBatch; readonly findings: readonly Finding[]} {
  const {owns: seen = [], translations = []} = config.sites.get(site) ?? {}
  const owns = seen.map((prefix) => realPrefix(translations, prefix) ?? prefix)
  const its: GatewayConfig = {
    ...{...config, site, owns, uplinks: [], infrastructure: [], static: []},
    ...{sites: new Map(), unconnected: [], authorities: [site]},
  }
  const federation = new Federation(its)
  for (const snapshot of datastores) federation.update(batchOf(snapshot))
  if (documents.length > 0) {
    const {revision = 1, clusterId = ''} = datastores[0] ?? {}
    const source: SourceId = `datastore/${datastores[0]?.datastore ?? 'added'}`
    federation.update({...batch(source, {revision, clusterId}, documents), type: 'changes'})
  }
  const world = federation.world()
  const records = [...exportRecords(world, its, {tunnels: new Map()})]
    // Nothing is known of its gateways, and policy does not ask.
    .filter(([key]) => !key.includes('/export/gateways/'))
    .map(([key, text]) => ({key, value: new TextEncoder().encode(text), modRevision: 1}))
  return {batch: batch(`export/${site}`, {revision: 1, clusterId: ''}, records), findings: world.findings}
}
