import {slowness} from '../environment.ts'
import type {Range} from '../scenario/schema.ts'

/** One line of the verify table. */
export interface Result {
  readonly name: string
  readonly ok: boolean
  /** What was seen; on failure, what was expected as well. */
  readonly detail: string
}

/** What one look saw. */
export interface Seen {
  readonly ok: boolean
  readonly detail: string
}

export const inRange = (value: number, range: Range): boolean =>
  typeof range === 'number'
    ? value === range
    : value >= (range.min ?? Number.NEGATIVE_INFINITY) && value <= (range.max ?? Number.POSITIVE_INFINITY)

export const printRange = (range: Range): string =>
  typeof range === 'number' ? `${range}` : `${range.min ?? '…'} to ${range.max ?? '…'}`

/** Between two looks; on an emulated CPU many looks would take the time of what is looked for. */
const AGAIN_MS = 25

/** Looks until it is as expected or the time is over; without a time, once. Tells how long it took. */
export async function lookUntil(look: () => Promise<Seen>, withinMs: number): Promise<Seen> {
  const began = performance.now()
  for (;;) {
    const seen = await look()
    const tookMs = Math.round(performance.now() - began)
    if (seen.ok) return withinMs > 0 ? {ok: true, detail: `${seen.detail}, after ${tookMs} ms`} : seen
    if (tookMs >= withinMs) return withinMs > 0 ? {ok: false, detail: `${seen.detail}, still after ${tookMs} ms`} : seen
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS * slowness()))
  }
}
