import type {SourceId, World} from '../model/index.ts'

/** Those that are being read are waited for, as long as one of them arrives in this time; if all fail, for less. */
const QUIET_MS = 60_000
const FAILING_MS = 3000

export interface GatheringOptions {
  readonly sources: readonly SourceId[]
  /** Whether the source could not be read when it was last tried. */
  readonly hasFailed: (source: SourceId) => boolean
  readonly nowMs: () => number
}

/**
 * Whether a start on an empty kernel knows enough to open: answers for ever once it does. Ten sites that are listed one
 * after the other are one compilation so, not ten; until then all is denied, and who cannot be reached is not waited for long.
 */
export function createGathering({sources, hasFailed, nowMs}: GatheringOptions): (known: World['sources']) => boolean {
  let arrived = -1
  let sinceMs = 0
  return (known) => {
    const isThere = (source: SourceId): boolean => {
      const state = known.get(source)
      return state !== undefined && (state.synced || state.restored)
    }
    const there = sources.filter(isThere).length
    if (there > arrived) {
      arrived = there
      sinceMs = nowMs()
    }
    const missing = sources.filter((source) => !isThere(source))
    const quietMs = nowMs() - sinceMs
    return missing.length === 0 || quietMs >= (missing.every(hasFailed) ? FAILING_MS : QUIET_MS)
  }
}
