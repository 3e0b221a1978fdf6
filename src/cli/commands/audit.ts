import {Command, InvalidArgumentError} from 'commander'
import type {AuditEntry} from '../../api/client.ts'
import {printable} from '../../model/index.ts'
import {type CliContext, EXIT, explain} from '../context.ts'
import {type Format, outputOption, printValue} from '../output.ts'
import type {Finish} from '../run-cli.ts'
import {ageOf, type Column, formatTable} from '../table.ts'

const limitOf = (text: string): number => {
  if (/^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= 1000) return Number(text)
  throw new InvalidArgumentError('from 1 to 1000')
}

/** `isthmus audit`: who has changed this gateway, what, and what came of it. */
export function auditCommand(context: CliContext, finish: Finish): Command {
  return new Command('audit')
    .description('who has changed this gateway, and what, the newest first')
    .option('--limit <n>', 'at most so many', limitOf, 100)
    .option('--differences', 'with what is otherwise since')
    .addOption(outputOption(['table', 'wide', 'json', 'yaml']))
    .action(async (options: {limit: number; differences?: true; output: Format}, command: Command) => {
      const socketPath: string = command.optsWithGlobals().socket
      const answer = await context.api(socketPath).audit(options.limit)
      if (!answer.ok) return finish(explain(context, socketPath, answer))
      const {entries, more} = answer.value
      if (!(await printValue(context, options.output, entries))) {
        const columns = columnsAt(context.clock.nowMs())
        if (options.differences) for (const entry of entries) context.out(withDifference(columns, entry))
        else if (entries.length === 0) context.err('nothing has been changed\n')
        else context.out(formatTable(columns, entries, {wide: options.output === 'wide'}))
      }
      if (more) context.err(`there are more than these ${entries.length}; --limit shows up to 1000\n`)
      finish(EXIT.fine)
    })
}

const columnsAt = (nowMs: number): Column<AuditEntry>[] => [
  {title: 'AGE', value: ({at}) => ageOf(at, nowMs)},
  {title: 'WHO', value: ({who}) => who},
  {title: 'BY', value: ({via}) => via},
  {title: 'FROM', value: ({address}) => address ?? '-', wide: true},
  {title: 'AT', value: ({at}) => at, wide: true},
  {title: 'WHAT', value: ({what}) => what},
  {title: 'RESULT', value: ({result}) => result ?? 'not known'},
]

function withDifference(columns: readonly Column<AuditEntry>[], entry: AuditEntry): string {
  const title = columns
    .filter(({wide}) => !wide)
    .map(({value}) => printable(value(entry)))
    .join('  ')
  const lines = (entry.difference ?? '').split('\n').filter((line) => line !== '')
  return [title, ...lines.map((line) => `    ${printable(line)}`), ''].join('\n')
}
