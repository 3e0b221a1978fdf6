import type {Change} from '../documents/index.ts'
import type {DatastoreName, Finding, GatewayConfig} from '../model/index.ts'
import type {DifferenceRow} from '../policy/index.ts'
import {readLive} from './live-snapshots.ts'
import type {SnapshotFile} from './read-snapshots.ts'

/** What a change of documents means for flows. `rows` null: it cannot be told, and `findings` says why. */
export interface Effect {
  readonly rows: readonly DifferenceRow[] | null
  readonly findings: readonly Finding[]
}

/**
 * What opens and closes at the gateways by these changes, over the endpoints that are there now: the world as it is
 * beside the world as it will be, compared class by class. Sites that cannot be asked are missing in both, and told.
 */
export async function effectOf(
  config: GatewayConfig,
  datastore: DatastoreName,
  changes: readonly Change[],
): Promise<Effect> {
  // Staged policies are never enforced: there is nothing to ask anybody for.
  if (changes.every(({key}) => key.includes('/stagedglobalnetworkpolicies/'))) return {rows: [], findings: []}
  const {files, findings} = await readLive(config)
  const isRead = files.some(({snapshot}) => snapshot.datastore === datastore)
  if (!isRead) return {rows: null, findings}
  const [{worldOf}, {comparePolicies}] = await Promise.all([import('./offline-world.ts'), import('../policy/index.ts')])
  const setOf = (some: readonly SnapshotFile[]) => ({world: worldOf(config, some).world, default: config.default})
  const after = files.map((file) => (file.snapshot.datastore === datastore ? changed(file, changes) : file))
  const rows = comparePolicies(setOf(files), setOf(after))
  if (rows) return {rows, findings}
  const detail = 'with or without this change there are more classes than can be compared'
  return {
    rows,
    findings: [...findings, {code: 'policy-too-large', severity: 'warning', where: {source: 'policy'}, detail}],
  }
}

/** The snapshot as it will be. */
function changed({file, snapshot}: SnapshotFile, changes: readonly Change[]): SnapshotFile {
  const keys = new Set(changes.map(({key}) => key))
  const written = changes.flatMap(({key, text}) =>
    text === null ? [] : [{key, value: new TextEncoder().encode(text), modRevision: snapshot.revision + 1}],
  )
  const records = [...snapshot.records.filter(({key}) => !keys.has(key)), ...written]
  return {file, snapshot: {...snapshot, revision: snapshot.revision + 1, records}}
}
