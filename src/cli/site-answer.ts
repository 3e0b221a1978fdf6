import {type Finding, formatFinding} from '../model/index.ts'
import type {CliContext} from './context.ts'
import {type Format, printValue} from './output.ts'
import type {Row} from './site-folder.ts'
import {type Column, formatTable} from './table.ts'

const COLUMNS: readonly Column<Row>[] = [
  {title: 'WHAT', value: ({what}) => what},
  {title: 'ACTION', value: ({action}) => action},
  {title: 'WHY', value: ({reason}) => reason},
]

/** What was done about each thing, findings to stderr; `more` is for programs. */
export async function printRowsOfSite(
  context: CliContext,
  output: Format,
  rows: readonly Row[],
  findings: readonly Finding[],
  dryRun: boolean,
  more: object = {},
): Promise<void> {
  const isProgram = await printValue(context, output, {dryRun, steps: rows, findings, ...more})
  if (isProgram) return
  if (rows.length > 0) context.out(formatTable(COLUMNS, rows))
  for (const finding of findings) context.err(`${formatFinding(finding)}\n`)
  if (dryRun) context.err('nothing was done: --dry-run\n')
}
