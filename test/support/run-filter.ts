import type {Community} from '../../src/model/index.ts'
import {type Prefix, PrefixTable, prefixContains} from '../../src/net/index.ts'
import type {Condition, FilterRule} from '../../src/routing/index.ts'

/** A route on its way through filters, as far as filters of tunnels look at it. */
export interface FilteredRoute {
  readonly net: Prefix
  readonly path: readonly number[]
  readonly communities: readonly string[]
  readonly localPref: number
  readonly med: number | null
  readonly origin: 'igp' | 'incomplete'
  /** BIRD's protocol that has it. */
  readonly protocol: string
}

export const communityText = ({kind, parts}: Community): string => `${kind}:${parts.join(':')}`

/** What BIRD would do with it, as the words of the filter's rules have it; null: it is refused. */
export function runFilter(rules: readonly FilterRule[], route: FilteredRoute): FilteredRoute | null {
  let now = route
  for (const {when, verdict, set = []} of rules) {
    if (!when.every((condition) => holds(condition, now))) continue
    for (const change of set) now = changed(now, change)
    if (verdict !== 'continue') return verdict === 'accept' ? now : null
  }
  return null
}

function holds(condition: Condition, route: FilteredRoute): boolean {
  const {path} = route
  switch (condition.is) {
    case 'net':
      return condition.patterns.some(({prefix, longer}) =>
        longer ? prefixContains(prefix, route.net) : prefix === route.net,
      )
    case 'path':
      return path.length === 1 && path[0] === condition.as
    case 'path-behind':
      return path.length >= 2 && path[0] === condition.neighbor && path.at(-1) === condition.origin
    case 'path-from':
      return condition.as.includes(path.at(-1)!)
    case 'path-longer':
      return path.length > condition.than
    case 'community':
      return condition.any.some((one) => route.communities.includes(communityText(one)))
    case 'from-tunnel':
      return route.protocol.startsWith('tun_')
    case 'not-from':
      return route.protocol !== condition.protocol
    case 'reachable':
      return true
    case 'any-of':
      return groupsFor(condition, route.net).some((group) => group.every((one) => holds(one, route)))
    case 'none-of':
      return condition.groups.every((group) => !group.every((one) => holds(one, route)))
    default:
      throw new Error(`no filter of a tunnel asks ${condition.is}`)
  }
}

type Groups = Extract<Condition, {is: 'any-of'}>['groups']
const tables = new WeakMap<Condition, PrefixTable<Groups>>()

/** Of hundreds of groups that each begin with a site's prefixes, those of one site; grants of sites never overlap. */
function groupsFor(condition: Extract<Condition, {is: 'any-of'}>, net: Prefix): Groups {
  let table = tables.get(condition)
  if (!table) {
    const byPrefix = new Map<Prefix, Groups[number][]>()
    for (const group of condition.groups) {
      const [first] = group
      if (first?.is !== 'net') return condition.groups
      for (const {prefix} of first.patterns) byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), group])
    }
    table = new PrefixTable(byPrefix)
    tables.set(condition, table)
  }
  return table.covering(net) ?? []
}

function changed(route: FilteredRoute, change: NonNullable<FilterRule['set']>[number]): FilteredRoute {
  switch (change.attribute) {
    case 'local-pref':
      return {...route, localPref: change.value}
    case 'shutdown-pref':
      return route.communities.includes('standard:65535:0') ? {...route, localPref: 0} : route
    case 'origin':
      return {...route, origin: change.value}
    case 'med':
      return {...route, med: change.value}
    case 'path':
      return {...route, path: []}
    case 'communities':
      return {...route, communities: []}
    case 'add-community':
      return {...route, communities: [...route.communities, communityText(change.value)]}
    default:
      throw new Error(`no filter of a tunnel changes ${change.attribute}`)
  }
}
