import {join} from 'node:path'
import type {FouPort} from '../model/index.ts'
import {parseAddress} from '../net/index.ts'
import {readState, writeState} from './files.ts'
import {isObject} from './json-object.ts'

const SCHEMA = 1
const fileOf = (stateDir: string): string => join(stateDir, 'fou-ports.json')

/** A boot takes all ports along; what an earlier one made is nobody's. */
export async function writeFouPorts(stateDir: string, boot: string, ports: readonly FouPort[]): Promise<void> {
  await writeState(fileOf(stateDir), `${JSON.stringify({schema: SCHEMA, boot, ports}, null, 2)}\n`)
}

/** Ports that were made in this boot. A file that cannot be read counts as none: what is not known as ours is left alone. */
export async function readFouPorts(stateDir: string, boot: string): Promise<readonly FouPort[]> {
  const {text} = await readState(fileOf(stateDir))
  if (text === null) return []
  try {
    const value: unknown = JSON.parse(text)
    if (!isObject(value) || value.schema !== SCHEMA || value.boot !== boot || !Array.isArray(value.ports)) return []
    return (value.ports as unknown[]).flatMap((one): FouPort[] => {
      if (!isObject(one)) return []
      const {port, protocol} = one
      const local = typeof one.local === 'string' ? parseAddress(one.local) : null
      return local !== null && isNumber(port) && isNumber(protocol) ? [{local, port, protocol}] : []
    })
  } catch {
    return []
  }
}

const isNumber = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 65535
