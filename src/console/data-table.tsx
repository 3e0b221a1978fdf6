import type {ComponentChildren} from 'preact'
import {useState} from 'preact/hooks'

export interface Column<Row> {
  readonly head: string
  readonly cell: (row: Row) => ComponentChildren
  /** What it is ordered by; without it, it is not. */
  readonly by?: (row: Row) => string | number | null
  readonly numeric?: boolean
  /** 2 goes where there is little room, 3 where there is not much. */
  readonly rank?: 2 | 3
}

export interface DataTableProps<Row> {
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  /** What is said where there are none. */
  readonly none: string
}

/** More rows cost more than they tell; the rest comes when asked for. */
const ROWS_AT_ONCE = 100

/** A table whose columns can be ordered by; what has no room scrolls within it, and the page does not. */
export function DataTable<Row>({caption, columns, rows, keyOf, none}: DataTableProps<Row>) {
  const [order, setOrder] = useState<{readonly head: string; readonly down: boolean} | null>(null)
  const [shown, setShown] = useState(ROWS_AT_ONCE)
  if (rows.length === 0) return <p class="nothing">{none}</p>
  const by = columns.find(({head}) => head === order?.head)?.by
  const ordered = by ? rows.toSorted((a, b) => compare(by(a), by(b)) * (order?.down ? -1 : 1)) : rows
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <section class="table-room" aria-label={`Table: ${caption}`} tabIndex={0}>
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({head, by: orderable, numeric, rank}) => {
              const isBy = order?.head === head
              return (
                <th
                  key={head}
                  scope="col"
                  class={classOf(numeric, rank)}
                  aria-sort={isBy ? (order.down ? 'descending' : 'ascending') : undefined}
                >
                  {orderable ? (
                    <button type="button" onClick={() => setOrder({head, down: isBy ? !order.down : false})}>
                      {head}
                      <span class="order" aria-hidden="true">
                        {isBy ? (order.down ? '↓' : '↑') : ''}
                      </span>
                    </button>
                  ) : (
                    head
                  )}
                </th>
              )
            })}
          </tr>
        </thead>
        <tbody>
          {ordered.slice(0, shown).map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({head, cell, numeric, rank}) => (
                <td key={head} class={classOf(numeric, rank)}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {ordered.length > shown ? (
        <button type="button" class="more" onClick={() => setShown(shown + 5 * ROWS_AT_ONCE)}>
          {`Show more of ${ordered.length}`}
        </button>
      ) : null}
    </section>
  )
}

const classOf = (numeric?: boolean, rank?: number): string =>
  [numeric ? 'numeric' : '', rank ? `rank-${rank}` : ''].filter(Boolean).join(' ')

function compare(a: string | number | null, b: string | number | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return String(a).localeCompare(String(b), 'en', {numeric: true})
}
