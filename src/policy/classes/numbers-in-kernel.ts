import type {ActualNft} from '../../model/index.ts'
import {AddressNumbers, type Family, parseAddress, parseCidr, prefixRange} from '../../net/index.ts'
import type {NumberedRegion, Numbering} from './number-classes.ts'

/**
 * The numbers that an earlier process left in the kernel, as a numbering to go on from; null when there are none.
 *
 * A start that goes on with them changes nothing where nothing has changed: no transaction, no new generation, and no
 * packet between two look-ups that could be misread. What cannot be read is left out and gets a new number.
 */
export function numbersInKernel(held: ActualNft | null): Numbering | null {
  if (held === null) return null
  const hosts = new AddressNumbers()
  const regions: NumberedRegion[] = []
  for (const family of [4, 6] as const) {
    for (const [key, value] of held.sets.get(`class${family}`)?.elements ?? []) {
      const address = parseAddress(key)
      if (address !== null) hosts.set(address, Number(value))
    }
    for (const [key, value] of held.sets.get(`cidr${family}`)?.elements ?? []) {
      const range = rangeOf(key, family)
      if (range !== null) regions.push({...range, number: Number(value)})
    }
  }
  if (hosts.size + regions.length === 0) return null
  regions.sort((a, b) => a.family - b.family || (a.first < b.first ? -1 : 1))
  // Whoever was stopped on the way to another policy left numbers in the maps of the way, too.
  const addressMaps = [...held.sets.values()].filter(({key, value}) => key.endsWith('_addr') && value === 'mark')
  let highest = 0
  for (const {elements} of addressMaps)
    for (const value of elements.values()) highest = Math.max(highest, Number(value))
  const next = highest + 1
  return {numbers: [], hosts, regions, next}
}

/** `10.1.0.0/16`, `10.1.0.5`, or `10.1.0.5-10.1.0.9`. */
function rangeOf(text: string, family: Family): {family: Family; first: bigint; last: bigint} | null {
  const [firstText, lastText] = text.split('-')
  const first = parseCidr(firstText!)
  const last = lastText === undefined ? first : parseCidr(lastText)
  return first && last ? {family, first: prefixRange(first).first, last: prefixRange(last).last} : null
}
