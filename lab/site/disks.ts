import {mkdirSync, readFileSync, rmSync, statfsSync} from 'node:fs'
import {totalmem} from 'node:os'
import {join} from 'node:path'
import {command, must} from '../processes.ts'

/** What fills a disk, beside whatever is on it. */
const FILLER = 'filler'

/** As statfs(2) names it. */
const TMPFS_MAGIC = 0x01021994

/** A small disk at a folder: a tmpfs of this size. */
export async function makeDisk(folder: string, mib: number): Promise<void> {
  mkdirSync(folder, {recursive: true})
  await must(['mount', '-t', 'tmpfs', '-o', `size=${mib}m,mode=755`, 'isthmus-lab', folder])
}

/** In memory, where the folder is not there already: etcd waits for its disk at each write, now and then for 250 ms. */
export async function inMemory(folder: string): Promise<void> {
  mkdirSync(folder, {recursive: true})
  if (statfsSync(folder).type !== TMPFS_MAGIC) await makeDisk(folder, Math.floor(totalmem() / 2 ** 21))
}

/** Not a byte more fits; or the room is there again. */
export async function setFull(folder: string, full: boolean): Promise<void> {
  const filler = join(folder, FILLER)
  if (!full) return rmSync(filler)
  // Byte by byte at the end: what is left of a block would still take a small file.
  for (const size of ['64k', '1']) {
    const {stderr} = await command(['sh', '-c', `dd if=/dev/zero bs=${size} >> '${filler}'`])
    if (!stderr.includes('No space left')) throw new Error(`${folder} cannot be filled: ${stderr.trim()}`)
  }
}

/** Takes away every disk at or below a folder, the last made first; what still uses one keeps it until it ends. */
export async function removeDisks(folder: string): Promise<void> {
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n').reverse()) {
    const at = line.split(' ')[1]
    if (at === folder || at?.startsWith(`${folder}/`)) await must(['umount', '-l', at])
  }
}
