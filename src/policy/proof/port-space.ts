import type {PortRange} from '../../net/index.ts'

/**
 * A set of (source port, destination port) pairs, exactly, in one form: slices of source ports, ascending and apart, each
 * with its destination ports, ascending and apart; neighbours with equal destination ports are one slice. So two spaces
 * are equal exactly if their texts are. ICMP has type × 256 + code in the place of the destination port, as the compiler
 * has it, and protocols without ports are all or nothing.
 */
export type PortSpace = readonly PortSlice[]

export interface PortSlice {
  readonly source: PortRange
  readonly destinations: readonly PortRange[]
}

const ALL: PortRange = {first: 0, last: 65535}

export const NO_SPACE: PortSpace = []
export const FULL_SPACE: PortSpace = [{source: ALL, destinations: [ALL]}]

/** All pairs of a source port and a destination port of two ranges; null is any port. */
export const boxSpace = (source: PortRange | null, destination: PortRange | null): PortSpace => [
  {source: source ?? ALL, destinations: [destination ?? ALL]},
]

export const unite = (a: PortSpace, b: PortSpace): PortSpace => combine(a, b, (inA, inB) => inA || inB)
export const intersect = (a: PortSpace, b: PortSpace): PortSpace => combine(a, b, (inA, inB) => inA && inB)
export const subtract = (a: PortSpace, b: PortSpace): PortSpace => combine(a, b, (inA, inB) => inA && !inB)

export const isEmptySpace = (space: PortSpace): boolean => space.length === 0
export const isFullSpace = (space: PortSpace): boolean =>
  space.length === 1 &&
  isAll(space[0]!.source) &&
  space[0]!.destinations.length === 1 &&
  isAll(space[0]!.destinations[0]!)

export const isAll = ({first, last}: PortRange): boolean => first === 0 && last === 65535

export const spaceText = (space: PortSpace): string =>
  space.map(({source, destinations}) => `${rangeText(source)}:${destinations.map(rangeText).join()}`).join(' ')

export const rangeText = ({first, last}: PortRange): string => (first === last ? `${first}` : `${first}-${last}`)

export const holdsPair = (space: PortSpace, source: number, destination: number): boolean =>
  space.some((slice) => isIn(slice.source, source) && slice.destinations.some((range) => isIn(range, destination)))

const isIn = ({first, last}: PortRange, port: number): boolean => first <= port && port <= last

type Keep = (inA: boolean, inB: boolean) => boolean

/** One sweep over the source ports of both; where either changes, the destination ports are swept likewise. */
function combine(a: PortSpace, b: PortSpace, keep: Keep): PortSpace {
  const slices: PortSlice[] = []
  let text = ''
  for (const [source, inA, inB] of sweep(a, b, ({source: range}) => range)) {
    const destinations = combineRanges(inA?.destinations ?? [], inB?.destinations ?? [], keep)
    if (destinations.length === 0) continue
    const before = slices.at(-1)
    const own = destinations.map(rangeText).join()
    if (before && before.source.last + 1 === source.first && text === own) {
      slices[slices.length - 1] = {source: {first: before.source.first, last: source.last}, destinations}
    } else slices.push({source, destinations})
    text = own
  }
  return slices
}

function combineRanges(a: readonly PortRange[], b: readonly PortRange[], keep: Keep): PortRange[] {
  const ranges: PortRange[] = []
  for (const [range, inA, inB] of sweep(a, b, (own) => own)) {
    if (!keep(inA !== null, inB !== null)) continue
    const before = ranges.at(-1)
    if (before && before.last + 1 === range.first) ranges[ranges.length - 1] = {first: before.first, last: range.last}
    else ranges.push(range)
  }
  return ranges
}

/** Cuts two ascending lists of ranges where either begins or ends; what lies in neither is left out. */
function* sweep<T>(
  a: readonly T[],
  b: readonly T[],
  rangeOf: (item: T) => PortRange,
): Generator<[PortRange, T | null, T | null]> {
  let [i, j, next] = [0, 0, 0]
  for (;;) {
    while (i < a.length && rangeOf(a[i]!).last < next) i++
    while (j < b.length && rangeOf(b[j]!).last < next) j++
    const [left, right] = [a[i], b[j]]
    if (left === undefined && right === undefined) return
    const [l, r] = [left === undefined ? null : rangeOf(left), right === undefined ? null : rangeOf(right)]
    const first = Math.max(next, Math.min(l?.first ?? 65536, r?.first ?? 65536))
    const inLeft = l !== null && l.first <= first
    const inRight = r !== null && r.first <= first
    const end = (range: PortRange | null, inside: boolean): number =>
      range === null ? 65535 : inside ? range.last : range.first - 1
    const last = Math.min(end(l, inLeft), end(r, inRight))
    yield [{first, last}, inLeft ? left! : null, inRight ? right! : null]
    next = last + 1
  }
}
