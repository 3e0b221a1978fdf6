import {readdir, rm, stat} from 'node:fs/promises'
import {join} from 'node:path'
import {type Finding, ifMissing} from '../model/index.ts'
import {readState, setAside, unreadable, writeState} from './files.ts'
import {isObject} from './json-object.ts'
import {between, type Moment, presentMoment, readMoment} from './moment.ts'

/** How a version of the configuration came into force; `kept` never was: it lay in the file when another took its place. */
const WAYS = ['found', 'applied', 'rolled back', 'kept'] as const
export type ConfigWay = (typeof WAYS)[number]

export interface ConfigVersion {
  readonly version: number
  /** ISO 8601. */
  readonly at: string
  readonly how: ConfigWay
}

/** A version that is undone unless somebody confirms it in time. */
export interface PendingConfig {
  readonly version: number
  /** What is put back. */
  readonly previous: number
  readonly since: Moment
  readonly withinMs: number
}

/** Every configuration that was in force, the oldest first, and whether the last one waits to be confirmed. */
export interface ConfigHistory {
  readonly versions: readonly ConfigVersion[]
  readonly pending: PendingConfig | null
}

const SCHEMA = 1
const MOST_VERSIONS = 50
const folderOf = (stateDir: string): string => join(stateDir, 'config')
const indexOf = (stateDir: string): string => join(folderOf(stateDir), 'index.json')
const textFile = (stateDir: string, version: number): string =>
  join(folderOf(stateDir), `${String(version).padStart(6, '0')}.yaml`)

export async function loadConfigHistory(
  stateDir: string,
): Promise<{readonly history: ConfigHistory; readonly findings: readonly Finding[]}> {
  const {text, findings} = await readState(indexOf(stateDir))
  if (text === null) return await historyOnDisk(stateDir, findings)
  try {
    return {history: parsed(JSON.parse(text)), findings}
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    return await historyOnDisk(stateDir, [...findings, await setAside(indexOf(stateDir), detail)])
  }
}

/** What the texts tell where their list is lost: their numbers, which must not be given anew, and when they were written. */
async function historyOnDisk(
  stateDir: string,
  findings: readonly Finding[],
): Promise<{readonly history: ConfigHistory; readonly findings: readonly Finding[]}> {
  const folder = folderOf(stateDir)
  try {
    const versions: ConfigVersion[] = []
    for (const name of (await readdir(folder).catch(ifMissing<string[]>([]))).sort()) {
      if (!/^\d{6}\.yaml$/.test(name)) continue
      const {mtime} = await stat(join(folder, name))
      versions.push({version: Number.parseInt(name, 10), at: mtime.toISOString(), how: 'found'})
    }
    return {history: {versions, pending: null}, findings}
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    return {history: {versions: [], pending: null}, findings: [...findings, unreadable(folder, detail)]}
  }
}

/** With one more version; its text is on disk before anything names it. The oldest go beyond fifty. */
export async function addConfigVersion(
  stateDir: string,
  {versions, pending}: ConfigHistory,
  text: string,
  how: ConfigWay,
): Promise<ConfigHistory> {
  const version = (versions.at(-1)?.version ?? 0) + 1
  await writeState(textFile(stateDir, version), text)
  const all = [...versions, {version, at: new Date().toISOString(), how}]
  const kept = all.slice(-MOST_VERSIONS)
  const history = await saveConfigHistory(stateDir, {versions: kept, pending})
  for (const old of all.slice(0, -MOST_VERSIONS)) await rm(textFile(stateDir, old.version), {force: true})
  return history
}

export async function saveConfigHistory(stateDir: string, history: ConfigHistory): Promise<ConfigHistory> {
  await writeState(indexOf(stateDir), `${JSON.stringify({schema: SCHEMA, ...history}, null, 2)}\n`)
  return history
}

/** null: no such version. */
export async function readConfigVersion(stateDir: string, version: number): Promise<string | null> {
  return (await readState(textFile(stateDir, version))).text
}

/** How long it still has, also over a restart; never more than it was given. */
export async function leftToConfirmMs({since, withinMs}: PendingConfig): Promise<number> {
  return withinMs - between(since, await presentMoment())
}

function parsed(value: unknown): ConfigHistory {
  if (!isObject(value) || value.schema !== SCHEMA || !Array.isArray(value.versions)) {
    throw new Error(`not a file of schema ${SCHEMA}`)
  }
  const versions = value.versions.map((one: unknown): ConfigVersion => {
    if (!isObject(one)) throw new Error('a version is no object')
    const {version, at} = one
    const how = WAYS.find((way) => way === one.how)
    if (!isNumber(version) || typeof at !== 'string' || how === undefined) throw new Error('a version is not whole')
    return {version, at, how}
  })
  return {versions, pending: value.pending === null ? null : pendingOf(value.pending)}
}

function pendingOf(value: unknown): PendingConfig {
  const {version, previous, withinMs, since: moment} = isObject(value) ? value : {}
  const since = readMoment(moment)
  if (!isNumber(version) || !isNumber(previous) || !isNumber(withinMs) || since === null) {
    throw new Error('what waits to be confirmed is not whole')
  }
  return {version, previous, since, withinMs}
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value)
