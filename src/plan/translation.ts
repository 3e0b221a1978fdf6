import type {GatewayConfig, NftChain, NftHook, SiteName, Tunnel} from '../model/index.ts'
import {
  type Address,
  addressFromNumber,
  addressNumber,
  type Family,
  type Prefix,
  prefixAddress,
  prefixFamily,
  prefixLength,
  type Translation,
} from '../net/index.ts'

/** Chains that translate, and which tunnel's packets go through which. */
export interface TranslationPart {
  readonly chains: readonly NftChain[]
  /** Of packets that come in, by device: the chain. */
  readonly arriving: ReadonlyMap<string, string>
  readonly leaving: ReadonlyMap<string, string>
}

/** After fragments are joined, before conntrack: all that follows knows a site by one address only. */
export const BEFORE_CONNTRACK = -300
/** After everything else that looks at a packet. */
const AFTER_ALL = 300

/**
 * Translates the prefixes of remote sites, packet by packet and without state: what arrives by a site's tunnel comes from
 * the prefix that the site is known by here, what leaves to it goes to the site's own. ICMP errors tell of a packet that
 * was on the way, so in them that packet is translated too. Nothing is asked but the packet: equal on both twins, and
 * after any restart.
 */
export function planTranslation(config: GatewayConfig, tunnels: readonly Tunnel[]): TranslationPart {
  const chains: NftChain[] = []
  const [arriving, leaving] = [new Map<string, string>(), new Map<string, string>()]
  for (const {name, translations} of config.sites.values()) {
    const devices = [...new Set(tunnels.flatMap(({site, device}) => (site === name ? [device] : [])))].sort()
    if (translations.length === 0 || devices.length === 0) continue
    const [from, to] = [siteChain('arrive', name), siteChain('leave', name)]
    chains.push({name: from, hook: null, rules: translations.flatMap(arrivingRules)})
    chains.push({name: to, hook: null, rules: translations.flatMap(leavingRules)})
    for (const device of devices) {
      arriving.set(device, from)
      leaving.set(device, to)
    }
  }
  if (chains.length > 0) {
    const hook = (name: NftHook['hook'], priority: number): NftHook => {
      return {type: 'filter', hook: name, priority, policy: 'accept'}
    }
    chains.push(
      {name: 'arrive', hook: hook('prerouting', BEFORE_CONNTRACK), rules: ['iifname vmap @arriving']},
      {name: 'leave', hook: hook('postrouting', AFTER_ALL), rules: ['oifname vmap @leaving']},
    )
  }
  return {chains, arriving, leaving}
}

const siteChain = (way: 'arrive' | 'leave', site: SiteName): string => `${way}_${site.replaceAll('-', '_')}`

/** The packet that an error tells of went to the site; whatever claims to come from the other prefix is no address of it. */
function arrivingRules({real, seen}: Translation): string[] {
  const change = {from: real, to: seen}
  return prefixFamily(real) === 4
    ? [
        `ip saddr ${seen} counter name "spoofed" drop`,
        `${ICMP_ERRORS} ${inside4(TOLD_DADDR_4, real)} ${changeTold4(TOLD_DADDR_4, change)}`,
        `ip saddr ${real} ip saddr set ${moved('ip saddr', change)}`,
      ]
    : [
        `ip6 saddr ${seen} counter name "spoofed" drop`,
        `${ICMPV6_ERRORS} ${inside6(TOLD_DADDR_6, real)} ${changeToldDaddr6(change)}`,
        `ip6 saddr ${real} ip6 saddr set ${moved('ip6 saddr', change)}`,
      ]
}

/** An error goes to whom the packet came from that it tells of: both addresses are of the site. */
function leavingRules({real, seen}: Translation): string[] {
  const change = {from: seen, to: real}
  return prefixFamily(real) === 4
    ? [
        `ip daddr ${seen} ${ICMP_ERRORS} ${inside4(TOLD_SADDR_4, seen)} ${changeTold4(TOLD_SADDR_4, change)}`,
        `ip daddr ${seen} ip daddr set ${moved('ip daddr', change)}`,
      ]
    : [
        `ip6 daddr ${seen} ${ICMPV6_ERRORS} ${inside6(TOLD_SADDR_6, seen)} ${changeBoth6(change)}`,
        `ip6 daddr ${seen} ip6 daddr set ${moved('ip6 daddr', change)}`,
      ]
}

interface Change {
  readonly from: Prefix
  readonly to: Prefix
}

