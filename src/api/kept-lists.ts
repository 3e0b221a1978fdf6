import {randomUUID} from 'node:crypto'
import type {Kind, Rows} from './gateway-view.ts'

/** A list of which a part has been told. */
export interface OpenList {
  readonly kind: Kind
  /** Taken already, and not told yet. */
  readonly next: Rows[Kind] | null
  readonly rest: Iterator<Rows[Kind]> | AsyncIterator<Rows[Kind]>
}

/** Lists that whoever reads them page by page comes back for. */
export interface KeptLists {
  /** Gives the word to come back with. */
  keep(list: OpenList): string
  /** Once; null: nobody has it, or no longer. */
  take(token: string): OpenList | null
}

const KEPT_MS = 60_000
/** The one that was kept first gives way: a list holds next to nothing, but nobody may make it many. */
const MOST = 32

export function createKeptLists(nowMs: () => number): KeptLists {
  const lists = new Map<string, {readonly list: OpenList; readonly untilMs: number}>()
  const drop = (token: string): void => {
    void lists.get(token)?.list.rest.return?.()
    lists.delete(token)
  }
  const dropOld = (): void => {
    for (const [token, {untilMs}] of lists) if (untilMs < nowMs() || lists.size > MOST) drop(token)
  }
  return {
    keep(list) {
      const token = randomUUID()
      lists.set(token, {list, untilMs: nowMs() + KEPT_MS})
      dropOld()
      return token
    },
    take(token) {
      dropOld()
      const kept = lists.get(token)
      lists.delete(token)
      return kept?.list ?? null
    },
  }
}
