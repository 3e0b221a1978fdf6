import {open, readFile, rename, rm} from 'node:fs/promises'
import path from 'node:path'
import {Command} from 'commander'
import {VERSION} from '../../api/client.ts'
import {type Backup, packBackup} from '../backup-archive.ts'
import {readBackupFiles} from '../backup-files.ts'
import {type CliContext, DEFAULT_CONFIG, EXIT, type ExitStatus} from '../context.ts'
import {formatFindingIn, readGatewayConfig} from '../read-config.ts'
import type {Finish} from '../run-cli.ts'

interface BackupOptions {
  readonly config: string
  readonly output?: string
  readonly passphraseFile?: string
}

/** `isthmus backup`: what makes this gateway this one, in one file for root alone. */
export function backupCommand(context: CliContext, finish: Finish): Command {
  return new Command('backup')
    .description('configuration, certificates, keys and state of this gateway in one file')
    .option('--config <file>', 'its configuration', DEFAULT_CONFIG)
    .option('-o, --output <file>', 'the backup; without it, isthmus-SITE-GATEWAY-DATE.backup here')
    .option('--passphrase-file <file>', 'encrypt it; the first line is the passphrase')
    .action(async (options: BackupOptions) => finish(await backUp(context, options)))
}

async function backUp(context: CliContext, options: BackupOptions): Promise<ExitStatus> {
  const configFile = path.resolve(options.config)
  const {config, findings} = await readGatewayConfig(configFile)
  if (config === null) {
    for (const finding of findings) context.err(`${formatFindingIn(configFile, finding)}\n`)
    return EXIT.finding
  }
  const madeAt = new Date(context.clock.nowMs()).toISOString()
  try {
    const passphrase = options.passphraseFile === undefined ? null : await readPassphrase(options.passphraseFile)
    const files = await readBackupFiles(configFile, config)
    const {site, gateway} = config
    const backup: Backup = {
      version: VERSION,
      site,
      gateway,
      madeAt,
      config: configFile,
      state: config.paths.state,
      files,
    }
    const output = path.resolve(options.output ?? `isthmus-${site}-${gateway}-${madeAt.slice(0, 10)}.backup`)
    await writeForOwner(output, packBackup(backup, passphrase))
    const how = passphrase === null ? 'not encrypted: it holds keys' : 'encrypted'
    context.out(`${output}: gateway ${gateway} of site ${site}, ${files.length} files, ${how}\n`)
    return EXIT.fine
  } catch (error) {
    context.err(`no backup was made: ${error instanceof Error ? error.message : String(error)}\n`)
    return EXIT.usage
  }
}

/** Throws where there is none. */
export async function readPassphrase(file: string): Promise<string> {
  const [line] = (await readFile(file, 'utf8')).split(/\r?\n/)
  if (!line) throw new Error(`${file}: its first line is empty, and should be the passphrase`)
  return line
}

/** Whole or not at all, and never readable for others. */
async function writeForOwner(file: string, content: Buffer): Promise<void> {
  const beside = `${file}.new`
  await rm(beside, {force: true})
  try {
    const handle = await open(beside, 'wx', 0o600)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(beside, file)
  } catch (error) {
    await rm(beside, {force: true})
    throw error
  }
}
