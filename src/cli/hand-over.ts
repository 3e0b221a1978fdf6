import {chmod, chown, lstat, realpath} from 'node:fs/promises'
import path from 'node:path'
import {ifMissing} from '../model/index.ts'
import {readAccounts} from './accounts.ts'

/** Where the package keeps them: elsewhere, folders are whoever's. */
const PLACE = '/etc/isthmus'
/** Of the package: the daemon's own. Where there is none, the daemon is root, or whoever started it. */
const GROUP = 'isthmus'

/**
 * Lets the daemon's user read what root has just made for it: the group may read these files of the folder, and enter it. Others in the
 * folder (the authority's key, the administrator's) stay root's alone.
 */
export async function handOver(folder: string, files: readonly string[]): Promise<void> {
  const real = await realInPlace(folder)
  if (real === null) return
  const gid = process.geteuid?.() === 0 ? ((await readAccounts()).groups.get(GROUP) ?? null) : null
  if (gid === null) return
  for (const file of files) await give(path.join(real, file), gid, 0o640)
  await give(real, gid, 0o750)
}

/** Where it really lies; null: elsewhere. The daemon's user may write in the place, and make a link there to what is not its own. */
async function realInPlace(folder: string): Promise<string | null> {
  const [place, real] = await Promise.all([
    realpath(PLACE).catch(ifMissing(null)),
    realpath(folder).catch(ifMissing(null)),
  ])
  return place !== null && real !== null && `${real}/`.startsWith(`${place}/`) ? real : null
}

/** What is not there is nobody's, and of a link what it leads to; what others may read already, they still may. */
async function give(place: string, gid: number, mode: number): Promise<void> {
  const held = await lstat(place).catch(ifMissing(null))
  if (held === null || held.isSymbolicLink()) return
  if (held.gid !== gid) await chown(place, held.uid, gid)
  await chmod(place, (held.mode & 0o777) | mode)
}
