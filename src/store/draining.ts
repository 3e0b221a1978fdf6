import {rm} from 'node:fs/promises'
import {join} from 'node:path'
import type {Finding} from '../model/index.ts'
import {readState, writeState} from './files.ts'

const fileOf = (stateDir: string): string => join(stateDir, 'draining')

/** Whether the gateway was to be emptied when it was last running; since when, as it was written down. */
export async function loadDraining(stateDir: string): Promise<{since: string | null; findings: Finding[]}> {
  const {text, findings} = await readState(fileOf(stateDir))
  return {since: text?.trim() ?? null, findings}
}

export async function saveDraining(stateDir: string, since: string | null): Promise<void> {
  if (since === null) await rm(fileOf(stateDir), {force: true})
  else await writeState(fileOf(stateDir), `${since}\n`)
}
