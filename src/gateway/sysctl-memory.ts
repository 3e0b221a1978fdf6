import {readFile} from 'node:fs/promises'
import type {Logger} from 'pino'
import {DEVICE_PREFIX} from '../model/index.ts'
import {rememberSysctls} from '../store/index.ts'

const BOOT_ID = '/proc/sys/kernel/random/boot_id'

/** Has `isthmus purge` know what settings were before this gateway; those of our own devices go with the devices. */
export function sysctlMemory(stateDir: string, log: Logger): (before: ReadonlyMap<string, string>) => Promise<void> {
  return async (before) => {
    const kept = new Map([...before].filter(([key]) => !key.includes(`/${DEVICE_PREFIX}`)))
    if (kept.size === 0) return
    try {
      await rememberSysctls(stateDir, (await readFile(BOOT_ID, 'utf8')).trim(), kept)
    } catch (error) {
      // The gateway works all the same.
      log.warn({err: error}, 'kernel settings as they were before are not saved')
    }
  }
}
