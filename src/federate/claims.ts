import type {SiteName} from '../model/index.ts'
import {comparePrefixes, type Prefix, prefixContains} from '../net/index.ts'

/** A site's claim to a prefix. */
export interface Claim {
  readonly site: SiteName
  readonly prefix: Prefix
}

/** Two claims of different sites that overlap; `a` sorts first. */
export interface Contest {
  readonly a: Claim
  readonly b: Claim
}

export interface ResolvedClaims {
  readonly owned: readonly Claim[]
  readonly contested: readonly Contest[]
}

/**
 * Decides which site owns each prefix.
 *
 * Prefixes of two sites that overlap, equal or one inside the other, belong to neither: a missing route is seen at
 * once, a wrong one loses packets in silence, and a longest match would let one site cut a piece out of another. The
 * order of `claims` does not matter; the result is sorted: equal input, equal bytes.
 */
export function resolveClaims(claims: readonly Claim[]): ResolvedClaims {
  const sorted = unique(claims)
  const contested: Contest[] = []
  const lost = new Set<Claim>()
  // Prefixes nest or are disjoint, and an enclosing one sorts before what it holds: a stack of open ones is enough.
  const open: Claim[] = []
  for (const claim of sorted) {
    while (open.length > 0 && !prefixContains(open.at(-1)!.prefix, claim.prefix)) open.pop()
    for (const outer of open) {
      if (outer.site === claim.site) continue
      contested.push({a: outer, b: claim})
      lost.add(outer).add(claim)
    }
    open.push(claim)
  }
  return {owned: sorted.filter((claim) => !lost.has(claim)), contested}
}

function unique(claims: readonly Claim[]): Claim[] {
  const byText = new Map(claims.map((claim) => [`${claim.prefix} ${claim.site}`, claim]))
  return [...byText.values()].sort((x, y) => comparePrefixes(x.prefix, y.prefix) || (x.site < y.site ? -1 : 1))
}
