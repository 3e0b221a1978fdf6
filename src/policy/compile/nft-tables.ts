import {
  classidText,
  JUDGED_BEYOND,
  judgedChains,
  markText,
  type NftChain,
  type NftSet,
  rangeElement,
} from '../../model/index.ts'
import {type Address, AddressTexts, type Family, familyOf, type TextMap} from '../../net/index.ts'
import {type HostMoves, type NumberedRegion, type Numbering, type Steps, whole} from '../classes/index.ts'
import {overlay} from './overlay.ts'
import {ALLOWED, DENY_UNOWNED} from './pair-table.ts'
import type {Verdicts} from './pairs.ts'
import {PASSED, type TargetNumbers, targetText, UNOWNED} from './target-numbers.ts'
import type {Target} from './verdict-chains.ts'

/** A destination's class number as the priority holds it; nft says `none` for 0, and only that. */
export const classText = (number: number): string =>
  number === 0 ? 'none' : classidText(number >>> 16, number & 0xffff)

/**
 * The look-up maps: host addresses in hash maps, wider prefixes in interval maps, each once for sources and once for
 * destinations, since a scratch field has one type.
 */
export function* classSets({hosts, regions}: Numbering): Steps<NftSet[]> {
  const sources = AddressTexts.ofFours(hosts, markText)
  yield
  const destinations = AddressTexts.ofFours(hosts, classText)
  yield
  const fours = hostSetsOf('class', 4, {sources, destinations})
  return [...fours, ...hostSetsOf('class', 6, textsOf(hosts.others(), 6)), ...cidrSets(regions)]
}

export const hostSets = (hosts: ReadonlyMap<Address, number>, name: 'class' | 'move'): NftSet[] =>
  ([4, 6] as const).flatMap((family) => hostSetsOf(name, family, textsOf(hosts, family)))

/** Of sources and destinations. */
type EndTexts = Readonly<Record<'sources' | 'destinations', TextMap>>

const hostSetsOf = (name: 'class' | 'move', family: Family, texts: EndTexts): NftSet[] =>
  lookUpSets(`${name}${family}`, '', texts, family, false).map((set) => ({...set, version: {}}))

function textsOf(hosts: ReadonlyMap<Address, number>, family: Family): EndTexts {
  const [sources, destinations] = [new AddressTexts(), new AddressTexts()]
  const [mark, classid] = [memoized(markText), memoized(classText)]
  for (const [address, number] of hosts) {
    if (familyOf(address) !== family) continue
    sources.set(address, mark(number))
    destinations.set(address, classid(number))
  }
  return {sources, destinations}
}

export function cidrSets(regions: readonly NumberedRegion[], suffix = ''): NftSet[] {
  return ([4, 6] as const).flatMap((family) => {
    const own = regions.filter((region) => region.family === family)
    const elements = (text: (number: number) => string): Map<string, string> =>
      new Map(own.map(({number, ...range}) => [rangeElement(range), text(number)]))
    const texts = {sources: elements(markText), destinations: elements(classText)}
    return lookUpSets(`cidr${family}`, suffix, texts, family, true)
  })
}

