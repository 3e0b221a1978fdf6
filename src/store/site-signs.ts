import {join} from 'node:path'
import type {Finding} from '../model/index.ts'
import {readState, unreadable, writeState} from './files.ts'
import {isObject} from './json-object.ts'
import {between, isTime, type Moment, presentMoment, readMoment} from './moment.ts'

/** How long a remote site had been silent and cut off when it was written down, and what it counted as. */
export interface StoredSigns {
  readonly silentMs: number
  readonly cutMs: number
  readonly state: string
  /** Since it was found lost; null: it was not. */
  readonly withdrawnMs: number | null
}

const fileOf = (stateDir: string): string => join(stateDir, 'known', 'sites.json')

export async function saveSiteSigns(stateDir: string, sites: ReadonlyMap<string, StoredSigns>): Promise<void> {
  const text = JSON.stringify({version: 1, at: await presentMoment(), sites: Object.fromEntries(sites)})
  await writeState(fileOf(stateDir), `${text}\n`)
}

/** As they are now: what passed since they were written is in them. */
export async function loadSiteSigns(
  stateDir: string,
): Promise<{readonly sites: ReadonlyMap<string, StoredSigns>; readonly findings: readonly Finding[]}> {
  const path = fileOf(stateDir)
  const {text, findings} = await readState(path)
  if (text === null) return {sites: new Map(), findings}
  const read = parse(text)
  if (read === null)
    return {sites: new Map(), findings: [...findings, unreadable(path, 'not what Isthmus writes there')]}
  const ms = between(read.at, await presentMoment())
  const aged = [...read.sites].map(([name, {silentMs, cutMs, state, withdrawnMs}]) => {
    const times = {
      silentMs: silentMs + ms,
      cutMs: cutMs + ms,
      withdrawnMs: withdrawnMs === null ? null : withdrawnMs + ms,
    }
    return [name, {...times, state}] as const
  })
  return {sites: new Map(aged), findings}
}

function parse(text: string): {at: Moment; sites: Map<string, StoredSigns>} | null {
  const value = parseJson(text)
  if (!isObject(value) || value.version !== 1 || !isObject(value.sites)) return null
  const at = readMoment(value.at)
  if (at === null) return null
  const sites = new Map<string, StoredSigns>()
  for (const [name, entry] of Object.entries(value.sites)) {
    if (!isObject(entry)) return null
    const {silentMs, cutMs, state, withdrawnMs = null} = entry
    if (!isTime(silentMs) || !isTime(cutMs) || typeof state !== 'string') return null
    if (withdrawnMs !== null && !isTime(withdrawnMs)) return null
    sites.set(name, {silentMs, cutMs, state, withdrawnMs})
  }
  return {at, sites}
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return null
  }
}
