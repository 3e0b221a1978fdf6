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
  type ActivePolicy,
  type ActiveRule,
  type ActiveTier,
  type AddressClass,
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
import {type Flow, parseFlow} from './flow.ts'
import type {Traced} from './trace.ts'
import {trafficMatches} from './traffic-matches.ts'

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

/** The rules of one class in one direction whose own side means it, by tier, in order. */
interface SubjectRules {
  readonly tiers: readonly {
    readonly name: string
    readonly end: 'deny' | 'pass'
    readonly rules: readonly {readonly rule: ActiveRule; readonly policy: ActivePolicy}[]
    /** What each rule asks of the other end, -1 for nothing: beside each other, so that most rules need no look at all. */
    readonly asked: Int32Array
  }[]
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
  const rulesOf = {
    egress: memo((own) => subjectRules(classes[own]!, 'egress')),
    ingress: memo((own) => subjectRules(classes[own]!, 'ingress')),
  }
  const bits = memo((index) => bitsOf(classes[index]!.conditions, catalog.conditions.length))

  const judgeDirection = (
    direction: Direction,
    packet: Packet,
    source: number,
    destination: number,
  ): Judgement | null => {
    const [own, peer] = direction === 'egress' ? [source, destination] : [destination, source]
    const {site} = classes[own]!
    if (site === null) return null
    const said = {...NOTHING, direction, site}
    const {tiers} = rulesOf[direction](own)
    const held = bits(peer)
    nextTier: for (const tier of tiers) {
      const {asked, rules} = tier
      for (let index = 0; index < asked.length; index++) {
        const condition = asked[index]!
        if (condition >= 0 && (held[condition >> 3]! & (1 << (condition & 7))) === 0) continue
        const {rule, policy} = rules[index]!
        if (!trafficMatches(rule.traffic, packet, classes[source]!, classes[destination]!)) continue
        if (rule.action === 'pass') continue nextTier
        const {kind, meta} = policy.document
        const place = {kind, tier: tier.name, policy: meta.name, rule: rule.index}
        return {...said, ...place, verdict: rule.action, reason: 'rule'}
      }
      if (tier.end === 'deny') return {...said, verdict: 'deny', reason: 'tier', tier: tier.name}
    }
    return {...said, verdict: defaultVerdict, reason: 'default'}
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
export function traceWith(judge: (packet: Packet) => Judgement, flow: Flow): Traced {
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

function subjectRules(own: AddressClass, direction: Direction): SubjectRules {
  const near = direction === 'egress' ? 'source' : 'destination'
  const conditions = new Set(own.conditions)
  const tiers = new Map<ActiveTier, {rule: ActiveRule; policy: ActivePolicy}[]>()
  for (const policy of own[direction]) {
    const rules = tiers.get(policy.tier) ?? []
    tiers.set(policy.tier, rules)
    for (const rule of policy[direction] ?? []) {
      if (rule.family !== null && rule.family !== own.family) continue
      const asked = rule[near]
      if (asked === null || conditions.has(asked)) rules.push({rule, policy})
    }
  }
  const far = direction === 'egress' ? 'destination' : 'source'
  return {
    tiers: [...tiers].map(([tier, rules]) => ({
      ...tier,
      rules,
      asked: Int32Array.from(rules, ({rule}) => rule[far] ?? -1),
    })),
  }
}

/** By class index: made when first asked for. */
function memo<T>(make: (index: number) => T): (index: number) => T {
  const made: (T | undefined)[] = []
  return (index) => {
    const known = made[index]
    if (known !== undefined) return known
    const fresh = make(index)
    made[index] = fresh
    return fresh
  }
}

function bitsOf(ids: readonly number[], size: number): Uint8Array {
  const bits = new Uint8Array((size >> 3) + 1)
  for (const id of ids) bits[id >> 3]! |= 1 << (id & 7)
  return bits
}
