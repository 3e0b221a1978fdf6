import {execFileSync} from 'node:child_process'
import {closeSync, mkdirSync, openSync, rmSync, writeSync} from 'node:fs'
import {join} from 'node:path'

/** A disk of its own at a folder, which can be filled to the last byte. */
export interface SmallDisk {
  readonly folder: string
  fill(): void
  free(): void
  /** As the kernel makes it after an error of the disk. */
  allowReadsOnly(): void
  remove(): void
}

export function createSmallDisk(folder: string, kibibytes = 512): SmallDisk {
  const filler = join(folder, 'filler')
  mkdirSync(folder, {recursive: true})
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kibibytes}k`, 'tmpfs', folder])
  const free = (): void => rmSync(filler, {force: true})
  return {
    folder,
    free,
    fill() {
      const file = openSync(filler, 'w')
      const page = Buffer.alloc(4096, 1)
      try {
        for (;;) writeSync(file, page)
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
      } finally {
        closeSync(file)
      }
    },
    allowReadsOnly() {
      execFileSync('mount', ['-o', 'remount,ro', folder])
    },
    remove() {
      execFileSync('umount', ['-l', folder])
    },
  }
}
