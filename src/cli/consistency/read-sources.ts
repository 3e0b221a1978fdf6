import type {Finding, GatewayConfig, Snapshot, SourceId} from '../../model/index.ts'
import {type LiveSource, liveSources, readSource} from '../live-snapshots.ts'

/** Everything that the configuration names, each read whole and anew at one revision of its own. */
export interface ReadSources {
  readonly snapshots: ReadonlyMap<SourceId, Snapshot>
  /** What this site publishes, as it stands in its own etcd. */
  readonly ownExport: Snapshot | null
  readonly unread: readonly Finding[]
}

export const sourceId = ({site, datastore}: Pick<LiveSource, 'site' | 'datastore'>): SourceId =>
  datastore === null ? `export/${site}` : `datastore/${datastore}`

export async function readSources(config: GatewayConfig): Promise<ReadSources> {
  const answers = await Promise.all(
    liveSources(config).map(async (source) => ({source, answer: await readSource(source)})),
  )
  const snapshots = new Map<SourceId, Snapshot>()
  const unread: Finding[] = []
  let ownExport: Snapshot | null = null
  for (const {source, answer} of answers) {
    if ('code' in answer) unread.push(answer)
    else if (source.datastore === null && source.site === config.site) ownExport = answer
    else snapshots.set(sourceId(source), answer)
  }
  return {snapshots, ownExport, unread}
}

/** Whether two readings saw the same keys at the same revisions: then nothing that counts happened between them. */
export function sameSources(a: ReadSources, b: ReadSources): boolean {
  const all = ({snapshots, ownExport}: ReadSources): Snapshot[] => [
    ...snapshots.values(),
    ...(ownExport ? [ownExport] : []),
  ]
  const [before, after] = [all(a), all(b)]
  return before.length === after.length && before.every((snapshot, index) => sameRecords(snapshot, after[index]!))
}

function sameRecords(a: Snapshot, b: Snapshot): boolean {
  return (
    a.clusterId === b.clusterId &&
    a.records.length === b.records.length &&
    a.records.every(
      ({key, modRevision}, index) => key === b.records[index]!.key && modRevision === b.records[index]!.modRevision,
    )
  )
}
