import type {Finding, SiteName} from '../model/index.ts'
import {type Prefix, prefixesOverlap} from '../net/index.ts'

interface Claims {
  readonly site: SiteName
  readonly owns: readonly Prefix[]
}

/**
 * Which prefixes of a site that is to be joined are another's already: each pair, with both names. `interconnect` is
 * nobody's. A site is not compared with itself: joining it again must not be refused.
 */
export function findOverlaps(
  joining: Claims,
  known: readonly Claims[],
  interconnect: readonly Prefix[],
  source: string,
): Finding[] {
  const others = [
    ...known
      .filter(({site}) => site !== joining.site)
      .flatMap(({site, owns}) => owns.map((prefix) => ({who: `site ${site}`, prefix}))),
    ...interconnect.map((prefix) => ({who: 'interconnect', prefix})),
  ]
  return joining.owns.flatMap((prefix) =>
    others
      .filter((other) => prefixesOverlap(prefix, other.prefix))
      .map(
        (other): Finding => ({
          code: 'prefix-conflict',
          severity: 'error',
          where: {source, field: 'owns'},
          detail: `site ${joining.site}'s ${prefix} overlaps ${other.who}'s ${other.prefix}`,
          remedy: `one of the two needs other prefixes, or sites.${joining.site}.translate here, before they can be joined; nothing has been made or changed`,
        }),
      ),
  )
}
