import {addressFromNumber} from './address.ts'
import {type Prefix, prefixContains, prefixFamily, prefixLength, prefixRange} from './prefix.ts'

/**
 * A site's own prefix, and the one that it is known by here. Both are equally long: the first bits change, those after
 * them stay, so that every address has exactly one other.
 */
export interface Translation {
  /** As the site itself says. */
  readonly real: Prefix
  /** As everybody here says. */
  readonly seen: Prefix
}

/**
 * What a site means by a prefix, as it is known here. What no translation speaks of is known as it is; null: that is an
 * address by which something else is known here, so what the site means by it has no name here.
 */
export function seenPrefix(translations: readonly Translation[], prefix: Prefix): Prefix | null {
  for (const {real, seen} of translations) if (prefixContains(real, prefix)) return moved(prefix, real, seen)
  return translations.some(({seen}) => prefixContains(seen, prefix)) ? null : prefix
}

/** What the site itself calls a prefix that is known here; null: it is not translated. */
export function realPrefix(translations: readonly Translation[], prefix: Prefix): Prefix | null {
  for (const {real, seen} of translations) if (prefixContains(seen, prefix)) return moved(prefix, seen, real)
  return null
}

function moved(prefix: Prefix, from: Prefix, to: Prefix): Prefix {
  const within = prefixRange(prefix).first - prefixRange(from).first
  const address = addressFromNumber(prefixRange(to).first + within, prefixFamily(to))
  return `${address}/${prefixLength(prefix)}` as Prefix
}
