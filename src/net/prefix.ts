import {type Address, addressFromNumber, addressNumber, type Family, familyOf, parseAddress} from './address.ts'

/** A prefix in canonical text, `ADDRESS/LENGTH` with the host bits cleared. Made by the parse functions only. */
export type Prefix = string & {readonly __brand: 'Prefix'}

/** First and last address of a run of addresses of one family, as numbers. */
export interface Range {
  readonly family: Family
  readonly first: bigint
  readonly last: bigint
}

const bits = (family: Family): number => (family === 4 ? 32 : 128)

/** Reads `ADDRESS/LENGTH` or a bare address (its host prefix), clearing host bits; `null` when it is neither. */
export function parseCidr(text: string): Prefix | null {
  const slash = text.indexOf('/')
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash))
  if (address === null) return null
  const family = familyOf(address)
  if (slash < 0) return hostPrefix(address)
  const lengthText = text.slice(slash + 1)
  if (!/^\d{1,3}$/.test(lengthText)) return null
  const length = Number(lengthText)
  if (length > bits(family)) return null
  return makePrefix(address, family, length)
}

/** As `parseCidr`, but refuses a bare address and host bits that are set: the form that configuration must have. */
export function parsePrefix(text: string): Prefix | null {
  const prefix = parseCidr(text)
  if (prefix === null || !text.includes('/')) return null
  const address = parseAddress(text.slice(0, text.indexOf('/')))
  return address === prefixAddress(prefix) ? prefix : null
}

function makePrefix(address: Address, family: Family, length: number): Prefix {
  const host = BigInt(bits(family) - length)
  const base = (addressNumber(address) >> host) << host
  return `${addressFromNumber(base, family)}/${length}` as Prefix
}

/** The /32 or /128 of one address. */
export function hostPrefix(address: Address): Prefix {
  return `${address}/${bits(familyOf(address))}` as Prefix
}

export function isHostPrefix(prefix: Prefix): boolean {
  return prefixLength(prefix) === bits(prefixFamily(prefix))
}

export function prefixAddress(prefix: Prefix): Address {
  return prefix.slice(0, prefix.indexOf('/')) as Address
}

export function prefixLength(prefix: Prefix): number {
  return Number(prefix.slice(prefix.indexOf('/') + 1))
}

export function prefixFamily(prefix: Prefix): Family {
  return prefix.includes(':') ? 6 : 4
}

export function prefixRange(prefix: Prefix): Range {
  const family = prefixFamily(prefix)
  const first = addressNumber(prefixAddress(prefix))
  return {family, first, last: first + (1n << BigInt(bits(family) - prefixLength(prefix))) - 1n}
}

/** Whether `outer` holds all of `inner` (a prefix contains itself). */
export function prefixContains(outer: Prefix, inner: Prefix): boolean {
  if (prefixFamily(outer) !== prefixFamily(inner)) return false
  const o = prefixRange(outer)
  const i = prefixRange(inner)
  return o.first <= i.first && i.last <= o.last
}

export function prefixContainsAddress(prefix: Prefix, address: Address): boolean {
  return prefixContains(prefix, hostPrefix(address))
}

export function prefixesOverlap(a: Prefix, b: Prefix): boolean {
  return prefixContains(a, b) || prefixContains(b, a)
}

/** IPv4 before IPv6, then by first address, then the shorter prefix first. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  const left = prefixRange(a)
  const right = prefixRange(b)
  if (left.family !== right.family) return left.family - right.family
  if (left.first !== right.first) return left.first < right.first ? -1 : 1
  return prefixLength(a) - prefixLength(b)
}

/** The fewest prefixes that hold exactly the addresses of a range, in ascending order. */
export function rangeToPrefixes(range: Range): Prefix[] {
  const width = bits(range.family)
  const prefixes: Prefix[] = []
  let first = range.first
  while (first <= range.last) {
    let host = 0
    while (
      host < width &&
      (first & ((1n << BigInt(host + 1)) - 1n)) === 0n &&
      first + (1n << BigInt(host + 1)) - 1n <= range.last
    ) {
      host++
    }
    prefixes.push(`${addressFromNumber(first, range.family)}/${width - host}` as Prefix)
    first += 1n << BigInt(host)
  }
  return prefixes
}
