import type {Answer, ApiClient, Kind, Rows} from '../api/client.ts'
import {nameOf} from './columns.ts'
import type {CliContext} from './context.ts'
import type {Fetched} from './fetch-rows.ts'
import {followEvents} from './follow-events.ts'
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

/** What is told in part, or not at all, is asked for so often. */
const POLL_MS = 2000
/** A gateway that is away is looked for so often. */
const AWAY_MS = 1000
/** To answer takes no more of the gateway's time than one part in so many. */
const SHARE = 10

/**
 * Asks again whenever the gateway tells that something is new, and in between where its events do not tell all of this kind. The one
 * place that knows how news come: what is told to the reader is the same whoever finds that something is new.
 */
export async function* answersOverTime<K extends Kind>(
  context: Pick<CliContext, 'clock' | 'until' | 'err'>,
  api: Pick<ApiClient, 'events'>,
  kind: K,
  ask: () => Promise<Answer<Fetched<K>>>,
): AsyncGenerator<Answer<Fetched<K>>, undefined> {
  const {clock, until} = context
  const enough = new AbortController()
  const follower = followEvents({...context, until: AbortSignal.any([until, enough.signal])}, api, kind)
  try {
    while (!until.aborted) {
      await follower.open()
      // Before it is asked, so that nothing falls between.
      const news = follower.news()
      if (follower.isBeginning()) {
        await news
        continue
      }
      const beganMs = clock.nowMs()
      const answer = await ask()
      yield answer
      const tookMs = clock.nowMs() - beganMs
      if (tookMs * SHARE > AWAY_MS) await clock.sleep(tookMs * SHARE)
      if (answer.ok && follower.tellsAll()) await news
      else await Promise.race([news, clock.sleep(answer.ok ? POLL_MS : AWAY_MS)])
    }
  } finally {
    enough.abort()
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
