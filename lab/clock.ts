import {readdirSync, renameSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'

const FILE = 'clock'

/**
 * A daemon with a clock of its own, by libfaketime: the machine's stays as it is, since all else here goes by it. Only what
 * a process takes for the time of day moves, as when an operator or NTP sets the clock; monotonic time goes on.
 */
export function withClock(dir: string, argv: readonly string[]): string[] {
  setClock(dir, 0)
  const settings = {
    LD_PRELOAD: libfaketime(),
    FAKETIME_TIMESTAMP_FILE: join(dir, FILE),
    FAKETIME_CACHE_DURATION: '1',
    // Else each process that is killed leaves a file in /dev/shm.
    FAKETIME_DISABLE_SHM: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    NO_FAKE_STAT: '1',
  }
  return ['env', ...Object.entries(settings).map((setting) => setting.join('=')), ...argv]
}

/** Sets it while the process runs, which looks once a second. */
export function setClock(dir: string, offsetHours: number): void {
  const file = join(dir, FILE)
  writeFileSync(`${file}.new`, `${offsetHours < 0 ? '' : '+'}${offsetHours}h\n`)
  renameSync(`${file}.new`, file)
}

function libfaketime(): string {
  const folder = readdirSync('/usr/lib').find((name) => name.endsWith('-linux-gnu'))
  return `/usr/lib/${folder}/faketime/libfaketime.so.1`
}
