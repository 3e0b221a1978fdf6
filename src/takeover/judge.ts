/** What a gateway says of itself. */
export interface Word {
  readonly gateway: string
  /** 0: cannot carry; 1: can, and is to be emptied; 2: can. */
  readonly able: 0 | 1 | 2
  /** Why not more. */
  readonly why: string
  /** Sites that a tunnel of its own leads to, hubs among them. */
  readonly sites: number
  /** Of its last taking; each one's is larger than all that it had heard of. 0: none since it started. */
  readonly term: number
  /** It took the routes, and has heard of no taking since that is not older. */
  readonly has: boolean
}

/** What a gateway can do, whoever has the routes. */
export type Ability = Pick<Word, 'gateway' | 'able' | 'why' | 'sites'>

export interface TakeoverTimes {
  /** A judgement that the other one cannot carry, or is to be emptied, must hold for so long. */
  readonly afterMs: number
  /** And one that both can, and this one is better, for so long. */
  readonly backAfterMs: number
  /** Whoever has the routes takes them again after so long. */
  readonly repeatMs: number
}

export interface Verdict {
  readonly take: boolean
  readonly why: string
}

export interface TakeoverJudge {
  /** `twin`: null while it does not answer. Gives whether to take now. */
  note(own: Ability, twin: Word | null, nowMs: number): Verdict
  /** The command has taken the routes. */
  taken(nowMs: number): void
  standing(): Pick<Word, 'term' | 'has'>
}

/**
 * Who should have the routes: who can carry; of two that can who reaches more sites; of equals the preferred one. Whoever should and
 * does not have them takes them, once that has been so for long enough.
 *
 * Both may take them while they do not hear each other; equal terms mean that nobody knows who was last, and the better one
 * takes them again. A term stays with whoever made it, so that both see the same two, whoever looks first.
 */
export function createTakeoverJudge(isPreferred: boolean, times: TakeoverTimes): TakeoverJudge {
  let term = 0
  let heard = 0
  let takenMs = 0
  let silentSinceMs: number | null = null
  let wanted: {readonly hard: boolean; readonly sinceMs: number} | null = null
  const has = (): boolean => term > heard
  return {
    standing: () => ({term, has: has()}),
    taken(nowMs) {
      term = Math.max(term, heard) + 1
      takenMs = nowMs
      wanted = null
    },
    note(own, twin, nowMs) {
      heard = Math.max(heard, twin?.term ?? 0)
      silentSinceMs = twin === null ? (silentSinceMs ?? nowMs) : null
      const better = whyBetter(own, twin, isPreferred)
      if (better === null) {
        wanted = null
        return {take: false, why: own.able === 0 ? own.why : `${twin?.gateway} is better`}
      }
      if (has()) {
        wanted = null
        // A twin that fell silent may have taken them with its last breath. Where both live and do not hear each other both do
        // this, and the preferred one last.
        const patienceMs = times.afterMs * (isPreferred ? 2 : 1)
        const isUnsure = silentSinceMs !== null && takenMs < silentSinceMs && nowMs - silentSinceMs >= patienceMs
        const isDue = isUnsure || nowMs - takenMs >= times.repeatMs
        return {take: isDue, why: isDue ? 'to be sure' : 'has them'}
      }
      // Where nobody says to have them nothing is disturbed by taking them.
      const hard = twin === null || twin.able < own.able || !twin.has
      if (wanted === null || wanted.hard !== hard) wanted = {hard, sinceMs: nowMs}
      const waitMs = hard ? times.afterMs : times.backAfterMs
      return {take: nowMs - wanted.sinceMs >= waitMs, why: better}
    },
  }
}

function whyBetter(own: Ability, twin: Word | null, isPreferred: boolean): string | null {
  if (own.able === 0) return null
  if (twin === null) return 'the twin does not answer'
  if (own.able !== twin.able) return own.able > twin.able ? `${twin.gateway} ${twin.why}` : null
  if (own.sites !== twin.sites) {
    return own.sites > twin.sites ? `reaches ${own.sites} sites, ${twin.gateway} ${twin.sites}` : null
  }
  return isPreferred ? 'the preferred one' : null
}
