import type {NftSet} from '../model/index.ts'
import {type Address, addressNumber, type Family, familyOf, parseAddress, parseCidr, prefixRange} from '../net/index.ts'

/** Sets by name with their elements, as planned or as the kernel lists them. */
export type Elements = ReadonlyMap<string, Pick<NftSet, 'elements'>>

/** What the maps of a table say of addresses and of pairs of them, by the numbers that this table gave. */
export interface Judgement {
  readonly hosts: ReadonlyMap<Address, number>
  /** Disjoint, by family and address. */
  readonly regions: readonly NumberedRange[]
  /** Of an address; 0 where no map holds it. */
  readonly numberOf: (address: Address) => number
  /** The chain that decides between two numbers. */
  readonly verdict: (from: number, to: number) => string
  /** Addresses and ranges that are another class as a source than as a destination. */
  readonly twofold: readonly string[]
  /** Elements of maps that hold something only on the way from one policy to another. */
  readonly onTheWay: number
}

export interface NumberedRange {
  readonly family: Family
  readonly first: bigint
  readonly last: bigint
  readonly number: number
}

/** Where each look-up map leads that a number of a target is asked in. */
const CHAINS_AFTER_SOURCE = {judge_destination: 'ins', judge_unowned: 'ins_unowned'} as const

/**
 * Follows the look-ups of the chains `judge…` (policy/compile/nft-tables.ts) as the kernel makes them: both addresses to
 * numbers, the pair to a target; without one the source's own, and where that leaves it to the destination, its own.
 */
export function judgementOf(sets: Elements): Judgement {
  const elements = (name: string): ReadonlyMap<string, string> => sets.get(name)?.elements ?? new Map()
  const hosts = new Map<Address, number>()
  const regions: NumberedRange[] = []
  const twofold: string[] = []
  for (const family of [4, 6] as const) {
    for (const kind of ['class', 'cidr'] as const) {
      const sources = elements(`${kind}${family}`)
      const destinations = elements(`${kind}${family}d`)
      for (const [key, text] of sources) {
        const number = numberIn(text)
        if (numberIn(destinations.get(key) ?? '') !== number) twofold.push(key)
        const address = kind === 'class' ? parseAddress(key) : null
        const range = kind === 'cidr' ? rangeOf(key, family) : null
        if (address !== null) hosts.set(address, number)
        else if (range !== null) regions.push({...range, number})
      }
      for (const key of destinations.keys()) if (!sources.has(key)) twofold.push(key)
    }
  }
  regions.sort((a, b) => a.family - b.family || (a.first < b.first ? -1 : 1))

  const pairs = new Map<number, Map<number, string>>()
  for (const [key, target] of elements('pairs')) {
    const [from = '', to = ''] = key.split(' . ')
    const row = pairs.get(numberIn(from)) ?? new Map<number, string>()
    pairs.set(numberIn(from), row.set(numberIn(to), target))
  }
  const byNumber = (name: string): Map<number, string> =>
    new Map([...elements(name)].map(([key, value]) => [numberIn(key), value]))
  const [sources, destinations] = [byNumber('judge_sources'), byNumber('judge_destinations')]
  const chainOf = (map: string, target: string | undefined): string =>
    target === undefined ? NOWHERE : (elements(map).get(target)?.replace('goto ', '') ?? NOWHERE)
  return {
    hosts,
    regions,
    twofold,
    onTheWay: [...sets.keys()].reduce((sum, name) => sum + (ON_THE_WAY.test(name) ? elements(name).size : 0), 0),
    numberOf: (address) => hosts.get(address) ?? numberInRegions(regions, address),
    verdict: (from, to) => {
      const target = pairs.get(from)?.get(to)
      if (target !== undefined) return chainOf('verdicts', target)
      const out = chainOf('outs', sources.get(from))
      if (out !== 'judge_destination' && out !== 'judge_unowned') return out
      return chainOf(CHAINS_AFTER_SOURCE[out], destinations.get(to))
    },
  }
}

/** Of a look-up that finds nothing: the packet comes to the end of the chain, which denies. */
const NOWHERE = 'deny_unowned'
const ON_THE_WAY = /^(flip|move[46]|cidr[46]d?_way)/

/** `0x00000007` of a mark, `1:a1` or `none` of a class id. */
function numberIn(text: string): number {
  if (text === 'none') return 0
  const [major, minor] = text.split(':')
  return minor === undefined ? Number(text) : Number(`0x${major}`) * 0x10000 + Number(`0x${minor}`)
}

/** `10.1.0.0/16`, `10.1.0.5` or `10.1.0.5-10.1.0.9`. */
function rangeOf(text: string, family: Family): Omit<NumberedRange, 'number'> | null {
  const [from, to = from] = text.split('-')
  const [first, last] = [parseCidr(from ?? ''), parseCidr(to ?? '')]
  return first && last ? {family, first: prefixRange(first).first, last: prefixRange(last).last} : null
}

/** By halving: there may be a hundred thousand of either. */
function numberInRegions(regions: readonly NumberedRange[], address: Address): number {
  const [family, value] = [familyOf(address), addressNumber(address)]
  let [low, high] = [0, regions.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const region = regions[middle]!
    if (region.family < family || (region.family === family && region.last < value)) low = middle + 1
    else high = middle
  }
  const found = regions[low]
  return found && found.family === family && found.first <= value ? found.number : 0
}
