/**
 * Arithmetic of addresses, prefixes and ports. Imports nothing of ours.
 *
 *     text ──parse──► Address | Prefix (canonical text, branded) ──► ranges, containment, longest match
 *
 * An `Address` and a `Prefix` are strings in their one canonical form (dotted IPv4, RFC 5952 IPv6, host bits
 * cleared), so that equality is `===`, they are map keys as they stand, and what is printed is what is compared.
 * Only the parse functions make them; everything behind the edge trusts them. Numbers appear only inside: IPv4 and
 * IPv6 are both `bigint` in ranges, since one shape for both families is worth more here than the last nanosecond.
 * Parsing and text go through `ip-address`, with a fast way for dotted IPv4, the bulk of what a datastore holds.
 */
export {
  type Address,
  addressFromNumber,
  addressNumber,
  compareAddresses,
  type Family,
  familyOf,
  parseAddress,
} from './address.ts'
export {AddressNumbers, canonicalFour, fourNumber, fourText} from './address-numbers.ts'
export {AddressTexts, type TextMap} from './address-texts.ts'
export {commonRanges, joinRanges, type PortRange, parsePort, parsePortRange, withoutRanges} from './port-range.ts'
export {
  comparePrefixes,
  hostPrefix,
  isHostPrefix,
  type Prefix,
  parseCidr,
  parsePrefix,
  prefixAddress,
  prefixContains,
  prefixContainsAddress,
  prefixesOverlap,
  prefixFamily,
  prefixLength,
  prefixRange,
  type Range,
  rangeToPrefixes,
} from './prefix.ts'
export {PrefixTable} from './prefix-table.ts'
export {realPrefix, seenPrefix, type Translation} from './translation.ts'
