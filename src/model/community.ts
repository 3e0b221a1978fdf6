/** A BGP community of one of three sizes; `null` in a part: any value, in what is matched or removed. */
export type Community =
  | {readonly kind: 'standard'; readonly parts: readonly [number, Part]}
  | {readonly kind: 'large'; readonly parts: readonly [number, Part, Part]}
  /** Route target, or site of origin. */
  | {readonly kind: 'rt' | 'soo'; readonly parts: readonly [number, Part]}

type Part = number | null

/** RFC 8326: the sender is about to go away. */
export const GRACEFUL_SHUTDOWN: Community = {kind: 'standard', parts: [65535, 0]}

const WELL_KNOWN: ReadonlyMap<string, number> = new Map([
  ['graceful-shutdown', 0],
  ['blackhole', 666],
  ['no-export', 65281],
  ['no-advertise', 65282],
  ['no-export-subconfed', 65283],
])

export const COMMUNITY_RULE =
  'a community: "64512:100", "large:64512:1:2", "rt:64512:1", "soo:64512:1", or one of ' +
  [...WELL_KNOWN.keys()].join(', ')

/** Reads one community as people write it; `*` stands for any value after the first. */
export function parseCommunityPattern(text: string): Community | null {
  const known = WELL_KNOWN.get(text)
  if (known !== undefined) return {kind: 'standard', parts: [65535, known]}
  const [, kind, numbers] = /^(?:(large|rt|soo):)?(\d+(?::(?:\d+|\*)){1,2})$/.exec(text) ?? []
  if (numbers === undefined) return null
  const [first, second, third] = numbers.split(':').map((part) => (part === '*' ? null : Number(part)))
  if (typeof first !== 'number' || second === undefined) return null
  if (kind === 'large') {
    // BIRD matches what is below any value by any value only.
    if (second === null && third !== null) return null
    if (third === undefined || ![first, second, third].every((part) => fits(part, 32))) return null
    return {kind, parts: [first, second, third]}
  }
  if (third !== undefined) return null
  if (kind === 'rt' || kind === 'soo') {
    // Eight bytes, two of them the type: an AS number of two bytes leaves four, one of four leaves two.
    return fits(first, 32) && fits(second, first > 0xffff ? 16 : 32) ? {kind, parts: [first, second]} : null
  }
  return fits(first, 16) && fits(second, 16) ? {kind: 'standard', parts: [first, second]} : null
}

/** As `parseCommunityPattern`, but one that can be put on a route. */
export function parseCommunity(text: string): Community | null {
  const community = parseCommunityPattern(text)
  return community?.parts.includes(null) ? null : community
}

const fits = (part: Part, bits: 16 | 32): boolean => part === null || part < 2 ** bits
