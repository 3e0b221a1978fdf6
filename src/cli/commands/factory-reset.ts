import {copyFile, readdir, rm} from 'node:fs/promises'
import path from 'node:path'
import {Command} from 'commander'
import {PATH_DEFAULTS} from '../../model/index.ts'
import {type CliContext, DEFAULT_CONFIG, EXIT, type ExitStatus} from '../context.ts'
import type {Finish} from '../run-cli.ts'

/** The configuration as it is installed: comments, and nothing that starts. */
const INSTALLED = '/usr/share/isthmus/gateway.yaml'

interface ResetOptions {
  readonly yes?: boolean
  readonly config: string
  readonly state: string
}

/** `isthmus factory-reset`: forgets who this gateway was. Without `--yes` it says what it would take away. */
export function factoryResetCommand(context: CliContext, finish: Finish): Command {
  return new Command('factory-reset')
    .description('forget configuration, certificates, keys and state of this gateway')
    .option('--yes', 'really do it; without it, only say what would go')
    .option('--config <file>', 'its configuration; the folder that it lies in goes with it', DEFAULT_CONFIG)
    .option('--state <folder>', 'its state', PATH_DEFAULTS.state)
    .action(async (options: ResetOptions, command: Command) =>
      finish(await reset(context, options, command.optsWithGlobals().socket)),
    )
}

async function reset(
  context: CliContext,
  {yes = false, config, state}: ResetOptions,
  socketPath: string,
): Promise<ExitStatus> {
  const folder = path.dirname(path.resolve(config))
  // Of a configuration elsewhere the folder may be anybody's.
  const isOwn = path.resolve(config) === DEFAULT_CONFIG
  const entries = async (place: string) => (await readdir(place).catch(() => [])).map((name) => path.join(place, name))
  const going = [
    ...(isOwn ? await entries(folder) : [path.resolve(config)]),
    ...(await entries(path.resolve(state))),
  ].sort()
  if (!yes) {
    for (const place of going) context.out(`would remove ${place}\n`)
    context.out('nothing was changed: --yes does it. `isthmus backup` first keeps a way back\n')
    return EXIT.finding
  }
  const answer = await context.api(socketPath).status()
  if (answer.ok || answer.code !== 'unreachable') {
    context.err(
      'the gateway runs: `systemctl disable --now isthmus` first; then this machine is out of the interconnect\n',
    )
    return EXIT.finding
  }
  try {
    // The configuration first: whatever happens then, no gateway starts with half of its state.
    for (const place of [path.resolve(config), ...going]) await rm(place, {recursive: true, force: true})
    if (isOwn) await copyFile(INSTALLED, config)
  } catch (error) {
    context.err(`not all is gone: ${error instanceof Error ? error.message : String(error)}; run it again\n`)
    return EXIT.usage
  }
  context.out(`${going.length} removed; what the kernel and BIRD hold goes with a restart of the machine\n`)
  return EXIT.fine
}
