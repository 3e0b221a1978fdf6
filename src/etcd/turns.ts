/** So many at a time; the others follow in the order in which they came. */
export interface Turns {
  /** Resolves with what ends the turn. */
  enter(): Promise<() => void>
}

export function createTurns(atOnce: number): Turns {
  const waiting: (() => void)[] = []
  let free = atOnce
  return {
    async enter() {
      if (free > 0) free--
      else await new Promise<void>((resolve) => waiting.push(resolve))
      return () => {
        const next = waiting.shift()
        if (next) next()
        else free++
      }
    },
  }
}
