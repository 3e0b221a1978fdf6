import type {JudgedElement} from '../../model/index.ts'
import type {Attribution, DecidedBy, MetOnTheWay} from './attributor.ts'
import type {Change} from './staged-change.ts'

/** What was judged: `flows` that nothing had judged before, and the packets that were, which are not all of a flow's. */
export interface Tally {
  readonly flows: number
  readonly packets: number
  readonly bytes: number
}

export type RuleTotal = DecidedBy & Tally
export type MetTotal = MetOnTheWay & Tally
export type StagedTotal = Change & Tally

/** Sums since the process started; they only go up. */
export interface PolicyTotals {
  /** `attribution` null: of numbers that nobody knows. */
  add(element: JudgedElement, attribution: Attribution | null): void
  /** Packets for which the kernel had no place. */
  addBeyond(packets: number): void
  /** By policy and rule, ends of tiers, the default and the unowned among them; in the order in which they were first met. */
  rules(): readonly RuleTotal[]
  /** Of rules that matched on the way and decided nothing; what they matched is in `rules` at what decided it. */
  met(): readonly MetTotal[]
  staged(): readonly StagedTotal[]
  unknown(): Tally
  beyond(): number
}

type Mutable<T> = {-readonly [K in keyof T]: T[K]}

export function createPolicyTotals(): PolicyTotals {
  const rules = new Map<string, Mutable<RuleTotal>>()
  const met = new Map<string, Mutable<MetTotal>>()
  const staged = new Map<string, Mutable<StagedTotal>>()
  const unknown: Mutable<Tally> = {flows: 0, packets: 0, bytes: 0}
  let beyond = 0

  return {
    add(element, attribution) {
      if (!attribution) return increase(unknown, element)
      for (const decided of attribution.decided) {
        const {direction, kind, tier, policy, rule, reason, action} = decided
        const key = [direction, kind, tier, policy, rule, reason, action].join('/')
        increase(entry(rules, key, decided), element)
      }
      for (const one of attribution.met) {
        const {direction, kind, tier, policy, rule, action} = one
        increase(entry(met, [direction, kind, tier, policy, rule, action].join('/'), one), element)
      }
      for (const change of attribution.changes) {
        const {tier, policy, direction, would} = change
        increase(entry(staged, [tier, policy, direction, would].join('/'), change), element)
      }
    },
    addBeyond(packets) {
      beyond += packets
    },
    rules: () => [...rules.values()],
    met: () => [...met.values()],
    staged: () => [...staged.values()],
    unknown: () => unknown,
    beyond: () => beyond,
  }
}

function entry<T extends object>(into: Map<string, T & Mutable<Tally>>, key: string, what: T): Mutable<Tally> {
  let found = into.get(key)
  if (!found) {
    found = {...what, flows: 0, packets: 0, bytes: 0}
    into.set(key, found)
  }
  return found
}

function increase(tally: Mutable<Tally>, {fresh, packets, bytes}: JudgedElement): void {
  if (fresh) tally.flows += packets
  tally.packets += packets
  tally.bytes += bytes
}
