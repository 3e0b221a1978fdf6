import {Address4, Address6} from 'ip-address'

/** An IP address in canonical text: dotted IPv4, or IPv6 as RFC 5952 writes it. Made by `parseAddress` only. */
export type Address = string & {readonly __brand: 'Address'}

export type Family = 4 | 6

const DOTTED = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/

/**
 * Reads an address without mask, zone or port; `null` when it is none. IPv6 text may be long or in upper case, as
 * hand-written datastore values are; leading zeros in IPv4 are refused, since some readers take them as octal.
 */
export function parseAddress(text: string): Address | null {
  const dotted = DOTTED.exec(text)
  if (dotted) {
    for (let i = 1; i <= 4; i++) if (Number(dotted[i]) > 255) return null
    return text as Address
  }
  if (!text.includes(':') || text.includes('%') || text.includes('/')) return null
  if (!Address6.isValid(text)) return null
  return new Address6(text).correctForm() as Address
}

export function familyOf(address: Address): Family {
  return address.includes(':') ? 6 : 4
}

const DOT = '.'.charCodeAt(0)
const DIGIT_0 = '0'.charCodeAt(0)

/** The address as an unsigned number of 32 or 128 bits. */
export function addressNumber(address: Address): bigint {
  if (address.includes(':')) return sixNumber(address)
  let [value, octet] = [0, 0]
  for (let at = 0; at < address.length; at++) {
    const code = address.charCodeAt(at)
    if (code !== DOT) octet = octet * 10 + code - DIGIT_0
    else [value, octet] = [value * 256 + octet, 0]
  }
  return BigInt(value * 256 + octet)
}

/** The text is canonical, so that only groups and one `::` are in it: the library's parser takes ten times as long. */
function sixNumber(address: Address): bigint {
  const [head = '', tail] = address.split('::')
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'))
  const [before, after] = [groups(head), tail === undefined ? [] : groups(tail)]
  const hex = (list: readonly string[]): string => list.map((group) => group.padStart(4, '0')).join('')
  return BigInt(`0x${hex(before)}${'0000'.repeat(8 - before.length - after.length)}${hex(after)}`)
}

export function addressFromNumber(value: bigint, family: Family): Address {
  if (family === 6) return sixText(value) as Address
  return Address4.fromBigInt(value).correctForm() as Address
}

/** RFC 5952: lower case, no leading zeros, the first of the longest runs of two or more zero groups as `::`. */
function sixText(value: bigint): string {
  const hex = value.toString(16).padStart(32, '0')
  const groups = Array.from({length: 8}, (_, i) => Number.parseInt(hex.slice(i * 4, i * 4 + 4), 16))
  let [at, length] = [0, 1]
  for (let start = 0; start < 8; start++) {
    let end = start
    while (end < 8 && groups[end] === 0) end++
    if (end - start > length) [at, length] = [start, end - start]
  }
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':')
  return length < 2 ? text(groups) : `${text(groups.slice(0, at))}::${text(groups.slice(at + length))}`
}

/** IPv4 before IPv6, then by number: the order in which routers print. */
export function compareAddresses(a: Address, b: Address): number {
  const family = familyOf(a) - familyOf(b)
  if (family !== 0) return family
  const left = addressNumber(a)
  const right = addressNumber(b)
  return left < right ? -1 : left > right ? 1 : 0
}
