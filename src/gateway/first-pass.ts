import type {SourceId, World} from '../model/index.ts'

/** How long a start waits for a source that has neither answered nor left its last state on disk. */
export const FIRST_PASS_DEADLINE_MS = 5000

/**
 * Whether the first pass may run. The kernel may hold what an earlier run knew; a plan made from less would take it
 * away, and packets with it (cilium#26462). So a start on a programmed kernel waits until every source has been read
 * or restored from disk, or until the deadline. A kernel without our table has nothing to lose: it is closed at once.
 */
export function mayRunFirst(input: {
  readonly tableExists: boolean
  readonly sources: readonly SourceId[]
  readonly known: World['sources']
  readonly elapsedMs: number
}): boolean {
  if (!input.tableExists || input.elapsedMs >= FIRST_PASS_DEADLINE_MS) return true
  return input.sources.every((source) => {
    const state = input.known.get(source)
    return state !== undefined && (state.synced || state.restored)
  })
}
