import {comparePrefixes, type Family, type Prefix, prefixRange, type Range} from '../../net/index.ts'

/** A run of addresses that lie in exactly the same prefixes; `inside` from the outermost to the innermost. */
export interface Region<T> extends Range {
  readonly inside: readonly T[]
}

/**
 * Cuts prefixes into disjoint regions, ascending within a family, IPv4 first.
 *
 * Prefixes either nest or are apart, so one walk in order with a stack does it. Addresses in no prefix are in no region.
 */
export function cutRegions<T>(prefixes: ReadonlyMap<Prefix, T>): Region<T>[] {
  const regions: Region<T>[] = []
  let stack: {range: Range; value: T}[] = []
  let next = 0n
  const emit = (family: Family, last: bigint): void => {
    if (next > last) return
    regions.push({family, first: next, last, inside: stack.map(({value}) => value)})
    next = last + 1n
  }
  const close = (until: (range: Range) => boolean): void => {
    for (let top = stack.at(-1); top && until(top.range); top = stack.at(-1)) {
      emit(top.range.family, top.range.last)
      stack = stack.slice(0, -1)
    }
  }
  for (const [prefix, value] of [...prefixes].sort(([a], [b]) => comparePrefixes(a, b))) {
    const range = prefixRange(prefix)
    close((open) => open.family !== range.family || open.last < range.first)
    if (stack.length > 0) emit(range.family, range.first - 1n)
    next = range.first
    stack.push({range, value})
  }
  close(() => true)
  return regions
}

/** The region that holds a number. `regions` are of one family, ascending. */
export function findRegion<T extends Range>(regions: readonly T[], number: bigint): T | undefined {
  let low = 0
  let high = regions.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const region = regions[middle]!
    if (number < region.first) high = middle - 1
    else if (number > region.last) low = middle + 1
    else return region
  }
  return undefined
}
