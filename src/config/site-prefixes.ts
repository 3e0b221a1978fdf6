import type {SiteName, SiteOverlap} from '../model/index.ts'
import {
  type Address,
  hostPrefix,
  type Prefix,
  prefixesOverlap,
  prefixFamily,
  prefixLength,
  type Translation,
} from '../net/index.ts'
import type {Path} from '../yaml/index.ts'
import {conflict, type Problem} from './problem.ts'
import type {GatewayYaml} from './schema.ts'

type RemoteYaml = GatewayYaml['sites'][SiteName]

/** A prefix as it is known at this gateway, and where the configuration says so. */
interface Claim {
  readonly site: string
  readonly prefix: Prefix
  readonly path: Path
}

export const translationsOf = ({translate}: RemoteYaml): Translation[] =>
  translate.map(({prefix, as}) => ({real: prefix, seen: as}))

/** What a site is granted, under the prefixes that it is known by here. */
export const seenOwns = ({owns, translate}: RemoteYaml): Prefix[] =>
  owns.map((own) => translate.find(({prefix}) => prefix === own)?.as ?? own)

/**
 * Which sites are not connected, for they overlap one that stands before them: the own site, then the others in the
 * order of the file. Both were there on purpose, and nobody but the operator can say which is right; the one that came
 * first keeps what it has. What is not connected is in nobody's way.
 */
export function overlappingSites(yaml: GatewayYaml, order: readonly string[]): SiteOverlap[] {
  const connected: Claim[] = ownClaims(yaml)
  return order.flatMap((site): SiteOverlap[] => {
    const claims = claimsOf(yaml, site)
    for (const {prefix} of claims) {
      const earlier = connected.find((other) => prefixesOverlap(other.prefix, prefix))
      if (earlier) {
        const {site: before, prefix: taken} = earlier
        return [{site: site as SiteName, prefix, earlier: {site: before as SiteName, prefix: taken}}]
      }
    }
    connected.push(...claims)
    return []
  })
}

/** In the words of the configuration: what overlaps what, and what becomes of it. */
export function* checkOverlaps(yaml: GatewayYaml, overlaps: readonly SiteOverlap[]): Generator<Problem> {
  for (const {site, prefix, earlier} of overlaps) {
    const {path} = claimsOf(yaml, site).find((claim) => claim.prefix === prefix)!
    const overlap = `site ${site}'s ${prefix} overlaps site ${earlier.site}'s ${earlier.prefix}`
    const remedy = `grant it to one of them, or see ${site} under another prefix: sites.${site}.translate`
    if (yaml.authorities.includes(site as SiteName)) {
      // Without its policies less would be denied than before.
      const detail = `${overlap}, and without ${site} its policies would not count: it is an authority`
      yield {code: 'config-conflict', path, detail, remedy}
    } else {
      const detail = `${overlap}, which stands before it: ${site} is not connected`
      yield {code: 'prefix-conflict', severity: 'warning', path, detail, remedy}
    }
  }
}

/** Overlaps that no order of sites decides: inside one site, and with the inner addresses. */
export function* checkOwnPrefixes(yaml: GatewayYaml): Generator<Problem> {
  const inner = yaml.interconnect.map((prefix) => ({who: 'interconnect', prefix}))
  for (const site of [null, ...Object.keys(yaml.sites)]) {
    const claims = site === null ? ownClaims(yaml) : claimsOf(yaml, site)
    for (const [index, {site: name, prefix, path}] of claims.entries()) {
      const before = claims.slice(0, index).map((claim) => ({who: `site ${name}`, prefix: claim.prefix}))
      for (const other of [...inner, ...before].filter((one) => prefixesOverlap(one.prefix, prefix))) {
        yield conflict(path, `site ${name}'s ${prefix} overlaps ${other.who}'s ${other.prefix}`)
      }
    }
  }
  for (const [index, prefix] of yaml.interconnect.entries()) {
    for (const other of yaml.interconnect.slice(0, index).filter((one) => prefixesOverlap(one, prefix))) {
      yield conflict(['interconnect', index], `interconnect's ${prefix} overlaps interconnect's ${other}`)
    }
  }
}

/** A prefix that stands for another must be as long, and nobody else's. */
export function* checkTranslations(yaml: GatewayYaml): Generator<Problem> {
  for (const [site, remote] of Object.entries(yaml.sites)) {
    for (const [index, {prefix, as}] of remote.translate.entries()) {
      const path: Path = ['sites', site, 'translate', index]
      if (remote.encapsulation === 'none') {
        yield conflict(path, `${site} has no tunnel, and the WAN knows one site by ${prefix} only`, 'give it a tunnel')
      }
      if (!remote.owns.includes(prefix)) {
        const owns = remote.owns.join(', ')
        yield conflict([...path, 'prefix'], `${prefix} is none of sites.${site}.owns: ${owns}`, 'translate one whole')
      }
      if (remote.translate.slice(0, index).some((other) => other.prefix === prefix)) {
        yield conflict([...path, 'prefix'], `${prefix} is translated twice`)
      }
      if (prefixFamily(as) !== prefixFamily(prefix) || prefixLength(as) !== prefixLength(prefix)) {
        const kind = `IPv${prefixFamily(prefix)}`
        yield conflict([...path, 'as'], `${as} is not as long as ${prefix}`, `an ${kind} /${prefixLength(prefix)}`)
      }
      for (const inner of yaml.interconnect.filter((one) => prefixesOverlap(one, prefix))) {
        const detail = `${prefix} overlaps the interconnect's ${inner}: gateways' own packets would be translated`
        yield conflict([...path, 'prefix'], detail)
      }
      for (const {what, prefix: other} of placesOf(yaml, site).filter((place) => prefixesOverlap(place.prefix, as))) {
        yield conflict([...path, 'as'], `${as} overlaps ${what} ${other}`, 'a prefix that nobody uses')
      }
    }
  }
}

/** All that a prefix of a site must not stand for, in words. */
function placesOf(yaml: GatewayYaml, site: string): {what: string; prefix: Prefix}[] {
  const named = (what: string, prefixes: readonly Prefix[]) => prefixes.map((prefix) => ({what, prefix}))
  const address = (what: string, one: Address | undefined) => (one ? [{what, prefix: hostPrefix(one)}] : [])
  return [
    ...named("this site's", yaml.owns),
    ...named('infrastructure', yaml.infrastructure),
    ...yaml.uplinks.flatMap((uplink) => [
      ...address(`uplink ${uplink.name}`, uplink.address),
      ...address(`uplink ${uplink.name}`, uplink.public),
    ]),
    ...yaml.peers.flatMap((peer) => address(`peer ${peer.name}`, peer.address)),
    ...Object.entries(yaml.sites).flatMap(([name, remote]) =>
      named(`site ${name}'s`, name === site ? remote.owns : seenOwns(remote)),
    ),
  ]
}

function ownClaims(yaml: GatewayYaml): Claim[] {
  return yaml.owns.map((prefix, index) => ({site: yaml.site, prefix, path: ['owns', index]}))
}

function claimsOf(yaml: GatewayYaml, site: string): Claim[] {
  const remote = yaml.sites[site as SiteName]
  return remote ? seenOwns(remote).map((prefix, index) => ({site, prefix, path: ['sites', site, 'owns', index]})) : []
}
