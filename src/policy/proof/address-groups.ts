import {type Address, addressFromNumber, addressNumber, type Family, familyOf} from '../../net/index.ts'
import {type Classified, hostClass, nothingClass} from '../classes/index.ts'

/** Addresses that are of one class in each of several classifications. */
export interface AddressGroup {
  readonly family: Family
  /** Class index in each classification, in their order. */
  readonly classes: readonly number[]
  readonly size: bigint
  /** Those that some classification lists one by one, ascending as text. */
  readonly hosts: readonly Address[]
  /** Runs of addresses in which the rest lie, ascending. */
  readonly runs: readonly Run[]
}

export interface Run {
  readonly first: bigint
  readonly last: bigint
  /** An address of it that nobody lists. */
  readonly free: Address
}

interface Cut {
  readonly first: bigint
  readonly last: bigint
  readonly classes: readonly number[]
}

const BITS = {4: 32n, 6: 128n} as const

/**
 * The common refinement of classifications, each group with at least one address.
 *
 * A run whose addresses are all listed one by one holds none of its own class: without counting, a proof would find a
 * counter-example that no packet can be.
 */
export function groupAddresses(classifications: readonly Classified[]): AddressGroup[] {
  const groups = new Map<
    string,
    {family: Family; classes: readonly number[]; hosts: Address[]; runs: Run[]; size: bigint}
  >()
  const groupOf = (family: Family, classes: readonly number[]) => {
    const key = `${family} ${classes.join()}`
    const known = groups.get(key)
    if (known) return known
    const fresh = {family, classes, hosts: [], runs: [], size: 0n}
    groups.set(key, fresh)
    return fresh
  }
  for (const family of [4, 6] as const) {
    const cuts = cutsOf(classifications, family)
    const listed = listedAddresses(classifications, family)
    let next = 0
    for (const {first, last, classes} of cuts) {
      const begin = next
      let free: bigint | null = first
      for (; next < listed.length && listed[next]!.number <= last; next++) {
        const {address, number} = listed[next]!
        if (number === free) free++
        const own = classifications.map((one, index) => hostClass(one, address) ?? classes[index]!)
        const group = groupOf(family, own)
        group.hosts.push(address)
        group.size++
      }
      const size = last - first + 1n - BigInt(next - begin)
      if (size === 0n) continue
      const group = groupOf(family, classes)
      group.runs.push({first, last, free: addressFromNumber(free, family)})
      group.size += size
    }
  }
  return [...groups.values()]
}

/** Every address that a classification lists, ascending by number. */
function listedAddresses(classifications: readonly Classified[], family: Family): {address: Address; number: bigint}[] {
  const addresses = new Set<Address>()
  for (const {hosts} of classifications) {
    for (const address of hosts.keys()) if (familyOf(address) === family) addresses.add(address)
  }
  return [...addresses]
    .map((address) => ({address, number: addressNumber(address)}))
    .sort((a, b) => (a.number < b.number ? -1 : 1))
}

/** The whole family, cut wherever a classification changes. */
function cutsOf(classifications: readonly Classified[], family: Family): Cut[] {
  const end = (1n << BITS[family]) - 1n
  const lists = classifications.map(({regions}) => regions.filter((region) => region.family === family))
  const positions = lists.map(() => 0)
  const cuts: Cut[] = []
  for (let first = 0n; first <= end; ) {
    let last = end
    const classes = lists.map((regions, index) => {
      while (positions[index]! < regions.length && regions[positions[index]!]!.last < first) positions[index]!++
      const region = regions[positions[index]!]
      if (!region) return nothingClass(family)
      const inside = region.first <= first
      const until = inside ? region.last : region.first - 1n
      if (until < last) last = until
      return inside ? region.class : nothingClass(family)
    })
    const before = cuts.at(-1)
    if (before && before.classes.join() === classes.join()) cuts[cuts.length - 1] = {...before, last}
    else cuts.push({first, last, classes})
    first = last + 1n
  }
  return cuts
}
