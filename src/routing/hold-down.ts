import {beganLater} from '../model/index.ts'

/**
 * Sessions over tunnels that come and go, as a machine of plain states: what is seen of BIRD goes in, which sessions are
 * held down comes out.
 *
 *     lost ──lost again within a minute──► held, as the last choice ──half a minute after the last loss──► as before
 *
 * Held down is not taken out: such a tunnel is liked least, at both ends, and carries what has no other way (decision 0071).
 */

/** Two losses that are no further apart are a flap. */
const WITHIN_MS = 60_000
const HELD_MS = 30_000

/** Of a session, as BIRD tells it. */
export interface SeenSession {
  readonly name: string
  readonly up: boolean
  /** Since when it is in its state, by the clock of `nowMs`, which nobody sets; null: not known. */
  readonly sinceMs: number | null
}

interface Losses {
  readonly lastMs: number
  readonly beforeMs: number | null
}

export interface HoldDown {
  /** Sessions that were up when they were last seen, and since when. */
  readonly up: ReadonlyMap<string, number | null>
  /** Of sessions that were lost not long ago. */
  readonly losses: ReadonlyMap<string, Losses>
}

export const NO_HOLD_DOWN: HoldDown = {up: new Map(), losses: new Map()}

/** `seen`: null while BIRD is away, whose end is nobody else's loss. Up in both looks, with a later beginning: lost between them. */
export function nextHoldDown(before: HoldDown, seen: readonly SeenSession[] | null, nowMs: number): HoldDown {
  const losses = new Map([...before.losses].filter(([, {lastMs}]) => nowMs - lastMs < WITHIN_MS + HELD_MS))
  const up = new Map<string, number | null>()
  for (const session of seen ?? []) {
    if (session.up) up.set(session.name, session.sinceMs)
    const sinceBefore = before.up.get(session.name)
    if (sinceBefore === undefined || (session.up && !beganLater(session.sinceMs, sinceBefore))) continue
    losses.set(session.name, {lastMs: nowMs, beforeMs: losses.get(session.name)?.lastMs ?? null})
  }
  return {up, losses}
}

/** Sessions that are to be liked least now, in order. */
export function heldDown({losses}: HoldDown, nowMs: number): string[] {
  return [...losses]
    .filter(([, {lastMs, beforeMs}]) => beforeMs !== null && lastMs - beforeMs <= WITHIN_MS && nowMs - lastMs < HELD_MS)
    .map(([name]) => name)
    .sort()
}
