import type {ProbeLine} from './line.ts'

export interface LanJudge {
  /** One probe's end; tells whether this gateway is cut off now. */
  note(line: ProbeLine, nowMs: number): boolean
}

/** Of each neighbour in a row; one may be lost on a busy machine. */
const UNANSWERED = 2
/** Who has not answered for so long is gone, and says nothing about the LAN. */
const WITNESS_MS = 60_000
/** By one alone nobody can tell which of the two is cut off. */
const WITNESSES = 2
/** What is back must stay for so long, so that a loose plug moves no routes twice a second. */
export const BACK_MS = 3000

/**
 * Whether it is this gateway that its LAN has lost: nobody of all who answered until now does any longer. Where one
 * still does, it is the others who are gone. Pure; begins with what was so before.
 */
export function createLanJudge(wasLost: boolean): LanJudge {
  const neighbours = new Map<string, {unanswered: number; answeredMs: number}>()
  let lost = wasLost
  let backSinceMs: number | null = null
  return {
    note({target, rttMs}, nowMs) {
      const own = neighbours.get(target)
      if (rttMs !== null) {
        neighbours.set(target, {unanswered: 0, answeredMs: nowMs})
        backSinceMs ??= nowMs
        if (nowMs - backSinceMs >= BACK_MS) lost = false
        return lost
      }
      if (!own) return lost
      own.unanswered++
      const witnesses = [...neighbours.values()].filter(({answeredMs}) => nowMs - answeredMs < WITNESS_MS)
      const isSilent = witnesses.every(({unanswered}) => unanswered >= UNANSWERED)
      if (isSilent) backSinceMs = null
      if (isSilent && witnesses.length >= WITNESSES) lost = true
      return lost
    },
  }
}
