import {isTakenOut, neighborsTo, type RemoteSite} from '../model/index.ts'
import {type Prefix, prefixContains, prefixesOverlap, realPrefix} from '../net/index.ts'
import type {WayStep, WhyNotFacts} from './way.ts'

export const coveringOf = (prefixes: readonly Prefix[], prefix: Prefix): Prefix =>
  prefixes.find((one) => prefixContains(one, prefix))!

export function ownedBy({name, owns, translations}: RemoteSite, prefix: Prefix): WayStep {
  const own = coveringOf(owns, prefix)
  const real = realPrefix(translations, prefix)
  const also = real === null ? '' : `; the site itself calls it ${real}`
  return {step: 'owner', ok: true, evidence: `sites.${name}.owns grants ${own} to site ${name}${also}`}
}

/** To no site it is granted: what comes nearest to that. */
export function nobodys({input: {config}, findings}: WhyNotFacts, prefix: Prefix): WayStep {
  const refuse = (evidence: string, remedy: string): WayStep => ({step: 'owner', ok: false, evidence, remedy})
  const left = config.unconnected.find((one) => prefixesOverlap(one.prefix, prefix))
  if (left) {
    const {site, earlier} = left
    return refuse(
      `site ${site} is configured but not connected: its ${left.prefix} overlaps ${earlier.prefix} of site ${earlier.site}`,
      `give it another prefix here: sites.${site}.translate`,
    )
  }
  for (const {name, translations} of config.sites.values()) {
    const translated = translations.find(({real}) => prefixContains(real, prefix))
    if (translated) {
      return refuse(
        `site ${name} calls it so, and is known here as ${translated.seen}`,
        `ask for the prefix by which it is known here, inside ${translated.seen}`,
      )
    }
  }
  const claimed = findings.find(
    ({code, conflict}) =>
      code === 'prefix-not-granted' && conflict?.over !== undefined && overlaps(conflict.over, prefix),
  )
  if (claimed)
    return refuse(`it is announced, and not granted: ${claimed.detail}`, claimed.remedy ?? 'grant it: sites.NAME.owns')
  const parts = [...config.sites.values()].flatMap(({name, owns}) =>
    owns.filter((own) => prefixContains(prefix, own)).map((own) => `${own} of site ${name}`),
  )
  if (parts.length > 0) return refuse(`only parts of it are granted: ${parts.join(', ')}`, 'ask for one of these')
  return {
    step: 'owner',
    ok: config.peers.length > 0 ? null : false,
    evidence: 'it is granted to no site: no sites.NAME.owns holds it',
    remedy: 'if a site has it, grant it to that one: sites.NAME.owns',
  }
}

const overlaps = (text: string, prefix: Prefix): boolean =>
  text.includes('/') && prefixesOverlap(text as Prefix, prefix)

/** From a remote site's export to tunnels that lead there. */
export function toSite(facts: WhyNotFacts, site: RemoteSite): WayStep[] {
  const {world, tunnels} = facts.input
  const {name} = site
  const view = world.sites.get(name)
  const read: WayStep =
    view === undefined || view.as === null
      ? {
          step: 'export',
          ok: false,
          evidence: `the export of site ${name} has not been read, so its AS number and gateways are not known`,
          remedy: `isthmus diagnose datastore ${name}`,
        }
      : isTakenOut(view.presence) || view.presence === 'closed'
        ? {
            step: 'export',
            ok: false,
            evidence: `site ${name} is ${view.presence}: it was not heard of for too long (sites.${name}.lost)`,
            remedy: `isthmus describe site ${name}`,
          }
        : {
            step: 'export',
            ok: true,
            evidence: `the export of site ${name} is read: AS ${view.as}, ${view.gateways.length} gateways`,
          }
  if (site.encapsulation === 'none' && site.via.length === 0) {
    return [
      read,
      {step: 'tunnel', ok: true, evidence: `no tunnel: sites.${name}.encapsulation is none, WAN routers announce it`},
    ]
  }
  const neighbors = neighborsTo(site)
  const leading = tunnels.filter((tunnel) => neighbors.includes(tunnel.site))
  if (leading.length > 0) {
    return [
      read,
      {
        step: 'tunnel',
        ok: true,
        evidence: `planned: ${leading.map(({id, encapsulation}) => `${id} (${encapsulation})`).join(', ')}`,
      },
    ]
  }
  const through = site.via.length > 0 ? ` (${name} is reached via ${site.via.join(', ')})` : ''
  const said = facts.findings.find(
    ({code, where}) => TUNNEL_CODES.has(code) && neighbors.some((one) => where.source === `export ${one}`),
  )
  return [
    read,
    {
      step: 'tunnel',
      ok: false,
      evidence: `there is no tunnel to site ${neighbors.join(', ')}${through}${said ? `: ${said.detail}` : ''}`,
      remedy: said?.remedy ?? 'isthmus get findings says what both ends lack',
    },
  ]
}

/** Why there is no tunnel where one is wanted. */
const TUNNEL_CODES: ReadonlySet<string> = new Set([
  'encapsulation-mismatch',
  'tunnel-key-missing',
  'tunnel-without-ipv6',
  'inner-address-conflict',
  'address-duplicate',
])
