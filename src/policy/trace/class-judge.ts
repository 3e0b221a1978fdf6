import type {Direction} from '../../model/index.ts'
import type {ActivePolicy, ActiveRule, ActiveTier, AddressClass, PeerCondition} from '../classes/index.ts'
import {type Asked, trafficMatches} from './traffic-matches.ts'

/** What decides a packet in one direction. */
export interface Decision {
  /** null: the source port decides, which is not known, and both may be. */
  readonly verdict: 'allow' | 'deny' | null
  /** `depends`: a rule of `policy` decides or not, by the source port. */
  readonly reason: 'rule' | 'tier' | 'default' | 'depends'
  /** null: the default. */
  readonly tier: string | null
  /** null: the end of the tier, or the default. */
  readonly policy: ActivePolicy | null
  /** In the stored list; null where no single one decides. */
  readonly rule: number | null
}

/** A rule on the way to what decides: it leads out of its tier, or only logs. */
export interface MetRule {
  readonly policy: ActivePolicy
  readonly rule: ActiveRule
  readonly action: 'pass' | 'log'
  /** Whatever the source port is, a packet comes to it and matches. */
  readonly surely: boolean
}

/** Answers for two classes, by their indexes; null: the end in question is no subject. */
export interface ClassJudge {
  /** `met` gets the rules on the way, in order, where somebody wants to know it. */
  readonly decide: (
    direction: Direction,
    source: number,
    destination: number,
    asked: Asked,
    met?: MetRule[],
  ) => Decision | null
}

export interface ClassJudgeOptions {
  readonly classes: readonly AddressClass[]
  readonly conditions: readonly PeerCondition[]
  readonly default: 'allow' | 'deny'
  /** The policies that a class has in a direction, in evaluation order. */
  readonly policiesOf?: (own: AddressClass, direction: Direction) => readonly ActivePolicy[]
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

const ALLOW = 1
const DENY = 2

/**
 * The one evaluator of rules over classes.
 *
 * Of the rules only those are gone through whose policy governs the class and whose own side means it; what is asked of
 * the other end is one bit. What is worked out for a class is good for the very object, so that a judge may go on while
 * others take their places in `classes`, as they do under a compiler that goes on in place.
 */
export function classJudge(options: ClassJudgeOptions): ClassJudge {
  const {classes, conditions, default: standard, policiesOf = (own, direction) => own[direction]} = options
  const rulesFor = (direction: Direction) =>
    memo(classes, (own) => subjectRules(own, direction, policiesOf(own, direction)))
  const rulesOf = {egress: rulesFor('egress'), ingress: rulesFor('ingress')}
  const bits = memo(classes, (own) => bitsOf(own.conditions, conditions.length))
  const bitOf = (verdict: 'allow' | 'deny'): number => (verdict === 'allow' ? ALLOW : DENY)

  return {
    decide(direction, source, destination, packet, met) {
      const [own, peer] = direction === 'egress' ? [source, destination] : [destination, source]
      const [from, to] = [classes[source]!, classes[destination]!]
      if (classes[own]!.site === null) return null
      const held = bits(peer)
      // The first policy that decides or not by the source port, and all verdicts that may then come of it.
      let unsure: Decision | null = null
      let possible = 0
      let goesOn = true
      for (const {name: tier, end, rules, asked} of rulesOf[direction](own).tiers) {
        let open = true
        goesOn = false
        for (let index = 0; index < asked.length; index++) {
          const condition = asked[index]!
          if (condition >= 0 && (held[condition >> 3]! & (1 << (condition & 7))) === 0) continue
          const {rule, policy} = rules[index]!
          const matches = trafficMatches(rule.traffic, packet, from, to)
          if (matches === false) continue
          if (rule.action === 'log') {
            met?.push({policy, rule, action: 'log', surely: matches === true && !unsure})
            continue
          }
          if (matches === 'depends') unsure ??= {verdict: null, reason: 'depends', tier, policy, rule: null}
          else open = false
          if (rule.action === 'pass') {
            goesOn = true
            met?.push({policy, rule, action: 'pass', surely: !unsure})
          } else if (unsure) possible |= bitOf(rule.action)
          else return {verdict: rule.action, reason: 'rule', tier, policy, rule: rule.index}
          if (!open) break
        }
        if (open && end === 'deny') {
          if (!unsure) return {verdict: 'deny', reason: 'tier', tier, policy: null, rule: null}
          possible |= DENY
        } else if (open) goesOn = true
        if (!goesOn) break
      }
      if (!unsure) return {verdict: standard, reason: 'default', tier: null, policy: null, rule: null}
      if (goesOn) possible |= bitOf(standard)
      return {...unsure, verdict: possible === ALLOW ? 'allow' : possible === DENY ? 'deny' : null}
    },
  }
}

function subjectRules(own: AddressClass, direction: Direction, policies: readonly ActivePolicy[]): SubjectRules {
  const near = direction === 'egress' ? 'source' : 'destination'
  const conditions = new Set(own.conditions)
  const tiers = new Map<ActiveTier, {rule: ActiveRule; policy: ActivePolicy}[]>()
  for (const policy of policies) {
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
    tiers: [...tiers].map(([{name, end}, rules]) => ({
      name,
      end,
      rules,
      asked: Int32Array.from(rules, ({rule}) => rule[far] ?? -1),
    })),
  }
}

/** By class index: made when first asked for, and anew for another class of that index. */
function memo<T>(classes: readonly AddressClass[], make: (own: AddressClass) => T): (index: number) => T {
  const made: ({readonly own: AddressClass; readonly value: T} | undefined)[] = []
  return (index) => {
    const own = classes[index]!
    const known = made[index]
    if (known?.own === own) return known.value
    const value = make(own)
    made[index] = {own, value}
    return value
  }
}

function bitsOf(ids: readonly number[], size: number): Uint8Array {
  const bits = new Uint8Array((size >> 3) + 1)
  for (const id of ids) bits[id >> 3]! |= 1 << (id & 7)
  return bits
}
