import {readdirSync, readFileSync} from 'node:fs'

const FOLDER = '/sys/class/net'
/** How long an index is believed of a name that was there all the time. */
const BELIEVED_MS = 1000

/**
 * Index of each device but `lo`, in the network namespace that /sys is of. The same object as long as nothing has
 * changed. A burst of passes does not read a file a device each time: a device that comes or goes is seen at once, one
 * made anew under its name a second later; until then its packets cost more, no check is left out.
 */
export function createDeviceIndexes(nowMs: () => number): () => ReadonlyMap<string, number> {
  let known: ReadonlyMap<string, number> = new Map()
  let names = ''
  let readMs = Number.NEGATIVE_INFINITY
  return () => {
    const devices = readdirSync(FOLDER).sort()
    if (devices.join('/') === names && nowMs() - readMs < BELIEVED_MS) return known
    const found = new Map(devices.flatMap((name) => (name === 'lo' ? [] : indexOf(name))))
    names = devices.join('/')
    readMs = nowMs()
    if (textOf(found) !== textOf(known)) known = found
    return known
  }
}

const textOf = (indexes: ReadonlyMap<string, number>): string => [...indexes].join()

/** None for a device that went away meanwhile, or for what is no device (`bonding_masters`). */
function indexOf(name: string): [string, number][] {
  try {
    return [[name, Number(readFileSync(`${FOLDER}/${name}/ifindex`, 'utf8'))]]
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENODEV') return []
    throw error
  }
}
