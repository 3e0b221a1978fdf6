import {classidText, markText, type NftChain, type NftSet, rangeElement} from '../../model/index.ts'
import {type Address, type Family, familyOf} from '../../net/index.ts'
import type {MovedHosts, Numbering} from '../classes/index.ts'
import {ALLOWED, DENY_UNOWNED, type Verdicts} from './pairs.ts'
import {printRules} from './verdict-chains.ts'

/** A destination's class number as the priority holds it; nft says `none` for 0, and only that. */
const classText = (number: number): string => (number === 0 ? 'none' : classidText(number >>> 16, number & 0xffff))

/**
 * The look-up maps: host addresses in hash maps, wider prefixes in interval maps, each once for sources and once for
 * destinations, since a scratch field has one type.
 */
export function classSets(numbering: Numbering): NftSet[] {
  const elements = new Map<string, Map<string, string>>()
  for (const family of [4, 6]) {
    for (const name of ['class', 'cidr']) {
      elements.set(`${name}${family}`, new Map())
      elements.set(`${name}${family}d`, new Map())
    }
  }
  const put = (name: string, key: string, number: number): void => {
    elements.get(name)!.set(key, markText(number))
    elements.get(`${name}d`)!.set(key, classText(number))
  }
  for (const [address, number] of numbering.hosts) put(address.includes(':') ? 'class6' : 'class4', address, number)
  for (const {number, ...range} of numbering.regions) {
    put(`cidr${range.family}`, rangeElement(range), number)
  }
  return [...elements].map(([name, map]) => ({
    name,
    key: name.includes('4') ? 'ipv4_addr' : 'ipv6_addr',
    value: name.endsWith('d') ? 'classid' : 'mark',
    interval: name.startsWith('cidr'),
    elements: map,
    ...(name.startsWith('class') ? {version: {}} : {}),
  }))
}

/**
 * The look-up maps after hosts have moved between classes that have numbers. The maps of hosts and the numbering are
 * changed in place, under a new version that says which keys.
 */
export function moveHosts(
  sets: ReadonlyMap<string, NftSet>,
  {numbers, hosts}: Numbering,
  moved: MovedHosts,
): ReadonlyMap<string, NftSet> {
  const keys: Record<Family, Address[]> = {4: [], 6: []}
  for (const [address, index] of moved) {
    keys[familyOf(address)].push(address)
    if (index === null) hosts.delete(address)
    else hosts.set(address, numbers[index]!)
  }
  const result = new Map(sets)
  for (const family of [4, 6] as const) {
    if (keys[family].length === 0) continue
    for (const [name, text] of [
      [`class${family}`, markText],
      [`class${family}d`, classText],
    ] as const) {
      const set = sets.get(name)!
      const elements = set.elements as Map<string, string>
      for (const address of keys[family]) {
        const number = hosts.get(address)
        if (number === undefined) elements.delete(address)
        else elements.set(address, text(number))
      }
      result.set(name, {...set, version: {}, since: {version: set.version!, keys: keys[family]}})
    }
  }
  return result
}

export function verdictSets(verdicts: Verdicts): NftSet[] {
  const pairs = new Map<string, string>()
  for (const [from, row] of verdicts.pairs) {
    for (const [to, target] of row) pairs.set(`${markText(from)} . ${classText(to)}`, `goto ${target}`)
  }
  const sources = new Map<string, string>()
  for (const [number, target] of verdicts.sources) {
    const chain = {passed: 'judge_destination', unowned: 'judge_unowned'}[target] ?? target
    sources.set(markText(number), `goto ${chain}`)
  }
  const destinations = new Map<string, string>()
  const unowned = new Map<string, string>()
  for (const [number, target] of verdicts.destinations) {
    destinations.set(classText(number), `goto ${target === 'unowned' ? ALLOWED : target}`)
    if (target === 'unowned') unowned.set(classText(number), '')
  }
  const map = (name: string, key: string, value: string | null, elements: Map<string, string>): NftSet => {
    return {name, key, value, interval: false, elements}
  }
  return [
    map('pairs', 'mark . classid', 'verdict', pairs),
    map('judge_sources', 'mark', 'verdict', sources),
    map('judge_destinations', 'classid', 'verdict', destinations),
    map('unowned', 'classid', null, unowned),
  ]
}

/**
 * The chains around the maps. All look-ups are by the flow's original tuple, so that a reply is judged as what it
 * answers. A number that no map knows (a packet between two look-ups during a change) is denied.
 */
export function judgeChains(verdicts: Verdicts, counters: readonly string[]): NftChain[] {
  const chain = (name: string, rules: string[]): NftChain => ({name, hook: null, rules})
  const lookUps = (family: Family): string[] => {
    const ip = family === 4 ? 'ip' : 'ip6'
    return [
      `meta mark set ct original ${ip} saddr map @class${family}`,
      `meta mark ${markText(0)} meta mark set ct original ${ip} saddr map @cidr${family}`,
      `meta priority set ct original ${ip} daddr map @class${family}d`,
      `meta priority none meta priority set ct original ${ip} daddr map @cidr${family}d`,
      'goto judge_pair',
    ]
  }
  return [
    // Whatever scratch values the packet brought must not pass for a class.
    chain('judge', [
      `meta mark set ${markText(0)} meta priority set none`,
      'meta nfproto ipv4 goto judge4',
      'meta nfproto ipv6 goto judge6',
      `goto ${DENY_UNOWNED}`,
    ]),
    chain('judge4', lookUps(4)),
    chain('judge6', lookUps(6)),
    chain('judge_pair', [
      'meta mark . meta priority vmap @pairs',
      'meta mark vmap @judge_sources',
      `goto ${DENY_UNOWNED}`,
    ]),
    chain('judge_destination', ['meta priority vmap @judge_destinations', `goto ${DENY_UNOWNED}`]),
    chain('judge_unowned', [`meta priority @unowned goto ${DENY_UNOWNED}`, 'goto judge_destination']),
    ...counters.map((counter) => chain(counter, [`counter name "${counter}" drop`])),
    ...verdicts.chains.map(({name, rules, otherwise}) => chain(name, printRules(rules, otherwise))),
  ]
}
