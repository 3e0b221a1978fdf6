import {join} from 'node:path'
import type {Finding, SourceId} from '../model/index.ts'
import {readState, writeState} from './files.ts'
import {parseSnapshot, type Snapshot, type SnapshotHeader, snapshotText} from './snapshot.ts'

export function knownFile(stateDir: string, source: SourceId): string {
  return join(stateDir, 'known', `${source.replace('/', '-')}.jsonl`)
}

/** Keeps what one source said, whole; the caller decides how often. */
export function saveLastKnown(
  stateDir: string,
  source: SourceId,
  header: SnapshotHeader,
  records: Parameters<typeof snapshotText>[1],
): Promise<void> {
  return writeState(knownFile(stateDir, source), snapshotText(header, records))
}

/** What one source said last; null when nothing is known, with the reason among the findings if there is one. */
export async function loadLastKnown(
  stateDir: string,
  source: SourceId,
): Promise<{snapshot: Snapshot | null; findings: Finding[]}> {
  const path = knownFile(stateDir, source)
  const {text, findings} = await readState(path)
  return text === null ? {snapshot: null, findings} : parseSnapshot(path, text)
}
