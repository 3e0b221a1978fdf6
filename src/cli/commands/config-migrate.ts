import {copyFile, readFile} from 'node:fs/promises'
import {Command} from 'commander'
import {printable} from '../../model/index.ts'
import {type CliContext, DEFAULT_CONFIG, EXIT, type ExitStatus} from '../context.ts'
import {formatFindingIn} from '../read-config.ts'
import type {Finish} from '../run-cli.ts'

/** `isthmus config migrate`: a file of an earlier version becomes one of this version; the old one is kept beside it. */
export function configMigrateCommand(context: CliContext, finish: Finish): Command {
  return new Command('migrate')
    .description('make a configuration of an earlier version one of this version')
    .argument('[file]', 'the configuration', DEFAULT_CONFIG)
    .option('--dry-run', 'say what would change, and change nothing; status 1 where there is anything')
    .action(async (file: string, {dryRun = false}: {dryRun?: boolean}) => finish(await migrate(context, file, dryRun)))
}

async function migrate(context: CliContext, file: string, dryRun: boolean): Promise<ExitStatus> {
  const {migrateConfig, configDifferences, parseGatewayConfig} = await import('../../config/index.ts')
  const fault = (error: unknown): ExitStatus => {
    context.err(`${file}: ${error instanceof Error ? error.message : String(error)}\n`)
    return EXIT.usage
  }
  let before: string
  try {
    before = await readFile(file, 'utf8')
  } catch (error) {
    return fault(error)
  }
  const migration = migrateConfig(before)
  if (!migration.ok) {
    context.err(`${file}: ${migration.detail}; ${migration.remedy}\n`)
    return EXIT.finding
  }
  const {from, to, text, done} = migration
  if (done.length === 0) {
    context.out(`${file}: version ${to}, nothing to do\n`)
    return EXIT.fine
  }
  for (const what of done) context.out(`${what}\n`)
  for (const {field, before: old, after} of configDifferences(before, text) ?? []) {
    context.out(`  ${printable(field)}: ${printable(old ?? 'none')} → ${printable(after ?? 'none')}\n`)
  }
  const {config, findings} = parseGatewayConfig(text, file)
  for (const finding of findings) context.err(`${formatFindingIn(file, finding)}\n`)
  if (config === null) {
    context.err(`${file}: what it becomes is refused, so it stays as it is: mend what is said above first\n`)
    return EXIT.finding
  }
  if (dryRun) {
    context.out(`${file}: version ${from} would become ${to}; nothing was changed\n`)
    return EXIT.finding
  }
  const {replaceConfigFile} = await import('../../store/index.ts')
  try {
    await copyFile(file, `${file}.version-${from}`)
    await replaceConfigFile(file, text)
  } catch (error) {
    return fault(error)
  }
  context.out(`${file}: version ${from} is now ${to}; the old one is ${file}.version-${from}\n`)
  return EXIT.fine
}
