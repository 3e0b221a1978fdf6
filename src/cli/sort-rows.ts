import {meant} from './nearest.ts'
import type {Column} from './table.ts'

/** Rows in order, or what is wrong with what they were to be ordered by. */
export type Sorted<Row> =
  | {readonly ok: true; readonly rows: readonly Row[]}
  | {readonly ok: false; readonly problem: string}

/**
 * By a column (`RTT`, `full-loss`) or a path into the JSON of a row (`.probes.small.avgMs`), the least first; numbers by
 * their size, with their units. What has no value comes last. Equal ones keep their order.
 */
export function sortRows<Row>(rows: readonly Row[], columns: readonly Column<Row>[], by: string): Sorted<Row> {
  const read = by.startsWith('.') || by.startsWith('{') ? pathReader<Row>(by) : columnReader(columns, by)
  if (typeof read === 'string') return {ok: false, problem: read}
  // Made here: it costs some milliseconds, which no other command is to pay.
  const order = new Intl.Collator('en', {numeric: true})
  const keyed = rows.map((row) => ({row, key: keyOf(read(row))}))
  return {ok: true, rows: keyed.sort((a, b) => compareKeys(a.key, b.key, order)).map(({row}) => row)}
}

/** A column as one types it: `full-loss`. */
export const wordOf = (title: string): string => title.toLowerCase().replaceAll(' ', '-')

function columnReader<Row>(columns: readonly Column<Row>[], by: string): ((row: Row) => unknown) | string {
  const column = columns.find(({title}) => wordOf(title) === wordOf(by))
  if (column) return column.value
  const words = columns.map(({title}) => wordOf(title))
  return `no column '${by}'${meant(by, words)}; there is ${words.join(', ')}, or a path such as .name`.replace(
    '?;',
    '?',
  )
}

/** `.a.b[0]` and kubectl's `{.a.b}`. */
function pathReader<Row>(by: string): ((row: Row) => unknown) | string {
  const [, path] = /^\{?((?:\.[\w-]+|\[\d+\])+)\}?$/.exec(by) ?? []
  if (path === undefined) return `'${by}' is no path; such as .site or .probes.small.avgMs`
  const parts = path.match(/[\w-]+/g)!
  return (row) =>
    parts.reduce<unknown>((at, part) => (isRecord(at) && Object.hasOwn(at, part) ? at[part] : undefined), row)
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

type Key = number | string | null

const UNITS: Readonly<Record<string, number>> = {
  ...{B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40},
  ...{ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, '%': 1},
}

function keyOf(value: unknown): Key {
  if (typeof value === 'number') return value
  if (typeof value === 'boolean') return value ? 1 : 0
  if (value === null || value === undefined || value === '' || value === '-' || value === 'never') return null
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const [, number, unit] = /^(-?\d+(?:\.\d+)?)(?: (\S+))?$/.exec(text) ?? []
  if (number === undefined) return text
  if (unit === undefined) return Number(number)
  return unit in UNITS ? Number(number) * UNITS[unit]! : text
}

/** `10.2.0.0` before `10.10.0.0`. */
function compareKeys(a: Key, b: Key, order: Intl.Collator): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null)
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return order.compare(String(a), String(b))
}
