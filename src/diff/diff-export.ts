import {keyedDelta} from './keyed-delta.ts'

type Records = ReadonlyMap<string, string>

export interface ExportDelta {
  readonly put: ReadonlyMap<string, string>
  readonly delete: readonly string[]
}

/**
 * What is published against what the datastore holds; null when that is the same. `wanted` comes in parts that have no key
 * in common. With `keys` only these are looked at: all others are known to be equal.
 */
export function diffExport(
  wanted: readonly Records[],
  held: Records,
  keys: ReadonlySet<string> | null,
): ExportDelta | null {
  const [want, have] = keys === null ? [joined(wanted), held] : [only(keys, wanted), only(keys, [held])]
  const delta = keyedDelta(want, have, (one, other) => one === other)
  const put = new Map([...delta.create, ...delta.update].map(([key, text]) => [key, text]))
  const gone = delta.delete.map(([key]) => key)
  return put.size + gone.length === 0 ? null : {put, delete: gone}
}

function joined([first, ...others]: readonly Records[]): Records {
  if (others.length === 0) return first ?? new Map()
  const all = new Map(first)
  for (const part of others) for (const [key, text] of part) all.set(key, text)
  return all
}

function only(keys: ReadonlySet<string>, parts: readonly Records[]): Records {
  const some = new Map<string, string>()
  for (const key of keys) {
    for (const part of parts) {
      const text = part.get(key)
      if (text !== undefined) some.set(key, text)
    }
  }
  return some
}
