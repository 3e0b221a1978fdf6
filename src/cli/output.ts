import {InvalidArgumentError, Option} from 'commander'
import type {Kind, Rows} from '../api/client.ts'
import {printable} from '../model/index.ts'
import {nameOf} from './columns.ts'
import type {CliContext} from './context.ts'
import {meant} from './nearest.ts'
import {painterOf} from './paint.ts'
import {type Column, formatTable} from './table.ts'

export const FORMATS = ['table', 'wide', 'json', 'yaml', 'name'] as const
export type Format = (typeof FORMATS)[number]

export const outputOption = (formats: readonly Format[] = FORMATS): Option =>
  new Option('-o, --output <format>', 'how to print')
    .choices(formats)
    .argParser((given) => {
      if (formats.some((format) => format === given)) return given
      throw new InvalidArgumentError(`There is ${formats.join(', ')}${meant(given, formats)}`)
    })
    .default(formats[0])

/** Prints a whole value for programs; false for the formats that are for people. */
export async function printValue(context: CliContext, format: Format, value: unknown): Promise<boolean> {
  if (format === 'json') context.out(`${JSON.stringify(value, null, 2)}\n`)
  else if (format === 'yaml') {
    const {stringify} = await import('yaml')
    context.out(stringify(value))
  } else return false
  return true
}

/** Prints rows of one kind in any format. */
export async function printRows<K extends Kind>(
  context: CliContext,
  format: Format,
  kind: K,
  rows: readonly Rows[K][],
  columns: readonly Column<Rows[K]>[],
  headers = true,
): Promise<void> {
  if (await printValue(context, format, rows)) return
  if (format === 'name') for (const row of rows) context.out(`${kind}/${printable(nameOf(row))}\n`)
  else if (rows.length === 0) context.err(`no ${kind}\n`)
  else context.out(formatTable(columns, rows, {wide: format === 'wide', headers, paint: painterOf(context)}))
}
