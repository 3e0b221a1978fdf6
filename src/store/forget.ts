import {readdir, rm} from 'node:fs/promises'
import {join} from 'node:path'
import {ifMissing, type SourceId} from '../model/index.ts'
import {changesFile} from './known-changes.ts'
import {knownFile} from './last-known.ts'

const KNOWN = /^(datastore|export)-([a-z0-9-]+)\.jsonl$/

/** Sources whose last known state is on disk, whether the configuration still names them or not; sorted. */
export async function knownSources(stateDir: string): Promise<readonly SourceId[]> {
  const names = await readdir(join(stateDir, 'known')).catch(ifMissing<string[]>([]))
  return names
    .flatMap((name): SourceId[] => {
      const [, kind, source] = KNOWN.exec(name) ?? []
      if (!source) return []
      return [kind === 'export' ? `export/${source}` : `datastore/${source}`]
    })
    .sort()
}

/**
 * Removes what a source left on disk. Only for one that the configuration does not name any more, or whoever runs would
 * write it again: what is in force of a site is withdrawn by taking it out of the configuration.
 */
export async function forgetKnown(stateDir: string, source: SourceId): Promise<void> {
  for (const file of knownFiles(stateDir, source)) await rm(file, {force: true})
}

/** Every file in which the last state of a source is kept; the list last: with it gone, no start takes the rest for anything. */
export const knownFiles = (stateDir: string, source: SourceId): readonly string[] => [
  changesFile(stateDir, source),
  knownFile(stateDir, source, 'good'),
  knownFile(stateDir, source),
]
