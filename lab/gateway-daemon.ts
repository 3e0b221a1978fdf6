import {join} from 'node:path'
import {DAEMON_FLAGS} from '../src/cli/daemon-flags.ts'

/** The daemon, bundled: its libraries unbundled cost seconds in an emulated VM. */
export const DAEMON = join(import.meta.dirname, '..', 'dist', 'isthmusd.mjs')

/** The command line, bundled. */
export const CLI = join(import.meta.dirname, '..', 'dist', 'isthmus.mjs')

/** As `isthmus run` becomes it. */
export const daemonArgv = (config: string): string[] => [
  process.execPath,
  ...DAEMON_FLAGS,
  DAEMON,
  'run',
  '--config',
  config,
]
