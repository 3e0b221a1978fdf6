import type {Decoded} from '../model/index.ts'

/**
 * Whether two records say the same in everything. A revision does not tell: in a datastore that was restored from a backup and
 * written to since, a key may have another value at the revision that it had before.
 */
export const isSameRecord = (a: Decoded, b: Decoded): boolean => isSame(a, b)

/** Decoded records are plain: objects, lists, maps, texts and numbers. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    for (let at = 0; at < a.length; at++) if (!isSame(a[at], b[at])) return false
    return true
  }
  if (a instanceof Map || b instanceof Map) {
    return a instanceof Map && b instanceof Map && isSame([...a], [...b])
  }
  return hasSameFields(a as Fields, b as Fields)
}

type Fields = Readonly<Record<string, unknown>>

function hasSameFields(a: Fields, b: Fields): boolean {
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length) return false
  for (const name of names) if (!Object.hasOwn(b, name) || !isSame(a[name], b[name])) return false
  return true
}
