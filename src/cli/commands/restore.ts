import {readFile} from 'node:fs/promises'
import path from 'node:path'
import {Command} from 'commander'
import {VERSION} from '../../api/client.ts'
import {formatFinding, ifMissing} from '../../model/index.ts'
import {type Backup, NoBackup, unpackBackup} from '../backup-archive.ts'
import {putBackupFiles} from '../backup-files.ts'
import {type CliContext, EXIT, type ExitStatus} from '../context.ts'
import {readGatewayConfig} from '../read-config.ts'
import type {Finish} from '../run-cli.ts'
import {isNewer} from '../versions.ts'
import {readPassphrase} from './backup.ts'

interface RestoreOptions {
  readonly passphraseFile?: string
  readonly dryRun?: boolean
}

/** `isthmus restore FILE`: this machine becomes the gateway that was backed up, whole or not at all. */
export function restoreCommand(context: CliContext, finish: Finish): Command {
  return new Command('restore')
    .description('put a backup back, on the same machine or on one that takes its place')
    .argument('<file>', 'the backup')
    .option('--passphrase-file <file>', 'of an encrypted one; the first line is the passphrase')
    .option('--dry-run', 'say what would be put where, and do nothing')
    .action(async (file: string, options: RestoreOptions, command: Command) =>
      finish(await restore(context, file, options, command.optsWithGlobals().socket)),
    )
}

async function restore(
  context: CliContext,
  file: string,
  {passphraseFile, dryRun = false}: RestoreOptions,
  socketPath: string,
): Promise<ExitStatus> {
  const refuse = (why: string): ExitStatus => {
    context.err(`${file}: nothing was restored: ${why}\n`)
    return EXIT.finding
  }
  let backup: Backup
  let why: string | null
  try {
    const passphrase = passphraseFile === undefined ? null : await readPassphrase(passphraseFile)
    backup = unpackBackup(await readFile(file), passphrase)
    why = (await objection(backup)) ?? (await whoRuns(context, socketPath, dryRun))
  } catch (error) {
    if (error instanceof NoBackup) return refuse(error.message)
    context.err(`${file}: ${error instanceof Error ? error.message : String(error)}\n`)
    return EXIT.usage
  }
  if (why !== null) return refuse(why)
  const name = `gateway ${backup.gateway} of site ${backup.site}, as of ${backup.madeAt}, by isthmus ${backup.version}`
  if (dryRun) {
    for (const {path: place} of backup.files) context.out(`would put ${place}\n`)
    context.out(`${name}: ${backup.files.length} files; nothing was changed\n`)
    return EXIT.fine
  }
  try {
    await putBackupFiles(backup.files, backup.config, backup.state)
  } catch (error) {
    context.err(`${file}: not restored: ${error instanceof Error ? error.message : String(error)}; run it again\n`)
    return EXIT.usage
  }
  context.out(`${name}: ${backup.files.length} files restored; \`isthmus check\`, then start the gateway\n`)
  return EXIT.fine
}

/** What speaks against it, with what to do; null: nothing. */
async function objection(backup: Backup): Promise<string | null> {
  if (isNewer(backup.version, VERSION)) {
    return `isthmus ${backup.version} made it, and this is ${VERSION}: install ${backup.version} or newer first`
  }
  const held = await readFile(backup.config, 'utf8').catch(ifMissing(null))
  if (held !== null) {
    const {config} = await readGatewayConfig(backup.config)
    if (config && (config.site !== backup.site || config.gateway !== backup.gateway)) {
      return (
        `it is of gateway ${backup.gateway} of site ${backup.site}, and this machine is ${config.gateway} of ` +
        `${config.site}: if it shall become the other one, \`isthmus factory-reset --yes\` first`
      )
    }
  }
  const own = backup.files.find((file) => path.normalize(file.path) === backup.config)
  if (!own) return 'it has no configuration'
  const {parseGatewayConfig} = await import('../../config/index.ts')
  const {config, findings} = parseGatewayConfig(Buffer.from(own.content, 'base64').toString('utf8'), backup.config)
  if (config === null) return `its configuration is refused by this version: ${findings.map(formatFinding).join('; ')}`
  return null
}

/** The daemon holds its state in memory, and would write over what is put below it. */
async function whoRuns(context: CliContext, socketPath: string, dryRun: boolean): Promise<string | null> {
  if (dryRun) return null
  const answer = await context.api(socketPath).status()
  if (!answer.ok && answer.code === 'unreachable') return null
  return 'the gateway runs: `systemctl stop isthmus` first; traffic flows on meanwhile'
}
