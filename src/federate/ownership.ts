import type {AttributeKind, ConflictSide, Finding, FindingCode, GatewayConfig, SiteName} from '../model/index.ts'
import {type Prefix, PrefixTable, prefixContains, prefixesOverlap} from '../net/index.ts'
import {type Claim, resolveClaims} from './claims.ts'

const grantSide = ({site, prefix}: Claim): ConflictSide => ({site, says: `is granted ${prefix}`})

/**
 * Who may speak for which address: what the configuration grants, and nothing that a site says of itself.
 */
export class Ownership {
  readonly #owners: PrefixTable<SiteName>
  readonly #granted = new Map<SiteName, Prefix[]>()
  readonly #authorities: ReadonlySet<SiteName>
  readonly findings: readonly Finding[]

  constructor(config: GatewayConfig) {
    const claims: Claim[] = [
      ...config.owns.map((prefix) => ({site: config.site, prefix})),
      ...[...config.sites.values()].flatMap((site) => site.owns.map((prefix) => ({site: site.name, prefix}))),
    ]
    const {owned, contested} = resolveClaims(claims)
    this.#owners = new PrefixTable(owned.map(({prefix, site}) => [prefix, site]))
    for (const {site, prefix} of owned) this.#granted.set(site, [...(this.#granted.get(site) ?? []), prefix])
    this.#authorities = new Set(config.authorities)
    this.findings = contested.map(({a, b}) => ({
      code: 'prefix-conflict',
      severity: 'error',
      where: {source: 'config', field: 'owns'},
      detail: `site ${a.site}'s ${a.prefix} and site ${b.site}'s ${b.prefix} overlap; neither is announced`,
      remedy: 'grant the prefix to one of them',
      conflict: {
        over: prefixContains(a.prefix, b.prefix) ? b.prefix : a.prefix,
        sides: [a, b].map(grantSide),
        firstCounts: false,
      },
    }))
  }

  /** The site that owns all of the prefix; undefined: nobody, or more than one. */
  ownerOf(prefix: Prefix): SiteName | undefined {
    return this.#owners.covering(prefix)
  }

  /** Who owns what lies over or within a prefix, and the grant; null: nobody has any of it. */
  rivalOf(site: SiteName, prefix: Prefix): Claim | null {
    for (const [other, grants] of this.#granted) {
      const grant = other === site ? undefined : grants.find((granted) => prefixesOverlap(granted, prefix))
      if (grant) return {site: other, prefix: grant}
    }
    return null
  }

  grantedTo(site: SiteName): readonly Prefix[] {
    return this.#granted.get(site) ?? []
  }

  /**
   * Why a site's object may not hold a prefix; null: it may. Sets are peers only, so an authority, whose policies
   * decide anyway, may put any address into one; anybody else only its own (formats.md).
   */
  refusal(site: SiteName, kind: AttributeKind, prefix: Prefix): FindingCode | null {
    return this.#refusalUnder(this.ownerOf(prefix), site, kind)
  }

  /** The same for an IPv4 address as a number. */
  refusalOfFour(site: SiteName, kind: AttributeKind, four: number): FindingCode | null {
    return this.#refusalUnder(this.#owners.lookupFour(four), site, kind)
  }

  #refusalUnder(owner: SiteName | undefined, site: SiteName, kind: AttributeKind): FindingCode | null {
    if (owner === site) return null
    if (kind !== 'set') return 'endpoint-not-owned'
    return this.#authorities.has(site) ? null : 'set-net-not-owned'
  }
}
