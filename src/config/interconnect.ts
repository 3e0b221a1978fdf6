import type {Finding} from '../model/index.ts'
import {familyOf, prefixesOverlap, prefixFamily, prefixRange} from '../net/index.ts'
import {ADDRESSES_A_SITE, type Interconnect, interconnectSchema} from './interconnect-schema.ts'
import {parseGatewayConfig, readShape} from './parse.ts'
import {conflict, type Problem} from './problem.ts'
import {DERIVED_KEYS, gatewayFile, linkOf, outerAddress} from './wire-sites.ts'

/** Reads interconnect.yaml, the one description of all sites, as gateway.yaml is read: all findings at once. */
export function parseInterconnect(
  text: string,
  file: string,
): {interconnect: Interconnect | null; findings: Finding[]} {
  const {value, findings} = readShape(interconnectSchema, text, file, (interconnect) => {
    const own = [
      ...checkNumbers(interconnect),
      ...checkPrefixes(interconnect),
      ...checkAddresses(interconnect),
      ...checkPairs(interconnect),
      ...checkNames(interconnect),
      ...checkExtra(interconnect),
    ]
    // What is wrong here already is not said again in the words of each gateway's file.
    return own.length > 0 ? own : [...checkFiles(interconnect)]
  })
  return {interconnect: value, findings}
}

const sitesOf = ({sites}: Interconnect) => Object.entries(sites)

/** Two of one number have the same inner addresses, and a number may not lie behind the end of a pool. */
function* checkNumbers(interconnect: Interconnect): Generator<Problem> {
  const sites = new Map<number, string>()
  for (const [name, {number, gateways}] of sitesOf(interconnect)) {
    const path = ['sites', name]
    const other = sites.get(number)
    if (other !== undefined) yield conflict([...path, 'number'], `${number} is ${other}'s number`, 'a free one')
    sites.set(number, name)
    for (const [index, pool] of interconnect.inner.entries()) {
      const {first, last} = prefixRange(pool)
      const size = last - first + 1n
      if (BigInt((number + 1) * ADDRESSES_A_SITE) <= size) continue
      const detail = `site ${number} has its inner addresses behind the end of inner[${index}], ${pool}`
      yield conflict([...path, 'number'], detail, `a number below ${size / BigInt(ADDRESSES_A_SITE)}, or a larger pool`)
    }
    const taken = new Map<number, string>()
    for (const [gateway, {number: own}] of Object.entries(gateways)) {
      const twin = taken.get(own)
      const place = [...path, 'gateways', gateway, 'number']
      if (twin !== undefined) yield conflict(place, `${own} is ${twin}'s number`, 'a free one')
      taken.set(own, gateway)
    }
    const count = Object.keys(gateways).length
    if (count < 1 || count > 2) yield conflict([...path, 'gateways'], `${count} gateways`, 'one, or a pair')
  }
}

/** A prefix belongs to one site, and inner addresses to none. */
function* checkPrefixes(interconnect: Interconnect): Generator<Problem> {
  const [first, second] = interconnect.inner
  if (interconnect.inner.filter((pool) => prefixFamily(pool) === 4).length !== 1) {
    const detail = second ? 'two pools of one family' : `${first} is no IPv4 prefix`
    yield conflict(['inner'], detail, 'one IPv4 prefix, and at most one IPv6 prefix beside it')
  }
  const claimed = interconnect.inner.map((prefix) => ({who: 'inner', prefix}))
  for (const [name, {owns}] of sitesOf(interconnect)) {
    for (const [index, prefix] of owns.entries()) {
      for (const other of claimed.filter((one) => prefixesOverlap(one.prefix, prefix))) {
        yield conflict(['sites', name, 'owns', index], `${name}'s ${prefix} overlaps ${other.who}'s ${other.prefix}`)
      }
      claimed.push({who: name, prefix})
    }
  }
}

function* checkAddresses(interconnect: Interconnect): Generator<Problem> {
  const taken = new Map<string, string>()
  for (const [name, {gateways}] of sitesOf(interconnect)) {
    for (const [gateway, entry] of Object.entries(gateways)) {
      const path = ['sites', name, 'gateways', gateway]
      const outer = outerAddress(entry)
      const other = taken.get(outer)
      if (other) yield conflict(path, `${outer} is ${other}'s address as well`, 'an address of its own')
      taken.set(outer, `${name}/${gateway}`)
      if (entry.public && familyOf(entry.public) !== familyOf(entry.address)) {
        yield conflict([...path, 'public'], `${entry.public} is of another family than ${entry.address}`)
      }
    }
  }
}

