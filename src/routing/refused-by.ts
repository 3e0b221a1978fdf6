import {type BirdRoute, type Community, PRIVATE_AS} from '../model/index.ts'
import {type Prefix, prefixContains, prefixLength} from '../net/index.ts'
import type {Condition, FilterRule, PrefixPattern} from './bird-config.ts'
import {renderCondition, renderRule} from './render-filter.ts'

export type Candidate = Pick<BirdRoute, 'prefix' | 'bgp'>

/**
 * Why an import filter refuses a route: the rule that rejects it, or what each rule that could have taken it asks in vain.
 * null: it does not refuse it. BIRD has decided already; this finds its reason in the same rules, in BIRD's own words.
 */
export function refusedBy(rules: readonly FilterRule[], route: Candidate): string | null {
  if (rules.length === 0) return 'nothing is imported at all: no policy says that anything is'
  const missed: string[] = []
  for (const rule of rules) {
    const failing = rule.when.find((condition) => !holds(condition, route))
    if (failing) {
      if (rule.verdict === 'accept') missed.push(lacking(failing, route))
    } else if (rule.verdict !== 'continue') {
      return rule.verdict === 'accept' ? null : `a rule rejects it: ${renderRule(rule).join(' ')}`
    }
  }
  return missed.length === 0 ? 'no rule accepts it' : `no rule accepts it: ${[...new Set(missed)].join('; ')}`
}

function lacking(condition: Condition, route: Candidate): string {
  if (condition.is === 'any-of') {
    // Of groups for other prefixes there is nothing to say, unless all are.
    const near = condition.groups.filter((group) => !group.some((one) => one.is === 'net' && !holds(one, route)))
    const failing = near.flatMap((group) => group.find((one) => !holds(one, route)) ?? [])
    return failing.length === 0
      ? `${route.prefix} is in none of its prefixes`
      : failing.map((one) => lacking(one, route)).join(', or ')
  }
  if (condition.is === 'net')
    return `${route.prefix} is not in ${condition.patterns.map(({prefix}) => prefix).join(', ')}`
  const path = route.bgp?.path.join(' ') || 'empty'
  if (condition.is === 'path') return `its AS path is ${path}, where it must be ${condition.as}`
  if (condition.is === 'path-behind') {
    return `its AS path is ${path}, where it must be ${condition.neighbor} … ${condition.origin}`
  }
  return `asked is ${renderCondition(condition)}; its AS path is ${path}, its communities ${route.bgp?.communities.join(' ') || 'none'}`
}

function holds(condition: Condition, route: Candidate): boolean {
  const {path = [], localPref = null, communities = []} = route.bgp ?? {}
  switch (condition.is) {
    case 'net':
      return condition.patterns.some((pattern) => matches(pattern, route.prefix))
    case 'path':
      return path.length === 1 && path[0] === condition.as
    case 'path-behind':
      return path.length > 1 && path[0] === condition.neighbor && path.at(-1) === condition.origin
    case 'path-through':
      return path.some((as) => condition.as.includes(as))
    case 'path-from':
      return path.length > 0 && condition.as.includes(path.at(-1)!)
    case 'path-next':
      return path.length > 0 && condition.as.includes(path[0]!)
    case 'path-longer':
      return path.length > condition.than
    case 'path-private':
      return path.some(isPrivate)
    case 'local-pref':
      return localPref === condition.value
    case 'community':
      return condition.any.some((one) => communities.some((text) => isSame(one, text)))
    case 'any-of':
      return condition.groups.some((group) => group.every((one) => holds(one, route)))
    case 'none-of':
      return !condition.groups.some((group) => group.every((one) => holds(one, route)))
    // A route that comes in over a session is reachable, and BGP's.
    case 'reachable':
    case 'not-from':
      return true
    case 'source':
      return condition.source === 'bgp'
    case 'from':
    case 'from-tunnel':
      return false
  }
}

function matches({prefix, longer, lengths}: PrefixPattern, candidate: Prefix): boolean {
  if (!prefixContains(prefix, candidate)) return false
  const length = prefixLength(candidate)
  if (lengths) return length >= lengths.from && length <= lengths.to
  return longer || length === prefixLength(prefix)
}

const isPrivate = (as: number): boolean => PRIVATE_AS.some(([first, last]) => as >= first && as <= last)

/** Extended ones are not told apart here: BIRD prints them in words. */
const isSame = ({parts}: Community, text: string): boolean => {
  const given = text.split(':')
  return given.length === parts.length && parts.every((part, index) => part === null || String(part) === given[index])
}
