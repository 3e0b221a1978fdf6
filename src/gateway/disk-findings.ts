import {accessSync, constants, statfsSync, statSync} from 'node:fs'
import {dirname} from 'node:path'
import type {Finding, GatewayConfig} from '../model/index.ts'

/** What writing into a folder would come to. */
export interface DiskSeen {
  /** The disk, so that two folders on one are one fault. */
  readonly device: number
  readonly freeBytes: number
  /** null: they are not counted. */
  readonly freeInodes: number | null
  readonly refusesWrites: boolean
}

/** The smallest things that are kept fit in that; what needs more says so in the log when it fails. */
const LEAST_BYTES = 64 * 1024
const LEAST_INODES = 4

/** Folders that nothing can be written into now. What is in force stays so, and all of it is written when there is room. */
export function diskFindings({paths}: Pick<GatewayConfig, 'paths'>, look: typeof seeDisk = seeDisk): Finding[] {
  const told = new Set<number>()
  const places = [
    {path: paths.state, what: 'nothing new is remembered over a restart, and changes of the configuration are refused'},
    {path: dirname(paths.birdConfig), what: 'BIRD keeps the configuration that it has'},
  ]
  return places.flatMap(({path, what}): Finding[] => {
    const seen = look(path)
    const why = seen && whyNot(seen)
    if (!why || told.has(seen.device)) return []
    told.add(seen.device)
    return [
      {
        code: 'state-not-writable',
        severity: 'error',
        where: {source: `disk ${path}`},
        detail: `${why}: traffic flows on, but ${what}`,
        remedy: `make room (\`du -xh ${path} | sort -h | tail\`, \`journalctl --vacuum-size=50M\`); it goes on by itself`,
      },
    ]
  })
}

function whyNot({freeBytes, freeInodes, refusesWrites}: DiskSeen): string | null {
  if (refusesWrites) return 'it cannot be written'
  if (freeBytes < LEAST_BYTES) return 'the disk is full'
  return freeInodes !== null && freeInodes < LEAST_INODES ? 'the disk holds no more files' : null
}

/** null: it cannot be looked at, or is not there yet. */
function seeDisk(path: string): DiskSeen | null {
  try {
    const {bsize, blocks, bavail, ffree, files} = statfsSync(path)
    const {dev} = statSync(path)
    // Some file systems count neither.
    const freeBytes = blocks > 0 ? bsize * bavail : Number.POSITIVE_INFINITY
    return {device: dev, freeBytes, freeInodes: files > 0 ? ffree : null, refusesWrites: refuses(path)}
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null
    throw error
  }
}

function refuses(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return false
  } catch (error) {
    return error instanceof Error && 'code' in error && (error.code === 'EROFS' || error.code === 'EACCES')
  }
}
