import type {z} from 'zod'

type Issue = z.core.$ZodIssue

/** One mistake: where in the scenario, and what would be right. */
export interface Mistake {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/**
 * What an issue of zod's means to a person. Of a union (a step, a check, an event) only the branch that the writer had
 * in mind is told: the one that knows most of the keys that are there. Where none does, the possible ones are named.
 * `value` is the whole scenario as written.
 */
export function explain(issue: Issue, value: unknown): Mistake[] {
  const {path} = issue
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({path: [...path, key], message: 'unknown key'}))
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) return explainUnion(issue, value)
  if (valueAt(value, path) === undefined) return [{path, message: `missing; ${wanted(issue)}`}]
  return [{path, message: issue.message}]
}

const wanted = (issue: Issue): string =>
  issue.code === 'invalid_type'
    ? `${issue.expected} expected`
    : issue.code === 'invalid_union'
      ? 'expected'
      : issue.message

function explainUnion(issue: Extract<Issue, {code: 'invalid_union'}>, value: unknown): Mistake[] {
  const {path, errors} = issue
  const branches = errors.map((issues) => ({issues, ...fitOf(issues, valueAt(value, path))}))
  const best = branches.toSorted((a, b) => a.unknown.length + a.missing.length - b.unknown.length - b.missing.length)
  const objects = branches.filter(({misfit}) => !misfit)
  const first = best.find(({misfit}) => !misfit)
  // Nothing of the right kind at all: say what each branch wants.
  if (!first) return [{path, message: [...new Set(errors.flat().map(({message}) => message))].join(', or ')}]
  // A key that no other branch knows says which one is meant.
  const others = objects.filter((branch) => branch !== first)
  const telling = others[0]?.unknown.some(
    (key) => !first.unknown.includes(key) && others.every(({unknown}) => unknown.includes(key)),
  )
  if (telling === false && first.missing.length > 0) {
    const common = first.missing.filter((key) => others.every(({missing}) => missing.includes(key)))
    const choices = objects.flatMap(({missing}) => missing.filter((key) => !common.includes(key)).slice(0, 1))
    if (choices.length > 1) return [{path, message: `one of ${[...new Set(choices)].map(String).join(', ')} expected`}]
  }
  return first.issues.flatMap((inner) => explain({...inner, path: [...path, ...inner.path]}, value))
}

interface Fit {
  /** Not even a map. */
  readonly misfit: boolean
  readonly unknown: readonly PropertyKey[]
  readonly missing: readonly PropertyKey[]
}

function fitOf(issues: readonly Issue[], value: unknown): Fit {
  return {
    misfit: issues.some(({path, code}) => path.length === 0 && code !== 'unrecognized_keys'),
    unknown: issues.flatMap((issue) =>
      issue.path.length === 0 && issue.code === 'unrecognized_keys' ? issue.keys : [],
    ),
    missing: issues.flatMap(({path}) => (path.length === 1 && valueAt(value, path) === undefined ? [path[0]!] : [])),
  }
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined),
    value,
  )
}
