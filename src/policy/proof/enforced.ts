import type {World} from '../../model/index.ts'
import {type Catalog, type Classified, classify, nothingClass, numberClasses, questionsOf} from '../classes/index.ts'
import {
  ALLOWED,
  activePolicies,
  type Bounds,
  bareTarget,
  GATEWAY_BOUNDS,
  type PacketMatch,
  type Target,
  type Verdicts,
  verdictsOf,
} from '../compile/index.ts'
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

/** A question may cut classes finer than the kernel has them; beyond these there is no answer. */
const REFINED_BOUNDS = {maxClasses: 100_000, maxPairs: 10_000_000, maxChains: 200_000}

/**
 * Compiles a policy set for questions; null where a gateway would refuse it as too large, so that nothing is proved of a
 * policy that nobody enforces, or where the question itself makes it so.
 *
 * `refine` may put further conditions into the catalog: then no class is partly in what they mean.
 */
export function enforcedBy(
  {world, default: standard}: PolicySet,
  refine: (catalog: Catalog) => Catalog = (catalog) => catalog,
  gatewayBounds = GATEWAY_BOUNDS,
): Enforced | null {
  const {catalog: plain} = activePolicies(world.policies)
  const compiled = (catalog: Catalog, bounds: Bounds) => {
    const classified = classify(questionsOf(catalog, world.attributes.values()), world)
    const numbering = numberClasses(classified, null, 1)
    const verdicts = verdictsOf(classified, numbering, standard, bounds)
    return verdicts && {classified, numbering, verdicts}
  }
  const refined = refine(plain)
  // What fits although it is cut finer would fit as it is; only else a second compilation has to tell.
  const finer = (): ReturnType<typeof compiled> => compiled(plain, gatewayBounds) && compiled(refined, REFINED_BOUNDS)
  const enforced = compiled(refined, gatewayBounds) ?? (refined === plain ? null : finer())
  if (!enforced) return null
  const {classified, numbering, verdicts} = enforced
  const numberOf = classified.classes.map(({family}, index) =>
    index === nothingClass(family) ? 0 : numbering.numbers[index]!,
  )
  return {
    classified,
    targetOf: (source, destination) => {
      const [from, to] = [numberOf[source]!, numberOf[destination]!]
      return verdicts.pairs.get(from)?.get(to) ?? bareTarget(verdicts, from, to)
    },
    allowedBy: allowedTraffic(verdicts),
  }
}

/** What a target lets through, each target worked out once. */
export function allowedTraffic({chains}: Verdicts): (target: Target) => TrafficSpace {
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
        if (next === undefined) continue
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
