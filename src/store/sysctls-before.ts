import {join} from 'node:path'
import {readState, writeState} from './files.ts'
import {isObject} from './json-object.ts'

const SCHEMA = 1
const fileOf = (stateDir: string): string => join(stateDir, 'sysctls-before.json')

/**
 * What kernel settings were before the daemon first changed them, by their path. A boot sets all of them anew, so what an
 * earlier one had says nothing. A file that cannot be read counts as none: nothing is put back that is not known.
 */
export async function readSysctlsBefore(stateDir: string, boot: string): Promise<ReadonlyMap<string, string>> {
  const {text} = await readState(fileOf(stateDir))
  if (text === null) return new Map()
  try {
    const value: unknown = JSON.parse(text)
    if (!isObject(value) || value.schema !== SCHEMA || value.boot !== boot || !isObject(value.values)) return new Map()
    return new Map(
      Object.entries(value.values).flatMap(([key, before]): [string, string][] =>
        typeof before === 'string' ? [[key, before]] : [],
      ),
    )
  } catch {
    return new Map()
  }
}

/** Adds what is not known yet: the first value is the one that was there before us. */
export async function rememberSysctls(
  stateDir: string,
  boot: string,
  values: ReadonlyMap<string, string>,
): Promise<void> {
  const known = await readSysctlsBefore(stateDir, boot)
  const all = new Map([...values, ...known])
  if (all.size === known.size) return
  const text = JSON.stringify({schema: SCHEMA, boot, values: Object.fromEntries([...all].sort())}, null, 2)
  await writeState(fileOf(stateDir), `${text}\n`)
}
