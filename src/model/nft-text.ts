import {
  type Address,
  addressFromNumber,
  isHostPrefix,
  type Prefix,
  prefixAddress,
  type Range,
  rangeToPrefixes,
} from '../net/index.ts'

/**
 * The canonical text of set elements, the same that a read of the kernel gives (`apply/nft/listing.ts`), so that equal
 * elements are equal strings. Components of a concatenation are joined by ` . `, verdicts are `goto CHAIN`, `jump CHAIN`,
 * `accept`, `drop`, `return`, `continue`; ports are decimal; protocols and families nft's names (`tcp`, `ipv4`);
 * device names stand bare.
 */

/** Type `mark`: `0x00000007`. */
export function markText(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`
}

/** Type `classid`, as `meta priority` takes it: `1:a1`, lower hexadecimal without leading zeros. Not `0:0`, nft says `none`. */
export function classidText(major: number, minor: number): string {
  return `${major.toString(16)}:${minor.toString(16)}`
}

/** An address set's or interval set's element for a prefix: a host's prefix is its bare address. */
export function prefixElement(prefix: Prefix): string {
  return isHostPrefix(prefix) ? prefixAddress(prefix) : prefix
}

/** An interval set's element for a run of addresses: a prefix where it is one, else `FIRST-LAST`. */
export function rangeElement(range: Range): string {
  const [only, ...more] = rangeToPrefixes(range)
  if (only !== undefined && more.length === 0) return prefixElement(only)
  const end = (value: bigint): Address => addressFromNumber(value, range.family)
  return `${end(range.first)}-${end(range.last)}`
}

/** Components of a concatenated element or key type. */
export const concatSeparator = ' . '
