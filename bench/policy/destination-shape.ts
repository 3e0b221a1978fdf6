import {classidText, markText, type NftChain, type NftSet} from '../../src/model/index.ts'
import type {PolicyPart} from '../../src/plan/ruleset.ts'
import type {Compiled} from '../../src/policy/index.ts'

const DENY_UNOWNED = 'deny_unowned'
const destinationChain = (number: number): string => `to_${number}`

/**
 * The same verdicts in the other shape of design.md: the destination's address leads to its class's chain, which looks
 * up the source's class. One scratch field and one look-up less; made here only to be measured against the compiler's.
 */
export function destinationShape({sets, chains, counters, verdicts}: Compiled): PolicyPart {
  const map = (name: string, key: string, value: string | null, elements: Map<string, string>): NftSet => {
    return {name, key, value, interval: false, elements}
  }
  const made: NftSet[] = []
  for (const family of [4, 6]) {
    const [sources, destinations] = [sets.get(`class${family}`)!, sets.get(`class${family}d`)!]
    const elements = new Map(
      [...destinations.elements].map(([key, classid]) => [key, `goto ${destinationChain(numberOf(classid))}`]),
    )
    // Interval maps stay as they are: nft 1.0.6 refuses `add element` of a verdict to one together with its chain.
    made.push(sources, map(destinations.name, destinations.key, 'verdict', elements))
    made.push(sets.get(`cidr${family}`)!, sets.get(`cidr${family}d`)!)
  }
  const chainsOfClasses = [...verdicts.destinations.keys()].map((number): [string, string] => [
    number === 0 ? 'none' : classidText(number >>> 16, number & 0xffff),
    `goto ${destinationChain(number)}`,
  ])
  made.push(map('to_class', 'classid', 'verdict', new Map(chainsOfClasses)))
  const [passed, unowned, refused] = [new Map(), new Map(), new Map()] as Map<string, string>[]
  for (const [number, target] of verdicts.sources) {
    if (target === 'passed') passed!.set(markText(number), '')
    else if (target === 'unowned') unowned!.set(markText(number), '')
    else refused!.set(markText(number), `goto ${target}`)
  }
  made.push(
    map('passed_sources', 'mark', null, passed!),
    map('unowned_sources', 'mark', null, unowned!),
    map('refused_sources', 'mark', 'verdict', refused!),
  )

  const byDestination = new Map<number, string[]>()
  for (const [from, row] of verdicts.pairs) {
    for (const [to, target] of row) {
      const element = `${markText(from)} : goto ${target}`
      const list = byDestination.get(to)
      if (list) list.push(element)
      else byDestination.set(to, [element])
    }
  }
  const chain = (name: string, rules: string[]): NftChain => ({name, hook: null, rules})
  const lookUps = (family: 4 | 6): string[] => {
    const ip = family === 4 ? 'ip' : 'ip6'
    return [
      `meta mark set ct original ${ip} saddr map @class${family}`,
      `meta mark ${markText(0)} meta mark set ct original ${ip} saddr map @cidr${family}`,
      `ct original ${ip} daddr vmap @class${family}d`,
      'meta priority set none',
      `meta priority set ct original ${ip} daddr map @cidr${family}d`,
      'meta priority vmap @to_class',
      `goto ${DENY_UNOWNED}`,
    ]
  }
  const ends = [...verdicts.destinations].map(([number, target]) => {
    const pairs = byDestination.get(number)
    const own = target === 'unowned' ? 'allowed' : target
    return chain(destinationChain(number), [
      ...(pairs ? [`meta mark vmap { ${pairs.join(', ')} }`] : []),
      `meta mark @passed_sources goto ${own}`,
      'meta mark vmap @refused_sources',
      `meta mark @unowned_sources goto ${target === 'unowned' ? DENY_UNOWNED : own}`,
      `goto ${DENY_UNOWNED}`,
    ])
  })
  const shapeless = [...chains.values()].filter(({name}) => /^(v|log|deny)_/.test(name))
  const all = [
    chain('judge', [
      `meta mark set ${markText(0)}`,
      'meta nfproto ipv4 goto judge4',
      'meta nfproto ipv6 goto judge6',
      `goto ${DENY_UNOWNED}`,
    ]),
    chain('judge4', lookUps(4)),
    chain('judge6', lookUps(6)),
    ...ends,
    ...shapeless,
  ]
  return {
    sets: new Map(made.map((set) => [set.name, set])),
    chains: new Map(all.map((one) => [one.name, one])),
    counters,
  }
}

/** Back from `classidText`. */
function numberOf(classid: string): number {
  if (classid === 'none') return 0
  const [major, minor] = classid.split(':').map((part) => Number.parseInt(part, 16))
  const number = major! * 0x10000 + minor!
  if (classidText(major!, minor!) !== classid) throw new Error(`not a class: ${classid}`)
  return number
}
