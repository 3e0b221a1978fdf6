import {push} from '../classes/index.ts'
import type {Target} from '../compile/index.ts'
import type {Flow} from '../trace/index.ts'
import {type AddressGroup, groupAddresses} from './address-groups.ts'
import {type GroupView, printGroup, sampleAddress, viewGroup} from './describe-group.ts'
import {type Enforced, enforcedBy, type PolicySet} from './enforced.ts'
import {flowOf, printFlow} from './sample-flow.ts'
import {
  isNoTraffic,
  printTraffic,
  samplePacket,
  seenTraffic,
  subtractTraffic,
  type TrafficRow,
  type TrafficSpace,
  trafficRows,
  trafficText,
} from './traffic-space.ts'

/** Traffic that the second policy set allows and the first does not, or the reverse, from all of these to all of those. */
export interface DifferenceRow {
  readonly change: 'opens' | 'closes'
  readonly family: 4 | 6
  readonly from: readonly GroupView[]
  readonly to: readonly GroupView[]
  readonly traffic: readonly TrafficRow[]
  /** One flow of it, for `isthmus policy trace`. */
  readonly example: Flow
}

/** null: one of the two is too large to be enforced, so there is nothing to compare. */
export type Difference = readonly DifferenceRow[] | null

interface Change {
  readonly opens: TrafficSpace
  readonly closes: TrafficSpace
}

/**
 * Exactly what changes between two policy sets: every pair of addresses and every packet is in a row, or keeps its verdict.
 *
 * Addresses are grouped by their class before and their class after, so the worlds may differ in everything. Pairs of
 * groups whose chains are of one name need no look (names are contents); for the others the two functions are subtracted.
 * Sources that change alike are one row, and so are the destinations of a change.
 */
export function comparePolicies(before: PolicySet, after: PolicySet): Difference {
  const [old, now] = [enforcedBy(before), enforcedBy(after)]
  if (!old || !now) return null
  const worlds = [after.world, before.world]
  const site = ({classes: [was, is]}: AddressGroup): string | null =>
    now.classified.classes[is!]!.site ?? old.classified.classes[was!]!.site
  const views = (some: readonly AddressGroup[]): GroupView[] =>
    some.map((group) => viewGroup(group, site(group), worlds)).sort(byView)
  const rows = changedPairs(old, now).flatMap(({change, family, sources, destinations}) =>
    (['opens', 'closes'] as const)
      .filter((way) => !isNoTraffic(change[way]))
      .map((way) => ({
        change: way,
        family,
        from: views(sources),
        to: views(destinations),
        traffic: trafficRows(change[way]),
        example: exampleOf(sources[0]!, destinations[0]!, change[way], family),
      })),
  )
  return rows
    .map((row) => ({row, key: rowKey(row)}))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({row}) => row)
}

/** The same with the groups themselves. */
export function changedPairs(old: Enforced, now: Enforced): Gathered[] {
  const changeOf = {4: changes(old, now, 4), 6: changes(old, now, 6)}
  const changeBetween = (source: AddressGroup, destination: AddressGroup): Change | null =>
    changeOf[source.family](
      old.targetOf(source.classes[0]!, destination.classes[0]!),
      now.targetOf(source.classes[1]!, destination.classes[1]!),
    )
  const groups = groupAddresses([old.classified, now.classified])
  return ([4, 6] as const).flatMap((family) =>
    gathered(
      groups.filter((group) => group.family === family),
      family,
      changeBetween,
    ),
  )
}

const rowKey = ({change, family, from, to, traffic}: DifferenceRow): string =>
  JSON.stringify([change === 'opens' ? 0 : 1, family, from, to, traffic])

const byView = (a: GroupView, b: GroupView): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)

/** What changes between two targets; null where nothing does. Equal changes are one object. */
function changes(old: Enforced, now: Enforced, family: 4 | 6): (was: Target, is: Target) => Change | null {
  const known = new Map<Target, Map<Target, Change | null>>()
  const byText = new Map<string, Change>()
  const compare = (was: Target, is: Target): Change | null => {
    const [left, right] = [seenTraffic(old.allowedBy(was), family), seenTraffic(now.allowedBy(is), family)]
    const change = {opens: subtractTraffic(right, left), closes: subtractTraffic(left, right)}
    if (isNoTraffic(change.opens) && isNoTraffic(change.closes)) return null
    const text = `${trafficText(change.opens)}|${trafficText(change.closes)}`
    const same = byText.get(text) ?? change
    byText.set(text, same)
    return same
  }
  return (was, is) => {
    if (was === is) return null
    const row = known.get(was) ?? new Map<Target, Change | null>()
    known.set(was, row)
    let change = row.get(is)
    if (change === undefined) {
      change = compare(was, is)
      row.set(is, change)
    }
    return change
  }
}

export interface Gathered {
  readonly family: 4 | 6
  readonly change: Change
  readonly sources: AddressGroup[]
  readonly destinations: readonly AddressGroup[]
}

/** All changing pairs of one family, joined: sources with the same change towards the same destinations. */
function gathered(
  groups: readonly AddressGroup[],
  family: 4 | 6,
  changeOf: (source: AddressGroup, destination: AddressGroup) => Change | null,
): Gathered[] {
  const ids = new Map<Change, number>()
  const found = new Map<string, Gathered>()
  for (const source of groups) {
    const towards = new Map<Change, AddressGroup[]>()
    const indexes = new Map<Change, number[]>()
    for (const [index, destination] of groups.entries()) {
      // A single address has no flows with itself that a gateway could see.
      if (source === destination && source.size === 1n) continue
      const change = changeOf(source, destination)
      if (!change) continue
      push(towards, change, destination)
      push(indexes, change, index)
    }
    for (const [change, destinations] of towards) {
      if (!ids.has(change)) ids.set(change, ids.size)
      const key = `${ids.get(change)} ${indexes.get(change)!.join()}`
      const known = found.get(key)
      if (known) known.sources.push(source)
      else found.set(key, {family, change, sources: [source], destinations})
    }
  }
  return [...found.values()]
}

function exampleOf(
  source: AddressGroup,
  destination: AddressGroup,
  traffic: TrafficSpace,
  family: 4 | 6,
): DifferenceRow['example'] {
  const from = sampleAddress(source)!
  const packet = samplePacket(traffic, family)!
  return flowOf(from, sampleAddress(destination, from) ?? from, packet)
}

/** The difference for people; '' where there is none. */
export function printDifference(rows: readonly DifferenceRow[]): string {
  return rows
    .map(({change, from, to, traffic, example}) => {
      const views = (some: readonly GroupView[]): string[] => {
        const shown = some.slice(0, SHOWN).map(printGroup)
        return some.length > SHOWN ? [...shown, `and ${some.length - SHOWN} classes more`] : shown
      }
      const [fromLines, toLines] = [views(from), views(to)]
      return [
        `${change === 'opens' ? '+ opens ' : '- closes'} ${printTraffic(traffic)}`,
        ...fromLines.map((line, index) => `    ${index === 0 ? 'from' : '    '} ${line}`),
        ...toLines.map((line, index) => `    ${index === 0 ? 'to  ' : '    '} ${line}`),
        `    such as ${printFlow(example)}`,
        '',
      ].join('\n')
    })
    .join('')
}

/** Classes of one side of a row that are named; the JSON has all. */
const SHOWN = 5
