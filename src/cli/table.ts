import {printable} from '../model/index.ts'

/** One column of a table; `wide` ones show only with `-o wide`, `right` ones hold numbers. */
export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string
  readonly wide?: boolean
  readonly right?: boolean
  /** Holds a word that says whether something is well: coloured on a terminal. */
  readonly state?: boolean
  /** Ages and counters, which differ at each look: no news by themselves. */
  readonly moves?: boolean
}

export interface TableOptions {
  readonly wide?: boolean
  readonly headers?: boolean
  /** What a state is shown as; its width is that of the word. */
  readonly paint?: (word: string) => string
}

/** Between columns; more than one space, so that a value may hold one. */
const GAP = '   '

/**
 * Rows under a line of titles, columns as wide as their widest value, no space at the ends of lines. A control
 * character in a value (labels and names are other people's) shows as an escape and cannot move the cursor.
 */
export function formatTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: TableOptions = {},
): string {
  return tableOf(columns, options)(rows)
}

/** Prints rows as they come, in columns that are wide enough for all that came before; the first time under titles. */
export function tableOf<Row>(
  columns: readonly Column<Row>[],
  {wide = false, headers = true, paint = (word) => word}: TableOptions = {},
): (rows: readonly Row[]) => string {
  const shown = columns.filter((column) => wide || !column.wide)
  const widths = shown.map(({title}) => (headers ? title.length : 0))
  let isFirst = headers
  return (rows) => {
    const cells = rows.map((row) => shown.map(({value}) => printable(value(row))))
    for (const line of cells)
      for (const [index, cell] of line.entries()) widths[index] = Math.max(widths[index]!, displayWidth(cell))
    const lineOf = (line: readonly string[], isTitle: boolean): string =>
      line
        .map((cell, index) => {
          const {right, state} = shown[index]!
          const padding = ' '.repeat(widths[index]! - displayWidth(cell))
          const text = state && !isTitle ? paint(cell) : cell
          return right ? padding + text : text + padding
        })
        .join(GAP)
        .trimEnd()
    const titles = isFirst
      ? [
          lineOf(
            shown.map(({title}) => title),
            true,
          ),
        ]
      : []
    isFirst = false
    return [...titles, ...cells.map((line) => lineOf(line, false))].map((line) => `${line}\n`).join('')
  }
}

/** Code points; names of ours are ASCII, and nobody's label needs more. */
const displayWidth = (text: string): number => [...text].length

/** `1.2 MiB`; exact below a kibibyte. */
export function formatBytes(bytes: number): string {
  let value = bytes
  for (const unit of ['B', 'KiB', 'MiB', 'GiB', 'TiB']) {
    if (value < 1024 || unit === 'TiB') return `${unit === 'B' ? value : value.toFixed(1)} ${unit}`
    value /= 1024
  }
  return ''
}

/** `3 s`, `5 m`, `2 h`, `4 d`: how long ago, in its largest whole unit. */
export function formatAge(seconds: number | null): string {
  if (seconds === null) return 'never'
  for (const [unit, length] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
  ] as const) {
    if (seconds >= length) return `${Math.floor(seconds / length)} ${unit}`
  }
  return `${Math.max(0, Math.floor(seconds))} s`
}

/** An ISO time as an age at `nowMs`. */
export function ageOf(time: string | null, nowMs: number): string {
  return time === null ? 'never' : formatAge((nowMs - Date.parse(time)) / 1000)
}
