import type {Direction, Member} from '../../model/index.ts'
import {
  type Address,
  addressNumber,
  type Family,
  familyOf,
  hostPrefix,
  isHostPrefix,
  type Prefix,
} from '../../net/index.ts'
import {
  type Catalog,
  type Classified,
  type ClassRegion,
  classify,
  hostClass,
  nothingClass,
  questionsOf,
} from '../classes/index.ts'
import {activePolicies} from '../compile/index.ts'
import {directions, type Judged, type Judgement, type Packet, type RuleNote} from '../oracle/index.ts'
import {classJudge} from './class-judge.ts'
import {type Flow, parseFlow} from './flow.ts'
import type {Answer, Traced} from './trace.ts'

/** Answers flows of one World fast: made once, good while `members` and the policies are as they were. */
export interface Tracer {
  readonly judge: (packet: Packet) => Judgement
  readonly trace: (flow: Flow) => Traced
  /** What became of every rule in each direction, in the oracle's words, over no more than this flow can meet. */
  readonly explain: (packet: Packet) => Readonly<Record<Direction, Explained>>
}

export interface Explained {
  /** null: the address belongs to no site. */
  readonly judgement: Judgement | null
  readonly rules: readonly RuleNote[]
}

const NOTHING = {direction: null, site: null, kind: null, tier: null, policy: null, rule: null} as const
const UNOWNED: Judgement = {...NOTHING, verdict: 'deny', reason: 'unowned'}

/**
 * Prepares a World for many flows; gives what the oracle gives (a property test holds it to that).
 *
 * An address is looked up as the kernel does it, by class; of the rules only those are gone through whose policy governs
 * the class and whose own side means it. What is asked of the other end is one bit. So a flow costs about a microsecond
 * for some hundred rules, and nothing that grows with endpoints or policies is done for each flow.
 */
export function prepareTracer(world: Judged, defaultVerdict: 'allow' | 'deny'): Tracer {
  const {catalog} = activePolicies(world.policies)
  return tracerOf(world, defaultVerdict, catalog, classify(questionsOf(catalog, world.attributes.values()), world))
}

/** The same over classes that somebody has made already, such as the compiler of a running gateway. */
export function tracerOf(
  world: Judged,
  defaultVerdict: 'allow' | 'deny',
  catalog: Catalog,
  classified: Classified,
): Tracer {
  const {classes} = classified
  const classOf = classLookup(classified)
  const {decide} = classJudge({classes, conditions: catalog.conditions, default: defaultVerdict})

  const judgeDirection = (
    direction: Direction,
    packet: Packet,
    source: number,
    destination: number,
  ): Judgement | null => {
    const decision = decide(direction, source, destination, packet)
    // Without `any` source port every decision has a verdict.
    if (!decision?.verdict || decision.reason === 'depends') return null
    const {verdict, reason, tier, policy, rule} = decision
    const {site} = classes[direction === 'egress' ? source : destination]!
    const named = policy && {kind: policy.document.kind, policy: policy.document.meta.name}
    return {...NOTHING, direction, site, ...named, verdict, reason, tier, rule}
  }
  const judge = (packet: Packet): Judgement => {
    const [source, destination] = [classOf(packet.from), classOf(packet.to)]
    const egress = judgeDirection('egress', packet, source, destination)
    if (egress?.verdict === 'deny') return egress
    return judgeDirection('ingress', packet, source, destination) ?? egress ?? UNOWNED
  }
  let wide: [Prefix, readonly Member[]][] | null = null
  const explain = (packet: Packet): Readonly<Record<Direction, Explained>> => {
    const ends = [packet.from, packet.to]
    const [source, destination] = ends.map((address) => classes[classOf(address)]!)
    const policies = [...source!.egress, ...destination!.ingress].map(({document}) => document)
    wide ??= [...world.members].filter(([prefix]) => !isHostPrefix(prefix))
    const hosts = ends.map((address): [Prefix, readonly Member[]] => {
      const prefix = hostPrefix(address)
      return [prefix, world.members.get(prefix) ?? []]
    })
    const met = {
      members: new Map([...wide, ...hosts]),
      attributes: world.attributes,
      policies: {tiers: world.policies.tiers, policies: [...new Set(policies)]},
    }
    const rules: Record<Direction, RuleNote[]> = {egress: [], ingress: []}
    const ways = directions(met, defaultVerdict, packet, (direction, note) => rules[direction].push(note))
    return {
      egress: {judgement: ways.egress(), rules: rules.egress},
      ingress: {judgement: ways.ingress(), rules: rules.ingress},
    }
  }
  return {judge, trace: (flow) => traceWith(judge, flow), explain}
}

/** Parses a flow, judges it, and puts the answer in the order of formats.md. */
export function traceWith(judge: (packet: Packet) => Answer, flow: Flow): Traced {
  const parsed = parseFlow(flow)
  if (!parsed.ok) return parsed
  const {verdict, reason, direction, site, kind, tier, policy, rule} = judge(parsed.packet)
  const line = {verdict, reason, direction, site, kind, tier, policy, rule}
  return {ok: true, line: flow.id === undefined ? line : {id: flow.id, ...line}}
}

/** The class of any address. */
export function classLookup(classified: Classified): (address: Address) => number {
  const byFamily = (family: Family): readonly ClassRegion[] =>
    classified.regions.filter((region) => region.family === family)
  // IPv4 fits into a number, which compares several times as fast as a bigint.
  const four = byFamily(4).map((region) => ({...region, first: Number(region.first), last: Number(region.last)}))
  const six = byFamily(6)
  return (address) => {
    const host = hostClass(classified, address)
    if (host !== undefined) return host
    const family = familyOf(address)
    const number = addressNumber(address)
    return (family === 4 ? find(four, Number(number)) : find(six, number)) ?? nothingClass(family)
  }
}

function find<N extends number | bigint>(
  regions: readonly {readonly first: N; readonly last: N; readonly class: number}[],
  number: N,
): number | null {
  let [low, high] = [0, regions.length - 1]
  while (low <= high) {
    const middle = (low + high) >> 1
    const region = regions[middle]!
    if (number < region.first) high = middle - 1
    else if (number > region.last) low = middle + 1
    else return region.class
  }
  return null
}
