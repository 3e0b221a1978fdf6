import {classidText, markText, type NftChain, type NftSet, rangeElement} from '../../model/index.ts'
import {type Address, type Family, familyOf} from '../../net/index.ts'
import type {HostMoves, NumberedRegion, Numbering} from '../classes/index.ts'
import {overlay} from './overlay.ts'
import {ALLOWED, DENY_UNOWNED} from './pair-table.ts'
import type {Verdicts} from './pairs.ts'
import {nftChain, type Target} from './verdict-chains.ts'

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
 * The look-up maps of hosts after some have moved: changed in place, under a new version that says which keys; and what
 * they held before, under the version of then.
 */
export function moveHosts(sets: ReadonlyMap<string, NftSet>, moves: HostMoves): {before: NftSet[]; after: NftSet[]} {
  const keys: Record<Family, Address[]> = {4: [], 6: []}
  for (const address of moves.keys()) keys[familyOf(address)].push(address)
  const changed = {before: [] as NftSet[], after: [] as NftSet[]}
  for (const family of [4, 6] as const) {
    if (keys[family].length === 0) continue
    for (const [name, text] of [
      [`class${family}`, markText],
      [`class${family}d`, classText],
    ] as const) {
      const set = sets.get(name)!
      const now = keys[family].map((address): [string, string | undefined] => {
        const number = moves.get(address)!.to
        return [address, number === undefined ? undefined : text(number)]
      })
      const {before, after} = changeElements(set, new Map(now))
      changed.before.push(before)
      changed.after.push(after)
    }
  }
  return changed
}

/** Changes elements in place; what the set is now, and what it was, which goes on telling so. */
export function changeElements(
  set: NftSet,
  now: ReadonlyMap<string, string | undefined>,
): {readonly before: NftSet; readonly after: NftSet} {
  const elements = set.elements as Map<string, string>
  const was = new Map<string, string | undefined>()
  for (const [key, value] of now) {
    was.set(key, elements.get(key))
    if (value === undefined) elements.delete(key)
    else elements.set(key, value)
  }
  return {
    before: {...set, elements: overlay(elements, was)},
    after: {...set, version: {}, since: {version: set.version!, keys: [...now.keys()]}},
  }
}

export const pairKey = (from: number, to: number): string => `${markText(from)} . ${classText(to)}`
export const pairValue = (target: Target | undefined): string | undefined => target && `goto ${target}`

export function pairSet(pairs: Verdicts['pairs'], name = 'pairs'): NftSet {
  const elements = new Map<string, string>()
  for (const [from, row] of pairs) {
    const source = `${markText(from)} . `
    for (const [to, target] of row) elements.set(source + classText(to), `goto ${target}`)
  }
  return verdictMap(name, 'mark . classid', 'verdict', elements)
}

/** What the ends say by themselves. */
export function endSets({sources, destinations}: Pick<Verdicts, 'sources' | 'destinations'>, suffix = ''): NftSet[] {
  const out = new Map<string, string>()
  for (const [number, target] of sources) {
    const chain = {passed: 'judge_destination', unowned: 'judge_unowned'}[target] ?? target
    out.set(markText(number), `goto ${chain}`)
  }
  const into = new Map<string, string>()
  const unowned = new Map<string, string>()
  for (const [number, target] of destinations) {
    into.set(classText(number), `goto ${target === 'unowned' ? ALLOWED : target}`)
    if (target === 'unowned') unowned.set(classText(number), '')
  }
  return [
    verdictMap(`judge_sources${suffix}`, 'mark', 'verdict', out),
    verdictMap(`judge_destinations${suffix}`, 'classid', 'verdict', into),
    verdictMap(`unowned${suffix}`, 'classid', null, unowned),
  ]
}

const verdictMap = (name: string, key: string, value: string | null, elements: Map<string, string>): NftSet => ({
  name,
  key,
  value,
  interval: false,
  elements,
  version: {},
})

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
    ...verdictChains.map(nftChain),
  ]
}
