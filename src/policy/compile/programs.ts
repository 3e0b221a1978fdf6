import type {Direction} from '../../model/index.ts'
import type {Family} from '../../net/index.ts'
import {type ActiveRule, type ActiveTier, type AddressClass, type Interner, interner, push} from '../classes/index.ts'
import {matchesOf, type PacketMatch} from './packet-match.ts'
import type {ChainMaker, Target} from './verdict-chains.ts'

/** What one direction's policies say of one class pair: the rules that can match it, by tier, in order. */
export interface Program {
  readonly id: number
  readonly tiers: readonly {
    readonly steps: readonly {readonly matches: readonly PacketMatch[]; readonly action: ActiveRule['action']}[]
    readonly end: 'deny' | 'pass'
  }[]
}

/** The programs of one direction for one subject class: one without any rule, and those of the peers that rules mean. */
export interface SubjectPrograms {
  readonly bare: Program
  /** By peer class index; a peer that is not in it has `bare`. */
  readonly byPeer: Map<number, Program>
}

/** A rule that can decide for a subject, as far as that is for the subject to say. */
interface OwnRule {
  readonly rule: ActiveRule
  readonly tier: ActiveTier
  /** The condition that the peer must meet; null: whoever. */
  readonly far: number | null
}

/**
 * Finds, for a subject class and a direction, the program towards each peer class.
 *
 * It goes from the rules to the peers that they mean, so that its cost is that of the matches and not that of rules ×
 * peers. Equal lists of rules are one program, whichever pair they come from.
 */
export function subjectPrograms(
  programs: Interner<Program>,
  direction: Direction,
  subject: AddressClass,
  peers: PeerIndex,
): SubjectPrograms {
  const hits = new Map<number, OwnRule[]>()
  for (const own of ownRules(direction, subject)) {
    const meant = own.far === null ? peers.all[subject.family] : peers.byCondition[subject.family].get(own.far)
    for (const peer of meant ?? []) push(hits, peer, own)
  }
  const programOf = programMaker(programs, direction, subject)
  const byPeer = new Map([...hits].map(([peer, list]) => [peer, programOf(peers.classes[peer]!, list)]))
  return {bare: programOf(null, []), byPeer}
}

/** The programs towards single peers; a peer that no rule means is not in the answer. */
export function programsTowards(
  programs: Interner<Program>,
  direction: Direction,
  subject: AddressClass,
  peers: readonly number[],
  classes: readonly AddressClass[],
): ReadonlyMap<number, Program> {
  const rules = ownRules(direction, subject)
  const programOf = programMaker(programs, direction, subject)
  const found = new Map<number, Program>()
  for (const index of peers) {
    const peer = classes[index]!
    if (peer.family !== subject.family) continue
    const list = rules.filter(({far}) => far === null || peer.conditions.includes(far))
    if (list.length > 0) found.set(index, programOf(peer, list))
  }
  return found
}

function ownRules(direction: Direction, subject: AddressClass): OwnRule[] {
  const near = direction === 'egress' ? 'source' : 'destination'
  const far = direction === 'egress' ? 'destination' : 'source'
  const conditions = new Set(subject.conditions)
  const rules: OwnRule[] = []
  for (const policy of subject[direction]) {
    for (const rule of policy[direction] ?? []) {
      if (rule.family !== null && rule.family !== subject.family) continue
      const mine = rule[near]
      if (mine === null || conditions.has(mine)) rules.push({rule, tier: policy.tier, far: rule[far]})
    }
  }
  return rules
}

function programMaker(
  programs: Interner<Program>,
  direction: Direction,
  subject: AddressClass,
): (peer: AddressClass | null, list: readonly OwnRule[]) => Program {
  const tiers = [...new Set(subject[direction].map(({tier}) => tier))]
  const frame = `${subject.family} ${tiers.map(({id}) => id).join()}`
  return (peer, list) => {
    const [source, destination] = direction === 'egress' ? [subject, peer] : [peer, subject]
    const key = `${frame}|${list.map(({rule}) => `${rule.id}${namesKey(rule, source, destination)}`).join(' ')}`
    const id = programs.idOf(key, () => ({
      id: programs.items.length,
      tiers: tiers.map((tier) => ({
        end: tier.end,
        steps: list
          .filter((own) => own.tier === tier)
          .map(({rule}) => ({
            action: rule.action,
            matches: matchesOf(rule.traffic, subject.family, source!.ports, destination!.ports),
          })),
      })),
    }))
    return programs.items[id]!
  }
}

/** Classes by the conditions that hold for them. */
export interface PeerIndex {
  readonly classes: readonly AddressClass[]
  readonly all: Readonly<Record<Family, Set<number>>>
  readonly byCondition: Readonly<Record<Family, Map<number, Set<number>>>>
}

export const emptyPeers = (classes: readonly AddressClass[]): PeerIndex => ({
  classes,
  all: {4: new Set(), 6: new Set()},
  byCondition: {4: new Map(), 6: new Map()},
})

export function addPeer({all, byCondition}: PeerIndex, index: number, {family, conditions}: AddressClass): void {
  all[family].add(index)
  for (const condition of conditions) {
    const meant = byCondition[family].get(condition)
    if (meant) meant.add(index)
    else byCondition[family].set(condition, new Set([index]))
  }
}

export function removePeer({all, byCondition}: PeerIndex, index: number, {family, conditions}: AddressClass): void {
  all[family].delete(index)
  for (const condition of conditions) {
    const meant = byCondition[family].get(condition)
    meant?.delete(index)
    if (meant?.size === 0) byCondition[family].delete(condition)
  }
}

/** What the port names of a rule mean for this pair; '' for a rule without names. */
function namesKey({traffic}: ActiveRule, source: AddressClass | null, destination: AddressClass | null): string {
  const {source: from, destination: to} = traffic
  const ids = (test: typeof from): readonly number[] => [...(test.ports?.names ?? []), ...(test.notPorts?.names ?? [])]
  if (ids(from).length === 0 && ids(to).length === 0) return ''
  const meaning = (test: typeof from, side: AddressClass | null): unknown =>
    ids(test).map((id) => side?.ports.get(id)?.map(({protocol, port}) => [protocol, port]) ?? 0)
  return JSON.stringify([meaning(from, source), meaning(to, destination)])
}

/**
 * A program as a chain that leads to `allow` or `deny`.
 *
 * Built from the last tier to the first: where a tier is left, by Pass or at its end, the next one's chain goes on.
 */
export function programTarget(
  program: Program,
  maker: ChainMaker,
  {allow, deny, otherwise}: {allow: Target; deny: Target; otherwise: Target},
): Target {
  return program.tiers.reduceRight((next, {steps, end}) => {
    const targetOf = {allow, deny, pass: next}
    const rules = steps.flatMap(({matches, action}) => matches.map((match) => ({match, target: targetOf[action]})))
    return maker.make(rules, end === 'deny' ? deny : next)
  }, otherwise)
}

export const programInterner = (): Interner<Program> => interner<Program>()
