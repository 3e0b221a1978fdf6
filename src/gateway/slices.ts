export {inSlices} from '../apply/index.ts'

/** Whoever enters has it alone until it leaves; the others follow in the order in which they came. */
export interface Turnstile {
  enter(): Promise<() => void>
  /** Who is in lays its work aside now and then, and until it is done not the least may change. */
  isHeld: boolean
}

export function createTurnstile(): Turnstile {
  let last: Promise<unknown> = Promise.resolve()
  return {
    async enter() {
      const left = Promise.withResolvers<void>()
      const before = last
      last = left.promise
      await before
      return left.resolve
    },
    isHeld: false,
  }
}

/** What may not change while it goes on is not touched: `work` is done by who is in. */
export async function whileHeld<T>(gate: Turnstile, work: () => Promise<T>): Promise<T> {
  gate.isHeld = true
  try {
    return await work()
  } finally {
    gate.isHeld = false
  }
}
