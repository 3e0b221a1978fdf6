import {readFile} from 'node:fs/promises'
import type {FouLedger} from '../apply/index.ts'
import {readFouPorts, writeFouPorts} from '../store/index.ts'

const BOOT_ID = '/proc/sys/kernel/random/boot_id'

/** Of the state directory of the configuration in force. */
export function createFouLedger(stateDir: () => string): FouLedger {
  const boot = async (): Promise<string> => (await readFile(BOOT_ID, 'utf8')).trim()
  return {
    read: async () => readFouPorts(stateDir(), await boot()),
    write: async (ports) => writeFouPorts(stateDir(), await boot(), ports),
  }
}
