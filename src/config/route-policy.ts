import type {PathMatch, PrefixRange, RoutePolicy, RouteRule} from '../model/index.ts'
import {prefixFamily, prefixLength} from '../net/index.ts'
import type {Path} from '../yaml/index.ts'
import type {PolicyYaml, RuleYaml} from './peer-schema.ts'
import {conflict, type Problem} from './problem.ts'

/** What rules cannot say, or say in vain. */
export function* checkPolicy(
  policy: PolicyYaml,
  direction: 'import' | 'export',
  isInternal: boolean,
  at: Path,
): Generator<Problem> {
  const isPlain = typeof policy[0] === 'string'
  for (const [index, entry] of policy.entries()) {
    const path = [...at, index]
    if ((typeof entry === 'string') !== isPlain) {
      const remedy = 'write the prefix as a rule: `{prefixes: [PREFIX], action: accept}`'
      yield conflict(path, 'prefixes and rules in one list', remedy)
    }
    if (typeof entry === 'string') continue
    yield* checkRanges(entry, path)
    yield* checkChanges(entry, direction, isInternal, path)
    const before = policy.slice(0, index).findIndex((other) => typeof other !== 'string' && isUnconditional(other))
    if (before >= 0) {
      const detail = `never looked at: rule ${before} before it has no condition, and decides all`
      yield {...conflict(path, detail, 'put the one without condition last'), severity: 'warning'}
    }
  }
}

const isUnconditional = ({prefixes, communities, asPath}: RuleYaml): boolean =>
  !prefixes && !communities && Object.values(asPath ?? {}).every((value) => value === undefined)

function* checkRanges({prefixes = []}: RuleYaml, at: Path): Generator<Problem> {
  for (const [index, entry] of prefixes.entries()) {
    if (typeof entry === 'string') continue
    const path = [...at, 'prefixes', index]
    const {prefix, ge, le} = entry
    const bits = prefixFamily(prefix) === 4 ? 32 : 128
    const own = prefixLength(prefix)
    if (ge === undefined && le === undefined) {
      const remedy = `\`le: ${own}\` for ${prefix} alone; for all that lies inside it write ${prefix} without braces`
      yield conflict(path, `${prefix} without ge and le`, remedy)
    }
    for (const [key, value] of Object.entries({ge, le})) {
      if (value !== undefined && (value < own || value > bits)) {
        yield conflict([...path, key], `no prefix inside ${prefix} has length ${value}`, `${own} to ${bits}`)
      }
    }
    if (ge !== undefined && le !== undefined && ge > le) {
      yield conflict([...path, 'ge'], `ge ${ge} is above le ${le}`, 'ge is the shortest that matches, le the longest')
    }
  }
}

function* checkChanges(
  {action, set}: RuleYaml,
  direction: 'import' | 'export',
  isInternal: boolean,
  at: Path,
): Generator<Problem> {
  const path = [...at, 'set']
  if (!set) return
  if (action === 'reject') yield conflict(path, 'a route that is refused has nothing to set', 'take one of them out')
  if (direction === 'import' && set.prepend !== undefined) {
    const remedy = 'prepend in export; to like a route less here, lower localPreference'
    yield conflict([...path, 'prepend'], 'a path is made longer for those who are told of it', remedy)
  }
  if (direction === 'export' && set.localPreference !== undefined && !isInternal) {
    const remedy = 'med, prepend, or a community that the router knows; localPreference in its import'
    yield conflict([...path, 'localPreference'], 'local preference does not leave an AS', remedy)
  }
  if (direction === 'export' && set.prepend !== undefined && isInternal) {
    yield conflict([...path, 'prepend'], 'inside one AS its own number in a path is a loop', 'lower localPreference')
  }
}

/** A list that is empty is the plain one. */
export function toPolicy(policy: PolicyYaml): RoutePolicy {
  const rules = policy.flatMap((entry) => (typeof entry === 'string' ? [] : [toRule(entry)]))
  if (rules.length > 0) return {rules}
  return {prefixes: policy.flatMap((entry) => (typeof entry === 'string' ? [entry] : []))}
}

function toRule({prefixes, communities, asPath = {}, action, set = {}}: RuleYaml): RouteRule {
  return {
    prefixes: prefixes?.map(toRange) ?? null,
    communities: communities ?? null,
    asPath: {
      through: listOf(asPath.through),
      from: listOf(asPath.from),
      next: listOf(asPath.next),
      longerThan: asPath.longerThan ?? null,
    } satisfies PathMatch,
    action,
    set: {
      localPreference: set.localPreference ?? null,
      med: set.med ?? null,
      communities: set.communities ?? null,
      removeCommunities: set.removeCommunities ?? [],
      addCommunities: set.addCommunities ?? [],
      prepend: set.prepend ?? 0,
    },
  }
}

const listOf = (value: number | number[] | undefined): number[] | null => (value === undefined ? null : [value].flat())

function toRange(entry: NonNullable<RuleYaml['prefixes']>[number]): PrefixRange {
  const {prefix, ge, le} = typeof entry === 'string' ? {prefix: entry, ge: undefined, le: undefined} : entry
  const bits = prefixFamily(prefix) === 4 ? 32 : 128
  return {prefix, ge: ge ?? prefixLength(prefix), le: le ?? bits}
}
