/** Ports `first` to `last`, both included, 0 to 65535. */
export interface PortRange {
  readonly first: number
  readonly last: number
}

/** In ascending order, those that touch joined. */
export function joinRanges(ranges: readonly PortRange[]): PortRange[] {
  const joined: PortRange[] = []
  for (const range of [...ranges].sort((a, b) => a.first - b.first)) {
    const before = joined.at(-1)
    if (before && range.first <= before.last + 1) {
      joined[joined.length - 1] = {first: before.first, last: Math.max(before.last, range.last)}
    } else joined.push(range)
  }
  return joined
}

export function withoutRanges(ranges: readonly PortRange[], excluded: readonly PortRange[]): PortRange[] {
  let left = [...ranges]
  for (const hole of excluded) {
    left = left.flatMap(({first, last}) => {
      if (hole.last < first || hole.first > last) return [{first, last}]
      return [
        ...(first < hole.first ? [{first, last: hole.first - 1}] : []),
        ...(hole.last < last ? [{first: hole.last + 1, last}] : []),
      ]
    })
  }
  return left
}

/** What is in both. */
export const commonRanges = (a: readonly PortRange[], b: readonly PortRange[]): PortRange[] =>
  withoutRanges(a, withoutRanges(a, b))

/** A port number 0 to 65535 from decimal text, or `null`. */
export function parsePort(text: string): number | null {
  if (!/^\d{1,5}$/.test(text)) return null
  const port = Number(text)
  return port <= 65535 ? port : null
}

/** Reads `80` or `8000:8100`, Calico's form of a range (api/pkg/lib/numorstring); `null` when it is neither. */
export function parsePortRange(text: string): PortRange | null {
  const [firstText, lastText, ...rest] = text.split(':')
  if (firstText === undefined || rest.length > 0) return null
  const first = parsePort(firstText)
  const last = lastText === undefined ? first : parsePort(lastText)
  if (first === null || last === null || first > last) return null
  return {first, last}
}
