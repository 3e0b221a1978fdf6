import {classidText, markText, type NftChain, type NftSet, rangeElement} from '../../model/index.ts'
import {type Address, type Family, familyOf} from '../../net/index.ts'
import type {MovedHosts, NumberedRegion, Numbering} from '../classes/index.ts'
import {ALLOWED, DENY_UNOWNED, type Verdicts} from './pairs.ts'
import {printRules} from './verdict-chains.ts'

/** A destination's class number as the priority holds it; nft says `none` for 0, and only that. */
const classText = (number: number): string => (number === 0 ? 'none' : classidText(number >>> 16, number & 0xffff))

/**
 * The look-up maps: host addresses in hash maps, wider prefixes in interval maps, each once for sources and once for
 * destinations, since a scratch field has one type.
 */
export const classSets = ({hosts, regions}: Numbering): NftSet[] => [...hostSets(hosts, 'class'), ...cidrSets(regions)]

export function hostSets(hosts: ReadonlyMap<Address, number>, name: 'class' | 'move'): NftSet[] {
  const numbers: Record<Family, [string, number][]> = {4: [], 6: []}
  for (const [address, number] of hosts) numbers[address.includes(':') ? 6 : 4].push([address, number])
  return ([4, 6] as const).flatMap((family) =>
    lookUpSets(`${name}${family}`, '', numbers[family], family, false).map((set) => ({...set, version: {}})),
  )
}

export function cidrSets(regions: readonly NumberedRegion[], suffix = ''): NftSet[] {
  return ([4, 6] as const).flatMap((family) => {
    const own = regions.filter((region) => region.family === family)
    const numbers = own.map(({number, ...range}): [string, number] => [rangeElement(range), number])
    return lookUpSets(`cidr${family}`, suffix, numbers, family, true)
  })
}

function lookUpSets(
  name: string,
  suffix: string,
  numbers: readonly [string, number][],
  family: Family,
  interval: boolean,
): NftSet[] {
  const base = {key: family === 4 ? 'ipv4_addr' : 'ipv6_addr', interval}
  const elements = (text: (number: number) => string) => new Map(numbers.map(([key, number]) => [key, text(number)]))
  return [
    {...base, name: `${name}${suffix}`, value: 'mark', elements: elements(markText)},
    {...base, name: `${name}d${suffix}`, value: 'classid', elements: elements(classText)},
  ]
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

export function verdictSets(
  verdicts: Pick<Verdicts, 'pairs' | 'sources' | 'destinations'>,
  {pairs: pairsName, suffix} = {pairs: 'pairs', suffix: ''},
): NftSet[] {
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
    return {name, key, value, interval: false, elements, version: {}}
  }
  return [
    map(pairsName, 'mark . classid', 'verdict', pairs),
    map(`judge_sources${suffix}`, 'mark', 'verdict', sources),
    map(`judge_destinations${suffix}`, 'classid', 'verdict', destinations),
    map(`unowned${suffix}`, 'classid', null, unowned),
  ]
}

/** Which maps of a way from policy to policy are asked first, or in place of the maps proper (stages.ts). */
export interface BesideMaps {
  readonly hosts: boolean
  readonly regions: boolean
  readonly verdicts: boolean
}

/**
 * The chains around the maps. All look-ups are by the flow's original tuple, so that a reply is judged as what it
 * answers. A number that no map knows (a packet between two look-ups during a change) is denied.
 */
export function judgeChains(
  verdictChains: Verdicts['chains'],
  counters: readonly string[],
  beside: BesideMaps = {hosts: false, regions: false, verdicts: false},
): NftChain[] {
  const chain = (name: string, rules: string[]): NftChain => ({name, hook: null, rules})
  const cidr = beside.regions ? '_way' : ''
  const ends = beside.verdicts ? '_way' : ''
  /** The first map that holds the address sets the field. */
  const lookUp = (field: 'mark' | 'priority', none: string, address: string, maps: readonly string[]): string[] =>
    maps.map((map, index) => `${index === 0 ? '' : `meta ${field} ${none} `}meta ${field} set ${address} map @${map}`)
  const lookUps = (family: Family): string[] => {
    const ip = family === 4 ? 'ip' : 'ip6'
    const hosts = [...(beside.hosts ? ['move'] : []), 'class'].map((name) => `${name}${family}`)
    return [
      ...lookUp('mark', markText(0), `ct original ${ip} saddr`, [...hosts, `cidr${family}${cidr}`]),
      ...lookUp('priority', 'none', `ct original ${ip} daddr`, [
        ...hosts.map((name) => `${name}d`),
        `cidr${family}d${cidr}`,
      ]),
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
      ...(beside.verdicts ? ['meta mark . meta priority vmap @flip'] : []),
      'meta mark . meta priority vmap @pairs',
      `meta mark vmap @judge_sources${ends}`,
      `goto ${DENY_UNOWNED}`,
    ]),
    chain('judge_destination', [`meta priority vmap @judge_destinations${ends}`, `goto ${DENY_UNOWNED}`]),
    chain('judge_unowned', [`meta priority @unowned${ends} goto ${DENY_UNOWNED}`, 'goto judge_destination']),
    ...counters.map((counter) => chain(counter, [`counter name "${counter}" drop`])),
    ...verdictChains.map(({name, rules, otherwise}) => chain(name, printRules(rules, otherwise))),
  ]
}
