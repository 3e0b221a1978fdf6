import {readFile} from 'node:fs/promises'
import {Command} from 'commander'
import type {Answer, ConfigChanged} from '../../api/client.ts'
import type {ConfigDifference} from '../../config/index.ts'
import {printable} from '../../model/index.ts'
import {type CliContext, EXIT, type ExitStatus, explain} from '../context.ts'
import {type Format, outputOption, printValue} from '../output.ts'
import {formatFindingIn} from '../read-config.ts'
import type {Finish} from '../run-cli.ts'
import {ageOf, formatTable} from '../table.ts'
import {checkCommand} from './check.ts'
import {configMigrateCommand} from './config-migrate.ts'

const MACHINE: readonly Format[] = ['table', 'json', 'yaml']

/** `isthmus config`: another configuration in force, and the way back. */
export function configCommand(context: CliContext, finish: Finish): Command {
  return new Command('config')
    .description('change the configuration of the running gateway, and undo it')
    .addCommand(checkCommand(context, finish, 'validate'))
    .addCommand(configMigrateCommand(context, finish))
    .addCommand(diffCommand(context, finish))
    .addCommand(applyCommand(context, finish))
    .addCommand(confirmCommand(context, finish))
    .addCommand(rollbackCommand(context, finish))
    .addCommand(historyCommand(context, finish))
    .addCommand(showCommand(context, finish))
}

const socketOf = (command: Command): string => command.optsWithGlobals().socket

function diffCommand(context: CliContext, finish: Finish): Command {
  return new Command('diff')
    .description('what a file says otherwise than the configuration in force; status 1 where there is anything')
    .argument('<file>', 'the other configuration')
    .addOption(outputOption(MACHINE))
    .action(async (file: string, {output}: {output: Format}, command: Command) => {
      const text = await textOf(context, file)
      if (text === null) return finish(EXIT.usage)
      const answer = await context.api(socketOf(command)).config(null)
      if (!answer.ok) return finish(explain(context, socketOf(command), answer))
      const {configDifferences} = await import('../../config/index.ts')
      const differences = configDifferences(answer.value.text, text)
      if (differences === null) {
        context.err(`${file} is not YAML: \`isthmus config validate ${file}\` says where\n`)
        return finish(EXIT.usage)
      }
      if (!(await printValue(context, output, differences))) {
        for (const difference of differences) context.out(differenceLine(difference))
      }
      finish(differences.length === 0 ? EXIT.fine : EXIT.finding)
    })
}

/** `~ sites.b.encapsulation: "ipip" → "fou"`. */
export function differenceLine({field, before, after}: ConfigDifference): string {
  const sign = before === null ? '+' : after === null ? '-' : '~'
  const change = [before, after].filter((value) => value !== null).join(' → ')
  return `${sign} ${printable(field)}: ${printable(change)}\n`
}

function applyCommand(context: CliContext, finish: Finish): Command {
  return new Command('apply')
    .description('put another configuration in force, and in the file of the gateway; the old one is kept')
    .argument('<file>', 'the configuration')
    .option(
      '--confirm <time>',
      'undo it after this time, such as 60s or 5m, unless `isthmus config confirm` comes first',
    )
    .addOption(outputOption(MACHINE))
    .action(async (file: string, {confirm, output}: {confirm?: string; output: Format}, command: Command) => {
      const text = await textOf(context, file)
      if (text === null) return finish(EXIT.usage)
      const {parseDuration} = await import('../../config/index.ts')
      const ms = confirm === undefined ? null : parseDuration(confirm)
      if (confirm !== undefined && ms === null) {
        context.err(`--confirm ${confirm}: must be a number and a unit, such as 60s or 5m\n`)
        return finish(EXIT.usage)
      }
      const answer = await context.api(socketOf(command)).applyConfig(text, ms === null ? null : ms / 1000)
      finish(await tell(context, output, socketOf(command), answer, file))
    })
}

