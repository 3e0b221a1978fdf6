import {createHash} from 'node:crypto'
import {rm} from 'node:fs/promises'
import {join} from 'node:path'
import {setImmediate as yieldTurn} from 'node:timers/promises'
import {
  type Finding,
  formatSnapshotEnd,
  formatSnapshotHeader,
  formatSnapshotRecord,
  parseSnapshot,
  parseSnapshotRecord,
  type RawRecord,
  type Snapshot,
  type SourceId,
} from '../model/index.ts'
import {damaged, type Reader, readState, writeState} from './files.ts'
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
  /** For tests. */
  mostBytes = MOST_BYTES,
): Promise<void> {
  await writeState(knownFile(stateDir, source, part), slices(snapshot, mostBytes))
  if (part === 'all') await rm(changesFile(stateDir, source), {force: true})
}

const SLICE_MS = 5

/** Far above what any site has (100,000 endpoints are some 30 MB), and what one string can hold. */
const MOST_BYTES = 256 * 1024 * 1024

async function* slices(snapshot: KnownRecords, mostBytes: number): AsyncGenerator<string> {
  const hash = createHash('sha256')
  let slice = `${formatSnapshotHeader(snapshot)}\n`
  let untilMs = performance.now() + SLICE_MS
  let count = 0
  let bytes = 0
  for (const record of snapshot.records) {
    count++
    bytes += record.key.length + record.value.length
    if (bytes > mostBytes) throw new Error(`there are more than the ${mostBytes} bytes that are kept of a source`)
    slice += `${formatSnapshotRecord(record)}\n`
    if (performance.now() < untilMs) continue
    hash.update(slice)
    yield slice
    await yieldTurn()
    slice = ''
    untilMs = performance.now() + SLICE_MS
  }
  hash.update(slice)
  yield `${slice}${formatSnapshotEnd(count, hash.digest('hex'))}\n`
}

/** What a file holds, with turns for others; a text says what is wrong with it. */
async function parseKnown(text: string, path: string): Promise<Snapshot | string> {
  const end = text.lastIndexOf('\n', text.length - 2) + 1
  const content = text.slice(0, end)
  const lines = content.split('\n')
  const [header = '', ...others] = lines.slice(0, -1)
  const {snapshot, findings} = parseSnapshot(header, path)
  if (!snapshot) return findings[0]!.detail
  const sha256 = createHash('sha256').update(content).digest('hex')
  if (text.slice(end) !== `${formatSnapshotEnd(others.length, sha256)}\n`)
    return 'its last line is not the checksum of the others'
  const records: RawRecord[] = []
  let untilMs = performance.now() + SLICE_MS
  for (const [index, line] of others.entries()) {
    const record = parseSnapshotRecord(line)
    if (typeof record === 'string') return `line ${index + 2}: ${record}`
    records.push(record)
    if (performance.now() < untilMs) continue
    await yieldTurn()
    untilMs = performance.now() + SLICE_MS
  }
  return {...snapshot, records}
}

/** What one source said last; null when nothing is known, with the reason among the findings if there is one. */
export async function loadLastKnown(
  stateDir: string,
  source: SourceId,
  part: KnownPart = 'all',
  reader: Reader = 'keeper',
): Promise<{snapshot: Snapshot | null; findings: readonly Finding[]}> {
  const path = knownFile(stateDir, source, part)
  const {text, findings} = await readState(path)
  if (text === null) return {snapshot: null, findings}
  const snapshot = await parseKnown(text, path)
  if (typeof snapshot === 'string') return {snapshot: null, findings: [await damaged(path, snapshot, reader)]}
  return part === 'good' ? {snapshot, findings} : await readChanges(stateDir, source, snapshot)
}
