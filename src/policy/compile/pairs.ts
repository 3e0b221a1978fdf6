import {type AddressClass, type Catalog, type Classified, type Numbering, nothingClass} from '../classes/index.ts'
import {
  indexPeers,
  type Program,
  programInterner,
  programTarget,
  type SubjectPrograms,
  subjectPrograms,
} from './programs.ts'
import {chainMaker, reachableChains, type Target, type VerdictChain} from './verdict-chains.ts'

export const ALLOWED = 'allowed'
export const DENY_UNOWNED = 'deny_unowned'
export const denyTarget = (direction: 'egress' | 'ingress', site: string): Target => `deny_${direction}_${site}`

export interface Bounds {
  readonly maxClasses: number
  readonly maxPairs: number
  readonly maxChains: number
}

/** What a gateway's kernel and memory are good for. */
export const GATEWAY_BOUNDS: Bounds = {maxClasses: 20_000, maxPairs: 1_000_000, maxChains: 20_000}

/** Who may speak to whom, by class numbers. */
export interface Verdicts {
  /** Source number, then destination number. A pair that is missing has its two ends' own verdicts, below. */
  readonly pairs: ReadonlyMap<number, ReadonlyMap<number, Target>>
  readonly pairCount: number
  /** Where no rule can match, by source: `deny_egress_…`, or `passed`, or `unowned`. */
  readonly sources: ReadonlyMap<number, Target | 'passed' | 'unowned'>
  /** Likewise by destination: `deny_ingress_…`, `allowed`, or `unowned`. */
  readonly destinations: ReadonlyMap<number, Target | 'unowned'>
  readonly chains: readonly VerdictChain[]
}

/**
 * Reduces the ordered rules of every class pair to its verdict chain; null when that passes the bounds.
 *
 * Both directions decide: the source's egress leads on to the destination's ingress. Pairs that no rule can match are
 * not stored, since what is left of policy there (ends of tiers, the default) is a matter of each end alone.
 */
export function verdictsOf(
  catalog: Catalog,
  {classes, hosts}: Classified,
  numbering: Numbering,
  defaultVerdict: 'allow' | 'deny',
  bounds: Bounds,
): Verdicts | null {
  if (classes.length > bounds.maxClasses) return null
  const peers = indexPeers(classes)
  const programs = programInterner()
  const maker = chainMaker()
  const memo = new Map<string, Target>()
  const targetOf = (program: Program, allow: Target, deny: Target): Target => {
    const key = `${program.id} ${allow} ${deny}`
    let target = memo.get(key)
    if (target === undefined) {
      target = programTarget(program, maker, {allow, deny, otherwise: defaultVerdict === 'allow' ? allow : deny})
      memo.set(key, target)
    }
    return target
  }
  const programsOf = (direction: 'egress' | 'ingress'): (SubjectPrograms | null)[] =>
    classes.map((own) => (own.site === null ? null : subjectPrograms(catalog, programs, direction, own, peers)))
  const egress = programsOf('egress')
  const ingress = programsOf('ingress')

  const ingressTarget = (program: Program, own: AddressClass): Target =>
    targetOf(program, ALLOWED, denyTarget('ingress', own.site!))
  const egressTarget = (program: Program, own: AddressClass, allow: Target): Target =>
    targetOf(program, allow, denyTarget('egress', own.site!))

  const numbersOf = classNumbers(classes, numbering, new Set(hosts.values()))
  const sources = new Map<number, Target>()
  const destinations = new Map<number, Target>()
  const bareIngress: (Target | null)[] = []
  const bareEgress: (Target | null)[] = []
  for (const [index, own] of classes.entries()) {
    // Without rules a program is constant; the marker stands for going on to the other end.
    const out = egress[index] ? egressTarget(egress[index].bare, own, 'passed') : null
    const into = ingress[index] ? ingressTarget(ingress[index].bare, own) : null
    bareEgress.push(out)
    bareIngress.push(into)
    for (const number of numbersOf(index)) {
      sources.set(number, out ?? 'unowned')
      destinations.set(number, into ?? 'unowned')
    }
  }

  const pairs = new Map<number, Map<number, Target>>()
  let pairCount = 0
  // Only pairs that a rule of either end can match are looked at: their number is far below that of all pairs.
  const inwardsOf = classes.map((): number[] => [])
  for (const [index, inwards] of ingress.entries()) {
    for (const sourceIndex of inwards?.byPeer.keys() ?? []) inwardsOf[sourceIndex]!.push(index)
  }
  for (const [sourceIndex, source] of classes.entries()) {
    const outwards = egress[sourceIndex]
    for (const index of new Set([...(outwards?.byPeer.keys() ?? []), ...inwardsOf[sourceIndex]!])) {
      const inwards = ingress[index]
      const destination = classes[index]!
      const inside = inwards
        ? ingressTarget(inwards.byPeer.get(sourceIndex) ?? inwards.bare, destination)
        : outwards
          ? ALLOWED
          : DENY_UNOWNED
      const target = outwards ? egressTarget(outwards.byPeer.get(index) ?? outwards.bare, source, inside) : inside
      const bare = bareEgress[sourceIndex]
      const withoutRules = bare !== null && bare !== 'passed' ? bare : (bareIngress[index] ?? ALLOWED)
      if (target === withoutRules) continue
      for (const from of numbersOf(sourceIndex)) {
        let row = pairs.get(from)
        if (!row) {
          row = new Map()
          pairs.set(from, row)
        }
        for (const to of numbersOf(index)) {
          row.set(to, target)
          pairCount++
        }
      }
      if (pairCount > bounds.maxPairs) return null
    }
  }
  const chains = reachableChains(
    maker.chains,
    [...pairs.values()].flatMap((row) => [...row.values()]),
  )
  return chains.length > bounds.maxChains ? null : {pairs, pairCount, sources, destinations, chains}
}

/** What the chains `judge_sources` and `judge_destinations` say of a pair that `pairs` does not have. */
export function bareTarget(
  {sources, destinations}: Pick<Verdicts, 'sources' | 'destinations'>,
  from: number,
  to: number,
): Target {
  const out = sources.get(from) ?? DENY_UNOWNED
  if (out !== 'passed' && out !== 'unowned') return out
  const into = destinations.get(to) ?? DENY_UNOWNED
  if (into !== 'unowned') return into
  return out === 'passed' ? ALLOWED : DENY_UNOWNED
}

/** The class of unknown addresses bears 0, and its own number only where a map must say so. */
function classNumbers(
  classes: readonly AddressClass[],
  numbering: Numbering,
  used: ReadonlySet<number>,
): (index: number) => readonly number[] {
  const lists = classes.map(({family}, index) => {
    const number = numbering.numbers[index]!
    if (index !== nothingClass(family)) return [number]
    return used.has(index) ? [0, number] : [0]
  })
  return (index) => lists[index]!
}
