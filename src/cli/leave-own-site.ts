import type {EtcdKeyValues} from '../etcd/index.ts'
import {EXPORT_ROOT} from '../export/index.ts'
import {
  ALIVE_PREFIX,
  type DatastoreConfig,
  type Finding,
  type GatewayConfig,
  LEADER_KEY,
  type RawRecord,
} from '../model/index.ts'
import {type Asked, askDatastore, livingIn, removeObjects} from './site-datastores.ts'
import type {Row} from './site-folder.ts'

/** etcd takes 128 comparisons a transaction. */
const OPERATIONS = 100
/** So often somebody else may write between reading and writing. */
const ATTEMPTS = 10
const ROOT = '/isthmus/v1/'
/** Tunnels end first: nothing may pass because the policies of the site went before its endpoints. Sets go after members. */
const ORDER = ['gateways/', 'endpoints/', 'local/', 'attributes/', 'site', 'resources/', ''].map(
  (part) => EXPORT_ROOT + part,
)

/**
 * Takes the whole own site out of its datastores: what was written back, the export, who leads. Looks at all of them first,
 * and removes nothing where a gateway lives or one of them does not answer. Documents that were applied are the operator's.
 */
export async function leaveOwnSite(
  config: GatewayConfig,
  dryRun: boolean,
): Promise<{readonly rows: readonly Row[]; readonly findings: readonly Finding[]}> {
  const datastores = config.datastores.filter(({kind}) => kind !== 'file')
  const rows: Row[] = []
  const findings: Finding[] = []
  for (const datastore of datastores) {
    const seen = await lookAt(config, datastore)
    if ('finding' in seen) findings.push(seen.finding)
    else rows.push(...seen.value)
  }
  if (dryRun || findings.length > 0) return {rows: findings.length > 0 ? [] : rows, findings}
  for (const datastore of datastores) {
    const isCalico = datastore.kind === 'calico'
    const objects = isCalico ? await removeObjects(config, datastore, {remote: null, dryRun}) : null
    const left = objects && 'finding' in objects ? objects : await removeExport(datastore)
    if ('finding' in left) return {rows, findings: [left.finding]}
  }
  return {rows, findings}
}

/** What would be removed; a finding says why nothing may be. */
async function lookAt(config: GatewayConfig, datastore: DatastoreConfig): Promise<Asked<readonly Row[]>> {
  const listed = await askDatastore(datastore, (store) => store.list([ROOT]))
  if ('finding' in listed) return listed
  const {records} = listed.value
  const refused = refusal(config, datastore, records)
  if (refused) return {finding: refused}
  const what = `datastore ${datastore.name}`
  const rows: Row[] = []
  if (datastore.kind === 'calico') {
    const objects = await removeObjects(config, datastore, {remote: null, dryRun: true})
    if ('finding' in objects) return objects
    const {length} = objects.value.removed
    if (length > 0) rows.push({what, action: 'remove', reason: `${length} objects that were written back`})
  }
  const ours = records.filter(({key}) => isOurs(key)).length
  if (ours > 0) rows.push({what, action: 'remove', reason: `the export, ${ours} keys`})
  const kept = records.length - ours
  const reason = `${kept} keys below ${ROOT} that are yours: \`isthmus delete\` removes documents`
  if (kept > 0) rows.push({what, action: 'keep', reason})
  return {value: rows}
}

function refusal({site}: GatewayConfig, {name}: DatastoreConfig, records: readonly RawRecord[]): Finding | null {
  const source = `datastore ${name}`
  const living = livingIn(records)
  if (living.length > 0) {
    return {
      code: 'site-in-use',
      severity: 'error',
      where: {source, key: ALIVE_PREFIX + living[0]},
      detail: `gateway ${living.join(', ')} of site ${site} lives, and would make anew what is removed`,
      remedy: 'stop every gateway of the site (one that was killed counts as alive for 5 s more), and run this again',
    }
  }
  const meta = records.find(({key}) => key === `${EXPORT_ROOT}meta`)
  const other = meta ? siteOf(meta) : site
  if (other === site) return null
  const detail = `it holds the export of ${other === null ? 'no site that can be read' : `site ${other}`}, not of ${site}`
  return {code: 'config-conflict', severity: 'error', where: {source, key: meta!.key}, detail}
}

function siteOf({value}: RawRecord): string | null {
  try {
    const meta: unknown = JSON.parse(Buffer.from(value).toString('utf8'))
    const isNamed = typeof meta === 'object' && meta !== null && 'site' in meta && typeof meta.site === 'string'
    return isNamed ? String(meta.site) : null
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return null
  }
}

const isOurs = (key: string): boolean => key.startsWith(EXPORT_ROOT) || key === LEADER_KEY

/** In transactions of which none is done once a gateway lives. */
async function removeExport(datastore: DatastoreConfig): Promise<Asked<boolean>> {
  const removed = await askDatastore(datastore, async (store) => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) if (await removeOnce(store)) return true
    return false
  })
  if ('finding' in removed || removed.value) return removed
  const where = {source: `datastore ${datastore.name}`}
  const detail = 'the export is not all removed: a gateway of this site, or somebody else, writes it'
  return {finding: {code: 'site-in-use', severity: 'error', where, detail, remedy: 'run this again'}}
}

/** True when nothing was left. */
async function removeOnce(store: Pick<EtcdKeyValues, 'list' | 'swap'>): Promise<boolean> {
  const {records, revision} = await store.list([ROOT])
  if (livingIn(records).length > 0) return false
  const ours = records.filter(({key}) => isOurs(key)).sort((a, b) => rank(a.key) - rank(b.key))
  for (let from = 0; from < ours.length; from += OPERATIONS) {
    const changes = ours.slice(from, from + OPERATIONS).map(({key, modRevision}) => ({key, text: null, modRevision}))
    if (!(await store.swap({changes, existing: [], quiet: [ALIVE_PREFIX], since: revision}))) return false
  }
  return ours.length === 0
}

/** The leader's key is of none of them, and goes first. */
const rank = (key: string): number => ORDER.findIndex((prefix) => key.startsWith(prefix))