/** What a fabric drops is refused here, and not found out by a tunnel that stays down. */
function* checkPairs(interconnect: Interconnect): Generator<Problem> {
  const {pairs, sites} = interconnect
  const seen = new Set<string>()
  for (const [index, {between}] of pairs.entries()) {
    for (const [end, site] of between.entries()) {
      if (site in sites) continue
      yield conflict(['pairs', index, 'between', end], `no site ${site}`, `known: ${Object.keys(sites).join(', ')}`)
    }
    const key = between.toSorted().join('/')
    if (between[0] === between[1]) yield conflict(['pairs', index, 'between'], `${between[0]} twice`, 'two sites')
    else if (seen.has(key)) yield conflict(['pairs', index, 'between'], `${between.join(' and ')} are a pair already`)
    seen.add(key)
  }
  for (const [name] of sitesOf(interconnect)) {
    for (const [other] of sitesOf(interconnect)) {
      if (name === other || linkOf(interconnect, name, other).encapsulation !== 'ipip') continue
      const reason = whyDropped(interconnect, name)
      if (!reason) continue
      const index = pairs.findIndex(({between}) => [name, other].every((site) => between.some((one) => one === site)))
      const path = index < 0 ? ['encapsulation'] : ['pairs', index]
      yield conflict(path, `ipip between ${name} and ${other}: ${reason}`, 'wireguard, or fou on a private network')
    }
  }
}

function whyDropped({sites, inner}: Interconnect, name: string): string | null {
  const {fabric, gateways} = sites[name as keyof typeof sites]!
  const hasSix = inner.some((pool) => prefixFamily(pool) === 6)
  if (fabric === 'azure') return 'Azure drops IP protocols 4 and 41'
  if (fabric === 'exoscale' && hasSix) return "Exoscale's security groups have no IP protocol 41, which IPv6 inside is"
  const isPublic = Object.values(gateways).some((gateway) => gateway.public)
  return fabric === 'gcp' && isPublic ? 'Google Cloud takes no IP protocol 4 at external addresses' : null
}

function* checkNames({authorities, sites}: Interconnect): Generator<Problem> {
  for (const [index, site] of authorities.entries()) {
    if (!(site in sites)) {
      yield conflict(['authorities', index], `no site ${site}`, `known: ${Object.keys(sites).join(', ')}`)
    }
  }
}

function* checkExtra(interconnect: Interconnect): Generator<Problem> {
  for (const [name, site] of sitesOf(interconnect)) {
    const places = [
      {path: ['sites', name, 'extra'], extra: site.extra},
      ...Object.entries(site.gateways).map(([gateway, {extra}]) => ({
        path: ['sites', name, 'gateways', gateway, 'extra'],
        extra,
      })),
    ]
    for (const {path, extra} of places) {
      for (const key of Object.keys(extra).filter((one) => DERIVED_KEYS.has(one))) {
        yield conflict([...path, key], `${key} of gateway.yaml follows from the rest`, 'take it out')
      }
    }
  }
}

/** What follows must be what the daemon takes: `extra` is judged where it will stand. */
function* checkFiles(interconnect: Interconnect): Generator<Problem> {
  const said = new Set<string>()
  for (const [name, site] of sitesOf(interconnect)) {
    for (const [gateway, {extra}] of Object.entries(site.gateways)) {
      const file = JSON.stringify(gatewayFile(interconnect, name, gateway))
      for (const {where, detail, remedy, severity, code} of parseGatewayConfig(file, gateway).findings) {
        const [key] = /^[^.[]+/.exec(where.field ?? '') ?? ['']
        const own = ['sites', name, 'gateways', gateway]
        const path = key in extra ? [...own, 'extra', key] : key in site.extra ? ['sites', name, 'extra', key] : own
        // Of a pair each file has what stands in the site's `extra`.
        const place = `${path.join('.')} ${where.field} ${detail}`
        if (said.has(place)) continue
        said.add(place)
        yield {
          ...{code, path, detail: `in gateway.yaml of ${gateway}, ${where.field}: ${detail}`},
          ...(remedy ? {remedy} : {}),
          ...(severity === 'warning' ? {severity} : {}),
        }
      }
    }
  }
}
