import type {BirdRoute} from '../model/index.ts'

const ORIGINS = ['IGP', 'EGP', 'Incomplete']

/** What makes the one of two routes for a prefix better than the other, in the order in which BIRD compares them. */
export function betterBy(winner: BirdRoute, loser: BirdRoute): string {
  const differs = (what: string, a: number | null, b: number | null, less: boolean): string | null =>
    a === null || b === null || a === b || a < b !== less ? null : `${what} ${a}, against ${b}`
  const [left, right] = [winner.bgp, loser.bgp]
  const originOf = (origin: string | null | undefined): number => ORIGINS.indexOf(origin ?? '')
  return (
    differs('preference', winner.preference, loser.preference, false) ??
    (left && right
      ? (differs('local preference', left.localPref ?? 0, right.localPref ?? 0, false) ??
        differs('AS path of length', left.path.length, right.path.length, true) ??
        differs('origin', originOf(left.origin), originOf(right.origin), true) ??
        // Only of what one neighbour tells.
        (left.path[0] === right.path[0] ? differs('MED', left.med ?? 0, right.med ?? 0, true) : null))
      : null) ??
    'the same by all attributes: the older one, or of the lower router id, is kept'
  )
}
