import {rm} from 'node:fs/promises'
import type {SourceId} from '../model/index.ts'
import {changesFile} from './known-changes.ts'
import {knownFile} from './last-known.ts'

/** Every file in which the last state of a source is kept. */
export const knownFiles = (stateDir: string, source: SourceId): string[] => [
  changesFile(stateDir, source),
  knownFile(stateDir, source, 'good'),
  knownFile(stateDir, source),
]

/** Forgets a source that is not followed any more; changes first, since they count only with what they add to. */
export async function removeLastKnown(stateDir: string, source: SourceId): Promise<void> {
  for (const file of knownFiles(stateDir, source)) await rm(file, {force: true})
}
