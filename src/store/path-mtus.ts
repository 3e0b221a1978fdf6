import {join} from 'node:path'
import type {Finding} from '../model/index.ts'
import {damaged, type Reader, readState, writeState} from './files.ts'
import {isObject} from './json-object.ts'

/** What the path of one tunnel was found to carry, and what had been computed for it then. */
export interface SavedPathMtu {
  readonly configured: number
  readonly found: number
}

const SCHEMA = 1
const fileOf = (stateDir: string): string => join(stateDir, 'path-mtu.json')

export async function writePathMtus(stateDir: string, found: ReadonlyMap<string, SavedPathMtu>): Promise<void> {
  const tunnels = Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)))
  await writeState(fileOf(stateDir), `${JSON.stringify({schema: SCHEMA, tunnels}, null, 2)}\n`)
}

/** By device; what cannot be read counts as nothing found, and its keeper sets it aside. */
export async function readPathMtus(
  stateDir: string,
  reader: Reader = 'keeper',
): Promise<{saved: ReadonlyMap<string, SavedPathMtu>; findings: readonly Finding[]}> {
  const {text, findings} = await readState(fileOf(stateDir))
  if (text === null) return {saved: new Map(), findings}
  try {
    return {saved: parsed(JSON.parse(text)), findings}
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    return {saved: new Map(), findings: [...findings, await damaged(fileOf(stateDir), detail, reader)]}
  }
}

function parsed(value: unknown): ReadonlyMap<string, SavedPathMtu> {
  if (!isObject(value) || value.schema !== SCHEMA || !isObject(value.tunnels)) {
    throw new Error(`not a file of schema ${SCHEMA}`)
  }
  return new Map(
    Object.entries(value.tunnels).map(([device, one]) => {
      if (!isObject(one)) throw new Error(`${device} is no object`)
      const {configured, found} = one
      if (!isMtu(configured) || !isMtu(found)) throw new Error(`${device} has no two MTUs`)
      return [device, {configured, found}]
    }),
  )
}

const isMtu = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 65535
