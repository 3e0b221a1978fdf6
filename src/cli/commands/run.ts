import {existsSync} from 'node:fs'
import path from 'node:path'
import {Command} from 'commander'
import {type CliContext, DEFAULT_CONFIG, EXIT} from '../context.ts'
import {DAEMON_FLAGS} from '../daemon-flags.ts'
import type {Finish} from '../run-cli.ts'

/** Beside the bundled command line; from the sources, where the build puts it. */
const DAEMON = ['isthmusd.mjs', '../../../dist/isthmusd.mjs']

/** `isthmus run`: becomes the daemon's own bundle (same process id), so that none of the command line stays in memory. */
export function runCommand(context: CliContext, finish: Finish): Command {
  return new Command('run')
    .description('run the gateway in the foreground')
    .option('--config <file>', 'its configuration', DEFAULT_CONFIG)
    .action(({config}: {config: string}) => {
      const daemon = DAEMON.map((file) => path.join(import.meta.dirname, file)).find(existsSync)
      if (daemon) context.become(process.execPath, [...DAEMON_FLAGS, daemon, 'run', '--config', path.resolve(config)])
      context.err(daemon ? `${daemon} could not be started\n` : 'isthmusd.mjs is not there: `npm run build` makes it\n')
      finish(EXIT.usage)
    })
}
