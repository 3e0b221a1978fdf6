/** So many at a time; the others follow in the order in which they came. */
export interface Turns {
  /** Resolves with what ends the turn; a second time that does nothing. */
  enter(): Promise<() => void>
}

export function createTurns(atOnce: number): Turns {
  const waiting: (() => void)[] = []
  let free = atOnce
  return {
    async enter() {
      if (free > 0) free--
      else await new Promise<void>((resolve) => waiting.push(resolve))
      let isOver = false
      return () => {
        if (isOver) return
        isOver = true
        const next = waiting.shift()
        if (next) next()
        else free++
      }
    },
  }
}
