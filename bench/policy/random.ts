/** A small seeded generator (mulberry32): the same seed gives the same workload on every machine. */
export interface Random {
  /** From 0 to below 1. */
  unit(): number
  /** A whole number from 0 to `below - 1`. */
  below(below: number): number
  pick<T>(items: readonly T[]): T
  chance(share: number): boolean
}

export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const unit = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (bound: number): number => Math.floor(unit() * bound)
  return {unit, below, pick: (items) => items[below(items.length)]!, chance: (share) => unit() < share}
}
