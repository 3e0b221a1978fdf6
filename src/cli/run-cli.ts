import {Command, CommanderError, type Option} from 'commander'
import {apiDocCommand} from './commands/api-doc.ts'
import {applyCommand} from './commands/apply.ts'
import {auditCommand} from './commands/audit.ts'
import {backupCommand} from './commands/backup.ts'
import {checkCommand} from './commands/check.ts'
import {completeCommand, completionCommand} from './commands/completion.ts'
import {configCommand} from './commands/config.ts'
import {deleteCommand} from './commands/delete.ts'
import {describeCommand} from './commands/describe.ts'
import {diagnoseCommand} from './commands/diagnose.ts'
import {diffCommand} from './commands/diff.ts'
import {drainCommand} from './commands/drain.ts'
import {factoryResetCommand} from './commands/factory-reset.ts'
import {gatherCommand} from './commands/gather.ts'
import {getCommand} from './commands/get.ts'
import {keysCommand} from './commands/keys.ts'
import {loginTokenCommand} from './commands/login-token.ts'
import {pathCommands} from './commands/path.ts'
import {policyCommand} from './commands/policy.ts'
import {purgeCommand} from './commands/purge.ts'
import {renderCommand} from './commands/render.ts'
import {restoreCommand} from './commands/restore.ts'
import {runCommand} from './commands/run.ts'
import {setupCommand} from './commands/setup.ts'
import {siteCommand} from './commands/site.ts'
import {snapshotSaveCommand} from './commands/snapshot-save.ts'
import {snapshotShowCommand} from './commands/snapshot-show.ts'
import {statusCommand} from './commands/status.ts'
import {testCommand} from './commands/test.ts'
import {upgradeCommand} from './commands/upgrade.ts'
import {versionCommand} from './commands/version.ts'
import {watchLanCommand} from './commands/watch-lan.ts'
import {watchRoutesCommand} from './commands/watch-routes.ts'
import {type CliContext, DEFAULT_SOCKET, EXIT, type ExitStatus} from './context.ts'
import {startProgress} from './progress.ts'
import {remotely} from './remote-gateway.ts'

/** Tells the exit status of the command that ran. */
export type Finish = (status: ExitStatus) => void

/** Runs one command line (without program and script name) and gives its exit status; never throws for bad input. */
export async function runCli(args: readonly string[], outside: CliContext): Promise<number> {
  const {context: asking, options, isWrong} = remotely(outside)
  const progress = startProgress(asking)
  const {context} = progress
  let status: number = EXIT.fine
  const finish: Finish = (told) => {
    status = told
  }
  const program = declareProgram(context, finish, options)
  program.hook('preAction', (root) => {
    const problem = isWrong(root.opts())
    if (problem !== null) root.error(`error: ${problem}`)
  })
  program.addCommand(
    completeCommand(context, finish, () => program),
    {hidden: true},
  )
  settle(program, context)
  program.hook('preAction', (_, action) => {
    if (!GOES_ON.has(action.name()) && !action.opts().watch) progress.begin(pathOf(action))
  })
  try {
    await program.parseAsync([...args], {from: 'user'})
  } catch (error) {
    if (isOfSystem(error)) {
      context.err(`${error.message}\n`)
      return EXIT.usage
    }
    // Help that was asked for is an answer; everything else that commander throws is wrong usage.
    if (!(error instanceof CommanderError)) throw error
    return error.code === 'commander.helpDisplayed' ? EXIT.fine : EXIT.usage
  } finally {
    progress.stop()
  }
  return status
}

/** Every command with its arguments and options, as they are typed. */
export function declareProgram(context: CliContext, finish: Finish, options: readonly Option[]): Command {
  const snapshot = new Command('snapshot')
    .description('datastores and exports as files')
    .addCommand(snapshotSaveCommand(context, finish))
    .addCommand(snapshotShowCommand(context, finish))
  const program = new Command('isthmus')
    .description('Joins Kubernetes clusters, datacenters and clouds: the gateway and its command line.')
    .option('--socket <path>', "the gateway's socket", context.env.ISTHMUS_SOCKET ?? DEFAULT_SOCKET)
  for (const option of options) program.addOption(option)
  const commands = [
    runCommand(context, finish),
    checkCommand(context, finish),
    configCommand(context, finish),
    statusCommand(context, finish),
    getCommand(context, finish),
    describeCommand(context, finish),
    applyCommand(context, finish),
    deleteCommand(context, finish),
    diffCommand(context, finish),
    policyCommand(context, finish),
    setupCommand(context, finish),
    siteCommand(context, finish),
    renderCommand(context, finish),
    snapshot,
    ...pathCommands(context, finish),
    drainCommand(context, finish, true),
    drainCommand(context, finish, false),
    keysCommand(context, finish),
    backupCommand(context, finish),
    restoreCommand(context, finish),
    factoryResetCommand(context, finish),
    upgradeCommand(context, finish),
    purgeCommand(context, finish),
    loginTokenCommand(context, finish),
    auditCommand(context, finish),
    apiDocCommand(context, finish),
    diagnoseCommand(context, finish),
    gatherCommand(context, finish),
    testCommand(context, finish),
    watchLanCommand(context, finish),
    watchRoutesCommand(context, finish),
    completionCommand(context, finish),
    versionCommand(context, finish),
  ]
  for (const command of commands) program.addCommand(command)
  return program
}

/** A full disk, a folder that is not ours: its words say what and where; where it happened in here is nobody's concern. */
const isOfSystem = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'syscall' in error && 'errno' in error

/** Commands that nobody waits for the end of; of `setup` it is the person who is waited for. */
const GOES_ON: ReadonlySet<string> = new Set(['run', 'setup', 'watch-lan', '__complete'])

/** `isthmus policy diff`. */
const pathOf = (command: Command): string =>
  command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name()

/** What commander says where an argument is missing names it, and not what could stand there. */
const LACKS_ARGUMENT = /missing required argument '(.+)'/

function whatIs(command: Command, argument: string): string {
  const description = command.registeredArguments.find((one) => one.name() === argument)?.description
  return description ? `: ${description}` : ''
}

/** Commander hands these on to subcommands only while it makes them itself. */
function settle(command: Command, context: Pick<CliContext, 'out' | 'err'>): void {
  command
    .exitOverride()
    .configureOutput({
      writeOut: context.out,
      writeErr: context.err,
      outputError: (text, write) => write(text.replace(LACKS_ARGUMENT, (said, name) => said + whatIs(command, name))),
    })
    .showHelpAfterError('(--help shows what there is)')
  for (const inner of command.commands) settle(inner, context)
}
