import {stringify} from 'yaml'
import {bodyUnder} from './body.ts'
import {parseStored, type Stored} from './plan.ts'
import {isObject, type Json} from './shape.ts'
import {unifiedDifference} from './unified.ts'
import type {ValidDocument} from './validate.ts'

/**
 * A document beside what is stored under its key, as a unified difference of their YAML; empty where they say the same.
 * Both are brought into one order of fields first, so that only what matters differs.
 */
export function documentDifference(
  {kind, name, namespace, key, file, line, body}: ValidDocument,
  stored: Stored,
): string {
  const before = stored.get(key)
  const value = before && parseStored(before.text)
  const title = `${kind.plural}/${namespace === null ? '' : `${namespace}/`}${name}`
  // What is stored and cannot be read is shown as the text that it is.
  const old = before ? (value ? printed(bodyUnder({kind: kind.kind, name, namespace}, value)) : `${before.text}\n`) : ''
  return unifiedDifference(old, printed(body), [before ? `stored ${title}` : '/dev/null', `${file}:${line} ${title}`])
}

/** Two stored texts of one object, whatever its kind; null: there is none. */
export function storedDifference(title: string, before: string | null, after: string | null): string {
  const [old, now] = [before, after].map((text) => {
    const value = text === null ? null : parseStored(text)
    return value ? printed(value) : (text ?? '')
  })
  const titles = [before === null ? '/dev/null' : title, after === null ? '/dev/null' : title] as const
  return unifiedDifference(old!, now!, titles)
}

const printed = (body: Json): string => stringify(sorted(body), {lineWidth: 0})

/** `apiVersion`, `kind`, `metadata`, `spec` are in the order of the alphabet as they stand. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, inner]) => [name, sorted(inner)]),
  )
}
