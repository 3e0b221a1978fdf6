import type {ProbeLine} from './line.ts'

export interface LanJudge {
  /**
   * What fping has said at once, whatever it was: that it says something is what tells that time has passed for it too.
   * Gives whether this gateway is cut off now.
   */
  note(lines: readonly ProbeLine[], nowMs: number): boolean
}

/** Five probes of fifty milliseconds, and a little: one may be lost on a busy machine. */
const SILENT_MS = 260
/** Who has not answered for so long is gone, and says nothing about the LAN. */
const WITNESS_MS = 60_000
/** By one alone nobody can tell which of the two is cut off. */
const WITNESSES = 2
/** What is back must stay for so long, so that a loose plug moves no routes twice a second. */
export const BACK_MS = 3000

/**
 * Whether it is this gateway that its LAN has lost: nobody of all who answered until now does any longer. Where one
 * still does, it is the others who are gone. Only answers count: of a probe that ends by an error, since a neighbour's
 * hardware address is not known any more, say, fping gives no line of the usual form, or none at all. Pure; begins with
 * what was so before.
 */
export function createLanJudge(wasLost: boolean): LanJudge {
  const answeredMs = new Map<string, number>()
  let lost = wasLost
  let backSinceMs: number | null = null
  return {
    note(lines, nowMs) {
      for (const {target, rttMs} of lines) if (rttMs !== null) answeredMs.set(target, nowMs)
      const silences = [...answeredMs.values()].map((at) => nowMs - at).filter((silence) => silence < WITNESS_MS)
      if (silences.every((silence) => silence >= SILENT_MS)) {
        backSinceMs = null
        if (silences.length >= WITNESSES) lost = true
      } else {
        backSinceMs ??= nowMs
        if (nowMs - backSinceMs >= BACK_MS) lost = false
      }
      return lost
    },
  }
}
