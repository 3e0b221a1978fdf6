import {printPath, readYaml} from '../yaml/index.ts'

/** One value that two configurations have otherwise; null: one of them has none. JSON, as it stands. */
export interface ConfigDifference {
  /** `sites.b.encapsulation`; entries of a list that have a name by that: `peers[wan1].as`. */
  readonly field: string
  readonly before: string | null
  readonly after: string | null
}

/**
 * What two texts of gateway.yaml say otherwise, in the order of the fields; comments and the order of keys are nothing. null:
 * one of them is not YAML.
 */
export function configDifferences(before: string, after: string): readonly ConfigDifference[] | null {
  const [old, now] = [readYaml(before), readYaml(after)]
  if (old.faults.length > 0 || now.faults.length > 0) return null
  const [had, has] = [leavesOf(old.value), leavesOf(now.value)]
  return [...new Set([...had.keys(), ...has.keys()])]
    .filter((field) => had.get(field) !== has.get(field))
    .sort()
    .map((field) => ({field, before: had.get(field) ?? null, after: has.get(field) ?? null}))
}

function leavesOf(value: unknown): Map<string, string> {
  const leaves = new Map<string, string>()
  const walk = (one: unknown, field: string): void => {
    if (Array.isArray(one) && one.length > 0 && one.every(isNamed)) {
      for (const {name, ...rest} of one) walk(rest, `${field}[${name}]`)
    } else if (isObject(one) && Object.keys(one).length > 0) {
      for (const [key, inner] of Object.entries(one)) walk(inner, field === '' ? printPath([key]) : `${field}.${key}`)
    } else leaves.set(field, JSON.stringify(one) ?? 'null')
  }
  walk(value ?? {}, '')
  return leaves
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isNamed = (value: unknown): value is Readonly<Record<string, unknown>> & {readonly name: string} =>
  isObject(value) && typeof value.name === 'string'
