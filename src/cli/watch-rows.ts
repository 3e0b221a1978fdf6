import type {Answer, Kind, Rows} from '../api/client.ts'
import {nameOf} from './columns.ts'
import type {CliContext} from './context.ts'
import type {Fetched} from './fetch-rows.ts'
import type {Column} from './table.ts'

export interface RowChange<K extends Kind> {
  readonly change: 'there' | 'new' | 'changed' | 'gone'
  readonly row: Rows[K]
}

/** What was shown of each, by its name. */
export type Said<K extends Kind> = ReadonlyMap<string, {readonly row: Rows[K]; readonly text: string}>

export interface RowChanges<K extends Kind> {
  readonly changes: readonly RowChange<K>[]
  readonly said: Said<K>
}

const EVERY_MS = 1000

/**
 * Asks again once a second, until somebody has had enough. The one place that knows how news come: what is told to the
 * reader is the same whoever finds that something is new.
 */
export async function* answersOverTime<K extends Kind>(
  {clock, until}: Pick<CliContext, 'clock' | 'until'>,
  ask: () => Promise<Answer<Fetched<K>>>,
): AsyncGenerator<Answer<Fetched<K>>, undefined> {
  while (!until.aborted) {
    yield await ask()
    if (!until.aborted) await clock.sleep(EVERY_MS)
  }
  return undefined
}

/**
 * What is new since the rows that were shown last: all of them at first. Ages and counters are no news, or every row would
 * be every second.
 */
export function changesSince<K extends Kind>(
  said: Said<K> | null,
  rows: readonly Rows[K][],
  columns: readonly Column<Rows[K]>[],
): RowChanges<K> {
  const still = columns.filter(({moves}) => !moves)
  const now = new Map<string, {row: Rows[K]; text: string}>()
  const changes: RowChange<K>[] = []
  for (const row of rows) {
    const key = freeKey(nameOf(row), now)
    const text = JSON.stringify(still.map(({value}) => value(row)))
    now.set(key, {row, text})
    const before = said?.get(key)
    if (said === null) changes.push({change: 'there', row})
    else if (!before) changes.push({change: 'new', row})
    else if (before.text !== text) changes.push({change: 'changed', row})
  }
  for (const [key, {row}] of said ?? []) if (!now.has(key)) changes.push({change: 'gone', row})
  return {changes, said: now}
}

/** Several routes have one prefix, several findings one place. */
function freeKey(name: string, taken: ReadonlyMap<string, unknown>): string {
  let key = name
  for (let number = 2; taken.has(key); number++) key = `${name} #${number}`
  return key
}