function lookUpSets(
  name: string,
  suffix: string,
  {sources, destinations}: Readonly<Record<'sources' | 'destinations', NftSet['elements']>>,
  family: Family,
  interval: boolean,
): NftSet[] {
  const base = {key: family === 4 ? 'ipv4_addr' : 'ipv6_addr', interval}
  return [
    {...base, name: `${name}${suffix}`, value: 'mark', elements: sources},
    {...base, name: `${name}d${suffix}`, value: 'classid', elements: destinations},
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
  const elements = set.elements as TextMap
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

/** Class pair → number of its target. */
export const pairSet = (...args: Parameters<typeof pairSetInSteps>): NftSet => whole(pairSetInSteps(...args))

export function* pairSetInSteps(pairs: Verdicts['pairs'], targets: TargetNumbers, name = 'pairs'): Steps<NftSet> {
  const elements = new Map<string, string>()
  const classOf = memoized(classText)
  for (const [from, row] of pairs) {
    const source = `${markText(from)} . `
    for (const [to, target] of row) elements.set(source + classOf(to), targetText(targets, target))
    yield
  }
  return numberMap(name, 'mark . classid', elements)
}

type Ends = Pick<Verdicts, 'sources' | 'destinations'>

/** What the ends say by themselves. */
export function endSets({sources, destinations}: Ends, targets: TargetNumbers, prefix = 'judge'): NftSet[] {
  const elements = (ends: ReadonlyMap<number, Target>, key: (number: number) => string): Map<string, string> => {
    const texts = new Map<string, string>()
    for (const [number, target] of ends) texts.set(key(number), targetText(targets, target))
    return texts
  }
  return [
    numberMap(`${prefix}_sources`, 'mark', elements(sources, markText)),
    numberMap(`${prefix}_destinations`, 'classid', elements(destinations, classText)),
  ]
}

/** What changes over on a way (stages.ts): nothing, but there, since to declare them takes longer than to fill them. */
export const EMPTY_FLIPS: readonly NftSet[] = [
  numberMap('flip', 'mark . classid', new Map()),
  numberMap('flip_sources', 'mark', new Map()),
  numberMap('flip_destinations', 'classid', new Map()),
]

/** All but what no packet is dropped by. */
const denialsIn = (counters: readonly string[]): readonly Target[] => counters.filter((name) => name !== JUDGED_BEYOND)

/** From the numbers of targets to their chains. */
export function targetSets(chains: Verdicts['chains'], counters: readonly string[], targets: TargetNumbers): NftSet[] {
  const verdictMap = (name: string, leads: readonly (readonly [Target, string])[]): NftSet => {
    const elements = new Map<string, string>()
    for (const [target, chain] of leads) elements.set(targetText(targets, target), `goto ${chain}`)
    return {name, key: 'mark', value: 'verdict', interval: false, elements, version: {}}
  }
  const itself = (target: Target): readonly [Target, string] => [target, target]
  const denials = denialsIn(counters).map(itself)
  const allowed = itself(ALLOWED)
  return [
    verdictMap('verdicts', [allowed, ...denials, ...chains.map(({name}) => itself(name))]),
    verdictMap('outs', [[PASSED, 'judge_destination'], [UNOWNED, 'judge_unowned'], ...denials]),
    verdictMap('ins', [allowed, [UNOWNED, ALLOWED], ...denials]),
    verdictMap('ins_unowned', [allowed, [UNOWNED, DENY_UNOWNED], ...denials]),
  ]
}

function numberMap(name: string, key: string, elements: Map<string, string>): NftSet {
  return {name, key, value: 'mark', interval: false, elements, version: {}}
}

/** There are far fewer numbers than elements that bear them. */
function memoized(make: (of: number) => string): (of: number) => string {
  const texts = new Map<number, string>()
  return (of) => {
    let text = texts.get(of)
    if (text === undefined) {
      text = make(of)
      texts.set(of, text)
    }
    return text
  }
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
 *
 * Large maps are asked in chains of their own, which never change: the kernel walks a map whenever a rule that asks it
 * is added.
 */
export function judgeChains(
  verdictChains: ReadonlyMap<string, NftChain>,
  counters: readonly string[],
  watch: {readonly chains: readonly NftChain[]} | null,
  beside: BesideMaps = {hosts: false, regions: false, verdicts: false},
): Map<string, NftChain> {
  const chain = (name: string, rules: string[]): NftChain => ({name, hook: null, rules})
  const cidr = beside.regions ? '_way' : ''
  /** The first map that holds the address sets the field. */
  const set = (field: 'mark' | 'priority', address: string, map: string): string =>
    `meta ${field} ${field === 'mark' ? markText(0) : 'none'} meta ${field} set ${address} map @${map}`
  const lookUps = (family: Family): NftChain[] => {
    const ip = family === 4 ? 'ip' : 'ip6'
    const [source, destination] = [`ct original ${ip} saddr`, `ct original ${ip} daddr`] as const
    return [
      chain(`judge${family}`, [
        ...(beside.hosts ? [] : [`jump hosts${family}`]),
        // Whatever scratch values the packet brought must not pass for a class.
        `meta mark set ${markText(0)} meta priority set none`,
        ...(beside.hosts ? [set('mark', source, `move${family}`)] : []),
        `jump source${family}`,
        set('mark', source, `cidr${family}${cidr}`),
        ...(beside.hosts ? [set('priority', destination, `move${family}d`)] : []),
        `jump destination${family}`,
        set('priority', destination, `cidr${family}d${cidr}`),
        'goto judge_pair',
      ]),
      // Most flows are between hosts: both ends in one rule, 0.4 µs less than one after the other.
      chain(`hosts${family}`, [
        `meta mark set ${source} map @class${family} meta priority set ${destination} map @class${family}d goto judge_pair`,
      ]),
      chain(`source${family}`, [set('mark', source, `class${family}`)]),
      chain(`destination${family}`, [set('priority', destination, `class${family}d`)]),
    ]
  }
  /** Those of the way first. */
  const ends = (field: 'mark' | 'priority', map: string, leads: string): string[] =>
    (beside.verdicts ? ['flip', 'judge'] : ['judge']).map(
      (prefix) => `meta mark set meta ${field} map @${prefix}_${map} meta mark vmap @${leads}`,
    )
  const pair = (map: string): string => `meta mark set meta mark . meta priority map @${map} meta mark vmap @verdicts`
  const own = [
    chain('judge', ['meta nfproto ipv4 goto judge4', 'meta nfproto ipv6 goto judge6', `goto ${DENY_UNOWNED}`]),
    ...lookUps(4),
    ...lookUps(6),
    // Here the pair is known and nothing is decided; no rule of these chains has a verdict.
    chain('count', [`ct mark ${markText(0)} goto count_new`, 'goto count_again']),
    ...judgedChains('a'),
    ...(watch?.chains ?? []),
    chain('judge_pair', [
      'jump count',
      ...(watch ? ['jump watch'] : []),
      ...(beside.verdicts ? [pair('flip')] : []),
      'goto known_pair',
    ]),
    chain('known_pair', [pair('pairs'), 'goto judge_source']),
    chain('judge_source', [...ends('mark', 'sources', 'outs'), `goto ${DENY_UNOWNED}`]),
    chain('judge_destination', [...ends('priority', 'destinations', 'ins'), `goto ${DENY_UNOWNED}`]),
    chain('judge_unowned', [...ends('priority', 'destinations', 'ins_unowned'), `goto ${DENY_UNOWNED}`]),
    ...denialsIn(counters).map((counter) => chain(counter, [`counter name "${counter}" drop`])),
  ]
  const chains = new Map(verdictChains)
  for (const one of own) chains.set(one.name, one)
  return chains
}
