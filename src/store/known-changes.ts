import {join} from 'node:path'
import {
  type Finding,
  formatSnapshotRecord,
  parseSnapshotRecord,
  type RawRecord,
  type Snapshot,
  type SourceId,
} from '../model/index.ts'
import {appendState, readState} from './files.ts'

/** What changed in a source since its last state was written whole. */
export interface KnownChanges {
  readonly upserts: readonly RawRecord[]
  readonly deletes: readonly string[]
  /** The source's revision after them. */
  readonly revision: number
}

type Base = Pick<Snapshot, 'clusterId' | 'revision'>

export function changesFile(stateDir: string, source: SourceId): string {
  return join(stateDir, 'known', `${source.replace('/', '-')}.changes.jsonl`)
}

const headerOf = ({clusterId, revision}: Base): string =>
  JSON.stringify({kind: 'changes', version: 1, clusterId, since: revision})

/**
 * Adds what changed to what is known since `base` was written whole. A failure may leave a part of it behind, which
 * counts as nothing; but then write all whole, since what comes after it would count as nothing too.
 */
export function appendKnown(stateDir: string, source: SourceId, base: Base, changes: KnownChanges): Promise<void> {
  const lines = [
    ...changes.upserts.map(formatSnapshotRecord),
    ...changes.deletes.map((key) => JSON.stringify({key, deleted: true})),
    JSON.stringify({revision: changes.revision}),
  ]
  return appendState(changesFile(stateDir, source), `${headerOf(base)}\n`, `${lines.join('\n')}\n`)
}

/**
 * The snapshot with what was added since. A line with a revision ends what was added at once; what has none behind it was
 * cut off by a crash. Changes since another snapshot than this are left over from before it was written, and in it.
 */
export async function readChanges(
  stateDir: string,
  source: SourceId,
  snapshot: Snapshot,
): Promise<{readonly snapshot: Snapshot; readonly findings: readonly Finding[]}> {
  const {text, findings} = await readState(changesFile(stateDir, source))
  const [header, ...lines] = text?.split('\n') ?? []
  if (header !== headerOf(snapshot)) return {snapshot, findings}
  const records = new Map(snapshot.records.map((record) => [record.key, record]))
  let {revision} = snapshot
  let pending: (RawRecord | string)[] = []
  for (const line of lines) {
    const change = parseChange(line)
    if (change === null) break
    if (typeof change !== 'number') {
      pending.push(change)
      continue
    }
    for (const one of pending) {
      if (typeof one === 'string') records.delete(one)
      else records.set(one.key, one)
    }
    pending = []
    revision = change
  }
  return {snapshot: {...snapshot, revision, records: [...records.values()]}, findings}
}

/** A record, the key of one that went, or a revision; null: none of them, or half of one. */
function parseChange(line: string): RawRecord | string | number | null {
  const record = parseSnapshotRecord(line)
  if (typeof record !== 'string') return record
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null) return null
    if ('revision' in value && typeof value.revision === 'number') return value.revision
    return 'deleted' in value && 'key' in value && typeof value.key === 'string' ? value.key : null
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return null
  }
}
