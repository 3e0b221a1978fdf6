import {chmod, chown, open, realpath, rename, rm, stat} from 'node:fs/promises'
import {dirname} from 'node:path'
import {ifMissing} from '../model/index.ts'

/**
 * Replaces the configuration whole, so that nobody ever reads half of one; its mode and owner stay, and where the path is a
 * link it is what it leads to that is replaced. `mayBeNew`: one that is not there yet becomes its folder's owner's and group's.
 */
export async function replaceConfigFile(path: string, text: string, mayBeNew = false): Promise<void> {
  const isNew = mayBeNew && (await stat(path).catch(ifMissing(null))) === null
  const target = isNew ? path : await realpath(path)
  const {mode, uid, gid} = isNew ? {...(await stat(dirname(target))), mode: 0o640} : await stat(target)
  const beside = `${target}.new`
  try {
    const file = await open(beside, 'w', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    // A daemon that is not root can give a file to nobody; then it is its own.
    await chown(beside, uid, gid).catch(() => undefined)
    await chmod(beside, mode & 0o777)
    await rename(beside, target)
  } catch (error) {
    await rm(beside, {force: true})
    throw error
  }
}
