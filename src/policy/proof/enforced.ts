import type {World} from '../../model/index.ts'
import {type Catalog, type Classified, classify, nothingClass, numberClasses, questionsOf} from '../classes/index.ts'
import {ALLOWED, activePolicies, type PacketMatch, type Target, type Verdicts, verdictsOf} from '../compile/index.ts'
import {boxSpace, NO_SPACE, type PortSpace} from './port-space.ts'
import {
  ALL_TRAFFIC,
  intersectTraffic,
  NO_TRAFFIC,
  subtractTraffic,
  type TrafficSpace,
  uniteTraffic,
} from './traffic-space.ts'

/** A policy set over the addresses it is in force for. */
export interface PolicySet {
  readonly world: Pick<World, 'members' | 'attributes' | 'policies'>
  /** What no policy decides. */
  readonly default: 'allow' | 'deny'
}

/** What is enforced, as functions of class indexes: the compiler's own typed result, read instead of printed. */
export interface Enforced {
  readonly classified: Classified
  /** Content-named: equal targets are equal functions, also across policy sets. */
  readonly targetOf: (source: number, destination: number) => Target
  readonly allowedBy: (target: Target) => TrafficSpace
}

/** Proofs may cut classes finer than the kernel has them; beyond these there is no answer. */
const BOUNDS = {maxClasses: 100_000, maxPairs: 10_000_000, maxChains: 200_000}

/**
 * Compiles a policy set for questions; null where it is too large to be enforced at all.
 *
 * `refine` may put further conditions into the catalog: then no class is partly in what they mean.
 */
export function enforcedBy(
  {world, default: standard}: PolicySet,
  refine: (catalog: Catalog) => Catalog = (catalog) => catalog,
): Enforced | null {
  const catalog = refine(activePolicies(world.policies).catalog)
  const classified = classify(questionsOf(catalog), world)
  const numbering = numberClasses(classified, null, {samePolicies: false, first: 1})
  const verdicts = verdictsOf(catalog, classified, numbering, standard, BOUNDS)
  if (!verdicts) return null
  const numberOf = classified.classes.map(({family}, index) =>
    index === nothingClass(family) ? 0 : numbering.numbers[index]!,
  )
  return {
    classified,
    targetOf: (source, destination) => targetOf(verdicts, numberOf[source]!, numberOf[destination]!),
    allowedBy: allowedTraffic(verdicts),
  }
}

/** What the chains `judge_pair`, `judge_sources` and `judge_destinations` do, in that order. */
function targetOf({pairs, sources, destinations}: Verdicts, from: number, to: number): Target {
  const stored = pairs.get(from)?.get(to)
  if (stored !== undefined) return stored
  const source = sources.get(from) ?? 'unowned'
  if (source !== 'passed' && source !== 'unowned') return source
  const destination = destinations.get(to) ?? 'unowned'
  if (destination !== 'unowned') return destination
  return source === 'passed' ? ALLOWED : 'deny_unowned'
}

/** What a target lets through, each target worked out once. */
function allowedTraffic({chains}: Verdicts): (target: Target) => TrafficSpace {
  const byName = new Map(chains.map((chain) => [chain.name, chain]))
  const known = new Map<Target, TrafficSpace>([[ALLOWED, ALL_TRAFFIC]])
  const allowedBy = (target: Target): TrafficSpace => {
    const done = known.get(target)
    if (done) return done
    const chain = byName.get(target)
    let allowed = NO_TRAFFIC
    if (chain) {
      // What no rule of the chain has decided yet.
      let left = ALL_TRAFFIC
      for (const {match, target: next} of chain.rules) {
        const asked = trafficOf(match)
        allowed = uniteTraffic(allowed, intersectTraffic(intersectTraffic(left, asked), allowedBy(next)))
        left = subtractTraffic(left, asked)
      }
      allowed = uniteTraffic(allowed, intersectTraffic(left, allowedBy(chain.otherwise)))
    }
    known.set(target, allowed)
    return allowed
  }
  return allowedBy
}

/** The packets that one rule of a chain asks for. */
export function trafficOf({protocol, notProtocols, sourcePorts, destinationPorts}: PacketMatch): TrafficSpace {
  const space = boxSpace(sourcePorts, destinationPorts)
  if (protocol !== null) return {named: new Map([[protocol, space]]), others: false}
  return {named: new Map(notProtocols.map((number): [number, PortSpace] => [number, NO_SPACE])), others: true}
}
