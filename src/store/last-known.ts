import {rm} from 'node:fs/promises'
import {join} from 'node:path'
import {setImmediate as yieldTurn} from 'node:timers/promises'
import {
  type Finding,
  formatSnapshotHeader,
  formatSnapshotRecord,
  parseSnapshot,
  type Snapshot,
  type SourceId,
} from '../model/index.ts'
import {readState, unreadable, writeState} from './files.ts'
import {changesFile, readChanges} from './known-changes.ts'

/** `all`: what the source holds. `good`: of its records that are refused now, the last good versions. */
export type KnownPart = 'all' | 'good'

export function knownFile(stateDir: string, source: SourceId, part: KnownPart = 'all'): string {
  return join(stateDir, 'known', `${source.replace('/', '-')}${part === 'good' ? '.good' : ''}.jsonl`)
}

/** A snapshot of whose records there may be too many for a list. */
export type KnownRecords = Omit<Snapshot, 'records'> & {readonly records: Iterable<Snapshot['records'][number]>}

/**
 * Keeps what one source said, whole; the caller decides how often. Others have their turn meanwhile: 100,000 records take
 * a second to write down.
 */
export async function saveLastKnown(
  stateDir: string,
  source: SourceId,
  snapshot: KnownRecords,
  part: KnownPart = 'all',
): Promise<void> {
  await writeState(knownFile(stateDir, source, part), slices(snapshot))
  if (part === 'all') await rm(changesFile(stateDir, source), {force: true})
}

const SLICE_MS = 5

async function* slices(snapshot: KnownRecords): AsyncGenerator<string> {
  let slice = `${formatSnapshotHeader(snapshot)}\n`
  let untilMs = performance.now() + SLICE_MS
  for (const record of snapshot.records) {
    slice += `${formatSnapshotRecord(record)}\n`
    if (performance.now() < untilMs) continue
    yield slice
    await yieldTurn()
    slice = ''
    untilMs = performance.now() + SLICE_MS
  }
  yield slice
}

/** What one source said last; null when nothing is known, with the reason among the findings if there is one. */
export async function loadLastKnown(
  stateDir: string,
  source: SourceId,
  part: KnownPart = 'all',
): Promise<{snapshot: Snapshot | null; findings: readonly Finding[]}> {
  const path = knownFile(stateDir, source, part)
  const {text, findings} = await readState(path)
  if (text === null) return {snapshot: null, findings}
  const read = parseSnapshot(text, path)
  const refused = read.findings.map(({where, detail}) => unreadable(path, detail, where.line))
  if (part === 'good' || !read.snapshot) return {snapshot: read.snapshot, findings: refused}
  const since = await readChanges(stateDir, source, read.snapshot)
  return {snapshot: since.snapshot, findings: [...refused, ...since.findings]}
}
