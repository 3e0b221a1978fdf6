import type {ProbeLine} from './line.ts'

export interface LanJudge {
  /**
   * What fping has said at once: answers of neighbours, or only that it lives, since it asks this machine as well. Gives whether this
   * gateway is cut off now.
   */
  note(lines: readonly ProbeLine[], nowMs: number): boolean
}

/** Five probes of fifty milliseconds, and a little: one may be lost on a busy machine. */
const SILENT_MS = 260
/** Who has not answered for so long is gone, and says nothing about the LAN. */
const WITNESS_MS = 60_000
/** By one alone nobody can tell which of the two is cut off. */
const WITNESSES = 2
/**
 * Two periods: fping speaks at least once in each. Where it said nothing for longer it did not ask either, or nobody read it, and
 * nobody can be said to have been silent meanwhile.
 */
const STEP_MS = 100
/** What is back must stay for so long, so that a loose plug moves no routes twice a second. */
export const BACK_MS = 3000

/**
 * Whether it is this gateway that its LAN has lost: nobody of all who answered until now does any longer. Where one
 * still does, it is the others who are gone. Only answers count, and what fping says of probes without one does
 * not: it gives none of those that it could not send, and after a pause of its own none at all (decision 0069). Pure; begins with what
 * was so before.
 */
export function createLanJudge(wasLost: boolean): LanJudge {
  const answeredMs = new Map<string, number>()
  let lost = wasLost
  let backSinceMs: number | null = null
  /** Time in which fping has asked. */
  let askedMs = 0
  let notedMs: number | null = null
  return {
    note(lines, nowMs) {
      askedMs += Math.min(nowMs - (notedMs ?? nowMs), STEP_MS)
      notedMs = nowMs
      for (const {target, rttMs} of lines) if (rttMs !== null) answeredMs.set(target, askedMs)
      const silences = [...answeredMs.values()].map((at) => askedMs - at).filter((silence) => silence < WITNESS_MS)
      if (silences.every((silence) => silence >= SILENT_MS)) {
        backSinceMs = null
        if (silences.length >= WITNESSES) lost = true
      } else {
        backSinceMs ??= askedMs
        if (askedMs - backSinceMs >= BACK_MS) lost = false
      }
      return lost
    },
  }
}
