import type {SourceId, World} from '../model/index.ts'

/** How long a start waits for sources that do not answer. */
export const FIRST_PASS_DEADLINE_MS = 5000

/**
 * Whether the first pass may run. The kernel may hold what an earlier run knew; a plan made from less would take it
 * away, and packets with it (cilium#26462), and one made from what is on disk may be seconds older than the kernel
 * (seen: a policy that had just been deleted was in force again for 40 ms). So a start on a programmed kernel waits
 * until every source has answered; only at the deadline does the last state on disk stand in for those that have not.
 * A kernel without our table has nothing to lose: it is closed at once.
 */
export function mayRunFirst(input: {
  readonly tableExists: boolean
  readonly sources: readonly SourceId[]
  readonly known: World['sources']
  readonly elapsedMs: number
}): boolean {
  if (!input.tableExists || input.elapsedMs >= FIRST_PASS_DEADLINE_MS) return true
  return input.sources.every((source) => input.known.get(source)?.synced)
}