const ICMP_ERRORS = 'icmp type { destination-unreachable, time-exceeded, parameter-problem }'
const ICMPV6_ERRORS = 'icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }'

/** The packet that an error tells of stands 8 bytes behind the error's own header. */
const TOLD_CHECKSUM_4 = '@th,144,16'
const TOLD_SADDR_4 = '@th,160,32'
const TOLD_DADDR_4 = '@th,192,32'
const TOLD_SADDR_6 = '@th,128,128'
const TOLD_DADDR_6 = '@th,256,128'

/** Raw, so that nft leaves the checksums alone: `ip id` and `ip6 daddr` are the same bytes, with their checksums kept. */
const RAW_ID = '@nh,32,16'
const RAW_DADDR_6 = '@nh,192,128'

/**
 * Changes an address of the packet that an ICMP error tells of, and that packet's header checksum with it; the ICMP
 * checksum over both then stays as it was.
 *
 * nft has no sums, but keeps the outer header's checksum when `ip id` is set. So the checksum of the packet within takes
 * the place of the outer one, `ip id` goes from 0 to the difference, and both go back. `ip id` is left 0: no error is
 * ever fragmented (RFC 1812 4.3.2.3), so it has no meaning (RFC 6864).
 */
function changeTold4(address: string, change: Change): string {
  const exchange = [
    // The outer checksum is the one for an id of 0, so that it may stand there meanwhile.
    `${RAW_ID} set ip checksum`,
    `ip checksum set ${TOLD_CHECKSUM_4}`,
    `${TOLD_CHECKSUM_4} set ip id`,
    `${RAW_ID} set 0`,
  ]
  return [
    `${address} set ${rawMoved(address, change)}`,
    'ip id set 0',
    ...exchange,
    `ip id set ${hex(difference(change), 16)}`,
    ...exchange,
  ].join(' ')
}

/**
 * The same for the destination in ICMPv6, whose checksum covers the outer addresses as well, and which nft keeps when one
 * of them is set. So the outer destination is for a moment the address within, changes as that one must, and comes back
 * from where it stands too: an error goes to the source of the packet that it tells of.
 */
function changeToldDaddr6(change: Change): string {
  return [
    `${RAW_DADDR_6} set ${TOLD_DADDR_6}`,
    `ip6 daddr set ${moved('ip6 daddr', change)}`,
    `${TOLD_DADDR_6} set ${RAW_DADDR_6}`,
    `${RAW_DADDR_6} set ${TOLD_SADDR_6}`,
  ].join(' ')
}

/** The error's own destination, then the source within in the same way, which is that very address. */
function changeBoth6(change: Change): string {
  const outer = `ip6 daddr set ${moved('ip6 daddr', change)}`
  return [outer, `${RAW_DADDR_6} set ${TOLD_SADDR_6}`, outer, `${TOLD_SADDR_6} set ${RAW_DADDR_6}`].join(' ')
}

/** A field with the first bits of another prefix, in nft's words. */
function moved(field: string, {to}: Change): string {
  return `${field} & ${hostMask(to)} | ${prefixAddress(to)}`
}

const rawMoved = (field: string, {to}: Change): string =>
  `${field} & ${hex(addressNumber(hostMask(to)), 32)} | ${hex(addressNumber(prefixAddress(to)), 32)}`

const inside4 = (field: string, prefix: Prefix): string => inside(field, prefix, 32)
const inside6 = (field: string, prefix: Prefix): string => inside(field, prefix, 128)

function inside(field: string, prefix: Prefix, width: number): string {
  const mask = ((1n << BigInt(prefixLength(prefix))) - 1n) << BigInt(width - prefixLength(prefix))
  return `${field} & ${hex(mask, width)} == ${hex(addressNumber(prefixAddress(prefix)), width)}`
}

/** The bits that stay. */
function hostMask(prefix: Prefix): Address {
  const family: Family = prefixFamily(prefix)
  const width = family === 4 ? 32 : 128
  return addressFromNumber((1n << BigInt(width - prefixLength(prefix))) - 1n, family)
}

/** By how much the sum of an address's 16-bit words grows, in one's complement (RFC 1624). */
function difference({from, to}: Change): bigint {
  const sum = (prefix: Prefix): bigint => {
    const number = addressNumber(prefixAddress(prefix))
    return (number >> 16n) + (number & 0xffffn)
  }
  return (((sum(to) - sum(from)) % 0xffffn) + 0xffffn) % 0xffffn
}

const hex = (value: bigint, width: number): string => `0x${value.toString(16).padStart(width / 4, '0')}`
