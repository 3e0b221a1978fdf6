import {join} from 'node:path'
import {type Finding, formatSnapshot, parseSnapshot, type Snapshot, type SourceId} from '../model/index.ts'
import {readState, unreadable, writeState} from './files.ts'

/** `all`: what the source holds. `good`: of its records that are refused now, the last good versions. */
export type KnownPart = 'all' | 'good'

export function knownFile(stateDir: string, source: SourceId, part: KnownPart = 'all'): string {
  return join(stateDir, 'known', `${source.replace('/', '-')}${part === 'good' ? '.good' : ''}.jsonl`)
}

/** Keeps what one source said, whole; the caller decides how often. */
export function saveLastKnown(
  stateDir: string,
  source: SourceId,
  snapshot: Snapshot,
  part: KnownPart = 'all',
): Promise<void> {
  return writeState(knownFile(stateDir, source, part), `${[...formatSnapshot(snapshot)].join('\n')}\n`)
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
  return {
    snapshot: read.snapshot,
    findings: read.findings.map(({where, detail}) => unreadable(path, detail, where.line)),
  }
}