function confirmCommand(context: CliContext, finish: Finish): Command {
  return new Command('confirm')
    .description('keep the configuration that waits to be confirmed')
    .addOption(outputOption(MACHINE))
    .action(async ({output}: {output: Format}, command: Command) => {
      finish(await tell(context, output, socketOf(command), await context.api(socketOf(command)).confirmConfig()))
    })
}

function rollbackCommand(context: CliContext, finish: Finish): Command {
  return new Command('rollback')
    .description('put an earlier configuration in force again: the one before, or a version')
    .argument('[version]', 'as `isthmus config history` has it')
    .addOption(outputOption(MACHINE))
    .action(async (argument: string | undefined, {output}: {output: Format}, command: Command) => {
      const version = versionOf(context, argument)
      if (version === undefined) return finish(EXIT.usage)
      const answer = await context.api(socketOf(command)).rollbackConfig(version)
      finish(await tell(context, output, socketOf(command), answer))
    })
}

function historyCommand(context: CliContext, finish: Finish): Command {
  return new Command('history')
    .description('versions of the configuration, the newest first')
    .addOption(outputOption(MACHINE))
    .action(async ({output}: {output: Format}, command: Command) => {
      const answer = await context.api(socketOf(command)).configHistory()
      if (!answer.ok) return finish(explain(context, socketOf(command), answer))
      const {versions, inForce, pending} = answer.value
      if (!(await printValue(context, output, answer.value))) {
        const state = (version: number): string =>
          version !== inForce ? '' : pending ? `in force, ${pending.leftSeconds} s to confirm it` : 'in force'
        const columns = [
          {title: 'VERSION', value: (row: (typeof versions)[number]) => String(row.version), right: true},
          {title: 'SINCE', value: (row: (typeof versions)[number]) => ageOf(row.at, context.clock.nowMs())},
          {title: 'HOW', value: (row: (typeof versions)[number]) => row.how},
          {title: 'STATE', value: (row: (typeof versions)[number]) => state(row.version)},
        ]
        context.out(formatTable(columns, versions.toReversed()))
      }
      finish(EXIT.fine)
    })
}

function showCommand(context: CliContext, finish: Finish): Command {
  return new Command('show')
    .description('the configuration in force, or a version')
    .argument('[version]', 'as `isthmus config history` has it')
    .action(async (argument: string | undefined, _options: unknown, command: Command) => {
      const version = versionOf(context, argument)
      if (version === undefined) return finish(EXIT.usage)
      const answer = await context.api(socketOf(command)).config(version)
      if (!answer.ok) return finish(explain(context, socketOf(command), answer))
      context.out(answer.value.text)
      finish(EXIT.fine)
    })
}

/** null: none was named; undefined: it is none, and that has been said. */
function versionOf(context: CliContext, argument: string | undefined): number | null | undefined {
  if (argument === undefined) return null
  if (/^\d{1,9}$/.test(argument)) return Number(argument)
  context.err(`${argument}: must be a version, a whole number: \`isthmus config history\` has them\n`)
  return undefined
}

async function textOf(context: CliContext, file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    context.err(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}\n`)
    return null
  }
}

async function tell(
  context: CliContext,
  output: Format,
  socketPath: string,
  answer: Answer<ConfigChanged>,
  file = 'gateway.yaml',
): Promise<ExitStatus> {
  const findings = answer.ok ? answer.value.findings : answer.findings
  if (!answer.ok || !(await printValue(context, output, answer.value))) {
    for (const finding of findings) context.err(`${formatFindingIn(file, finding)}\n`)
  }
  if (!answer.ok) return explain(context, socketPath, answer)
  if (output !== 'table') return EXIT.fine
  const {version, unchanged, pending} = answer.value
  context.out(`version ${version} is in force${unchanged ? ', as before' : ''}\n`)
  if (pending) {
    const {leftSeconds, previous} = pending
    context.out(`version ${previous} comes back in ${leftSeconds} s unless you say: isthmus config confirm\n`)
  }
  return EXIT.fine
}
