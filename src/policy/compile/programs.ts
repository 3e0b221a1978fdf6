import type {Direction} from '../../model/index.ts'
import type {Family} from '../../net/index.ts'
import type {ActivePolicy, ActiveRule, ActiveTier, AddressClass, PortTest} from '../classes/index.ts'
import {type LogChain, logChain} from './log-chains.ts'
import {matchesOf, type PacketMatch} from './packet-match.ts'
import type {ChainMaker, ChainRule, Target} from './verdict-chains.ts'

/**
 * What one direction's policies say of one class pair: the rules that can match it, in order. Programs are a tree, each
 * with one rule more than its parent, so that equal lists of rules are one program, found without comparing lists.
 */
export interface Program {
  readonly id: number
  /** Every tier of the subject, also those of which no rule can match. */
  readonly tiers: readonly ActiveTier[]
  readonly parent: Program | null
  /** The last rule; null: there is none. */
  readonly step: Step | null
  readonly longer: Map<number, Program>
}

/** A rule between two classes: what its port names mean at them is worked out. */
interface Step {
  readonly id: number
  readonly tier: ActiveTier
  readonly action: ActiveRule['action']
  readonly matches: readonly PacketMatch[]
  /** Of a Log rule. */
  readonly log: LogChain | null
}

/** All programs that there are. It only grows. */
export interface ProgramBook {
  readonly roots: Map<string, Program>
  readonly steps: Map<number | string, Step>
  size: number
}

export const emptyPrograms = (): ProgramBook => ({roots: new Map(), steps: new Map(), size: 0})

/** The programs of one direction for one subject class: one without any rule, and those of the peers that rules mean. */
export interface SubjectPrograms {
  readonly bare: Program
  /** By peer class index; a peer that is not in it has `bare`. */
  readonly byPeer: Map<number, Program>
}

/** A rule that can decide for a subject, as far as that is for the subject to say. */
interface OwnRule {
  /** The condition that the peer must meet; null: whoever. */
  readonly far: number | null
  readonly stepTowards: (peer: AddressClass) => Step
}

/**
 * Finds, for a subject class and a direction, the program towards each peer class.
 *
 * It goes from the rules to the peers that they mean, so that its cost is that of the matches and not that of rules ×
 * peers.
 */
export function subjectPrograms(
  book: ProgramBook,
  direction: Direction,
  subject: AddressClass,
  peers: PeerIndex,
): SubjectPrograms {
  const bare = bareProgram(book, direction, subject)
  const byPeer = new Map<number, Program>()
  for (const {far, stepTowards} of ownRules(book, direction, subject)) {
    const meant = far === null ? peers.all[subject.family] : peers.byCondition[subject.family].get(far)
    for (const peer of meant ?? []) {
      byPeer.set(peer, longer(book, byPeer.get(peer) ?? bare, stepTowards(peers.classes[peer]!)))
    }
  }
  return {bare, byPeer}
}

/** The programs towards single peers; a peer that no rule means is not in the answer. */
export function programsTowards(
  book: ProgramBook,
  direction: Direction,
  subject: AddressClass,
  peers: readonly number[],
  classes: readonly AddressClass[],
): ReadonlyMap<number, Program> {
  const bare = bareProgram(book, direction, subject)
  const found = new Map<number, Program>()
  const rules = ownRules(book, direction, subject)
  for (const index of peers) {
    const peer = classes[index]!
    if (peer.family !== subject.family) continue
    const conditions = new Set(peer.conditions)
    for (const {far, stepTowards} of rules) {
      if (far !== null && !conditions.has(far)) continue
      found.set(index, longer(book, found.get(index) ?? bare, stepTowards(peer)))
    }
  }
  return found
}

function ownRules(book: ProgramBook, direction: Direction, subject: AddressClass): OwnRule[] {
  const near = direction === 'egress' ? 'source' : 'destination'
  const far = direction === 'egress' ? 'destination' : 'source'
  const conditions = new Set(subject.conditions)
  const rules: OwnRule[] = []
  for (const policy of subject[direction]) {
    for (const rule of policy[direction] ?? []) {
      if (rule.family !== null && rule.family !== subject.family) continue
      const mine = rule[near]
      if (mine !== null && !conditions.has(mine)) continue
      rules.push({far: rule[far], stepTowards: stepMaker(book, direction, subject, rule, policy)})
    }
  }
  return rules
}

function stepMaker(
  {steps}: ProgramBook,
  direction: Direction,
  subject: AddressClass,
  rule: ActiveRule,
  {tier, document}: ActivePolicy,
): OwnRule['stepTowards'] {
  const {family} = subject
  const log =
    rule.action === 'log' && rule.index !== null
      ? logChain({tier: tier.name, policy: document.meta.name, direction, index: rule.index})
      : null
  const stepOf = (key: number | string, source: AddressClass, destination: AddressClass): Step => {
    let step = steps.get(key)
    if (!step) {
      const matches = matchesOf(rule.traffic, family, source.ports, destination.ports)
      step = {id: steps.size, tier, action: rule.action, matches, log}
      steps.set(key, step)
    }
    return step
  }
  const ends = (peer: AddressClass): [AddressClass, AddressClass] =>
    direction === 'egress' ? [subject, peer] : [peer, subject]
  if (!hasNames(rule)) {
    const step = stepOf(rule.id * 2 + Number(family === 6), ...ends(subject))
    return () => step
  }
  return (peer) => {
    const [source, destination] = ends(peer)
    return stepOf(`${rule.id} ${family} ${namesKey(rule, source, destination)}`, source, destination)
  }
}

function bareProgram(book: ProgramBook, direction: Direction, subject: AddressClass): Program {
  const tiers = [...new Set(subject[direction].map(({tier}) => tier))]
  const key = tiers.map(({id}) => id).join()
  let root = book.roots.get(key)
  if (!root) {
    root = {id: book.size++, tiers, parent: null, step: null, longer: new Map()}
    book.roots.set(key, root)
  }
  return root
}

function longer(book: ProgramBook, program: Program, step: Step): Program {
  let next = program.longer.get(step.id)
  if (!next) {
    next = {id: book.size++, tiers: program.tiers, parent: program, step, longer: new Map()}
    program.longer.set(step.id, next)
  }
  return next
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

/** What the port names of a rule mean for this pair. */
function namesKey({traffic}: ActiveRule, source: AddressClass, destination: AddressClass): string {
  const meaning = (test: PortTest, side: AddressClass): unknown =>
    namesIn(test).map((id) => side.ports.get(id)?.map(({protocol, port}) => [protocol, port]) ?? 0)
  return JSON.stringify([meaning(traffic.source, source), meaning(traffic.destination, destination)])
}

const namesIn = ({ports, notPorts}: PortTest): readonly number[] => [
  ...(ports?.names ?? []),
  ...(notPorts?.names ?? []),
]

const hasNames = ({traffic: {source, destination}}: ActiveRule): boolean =>
  [source, destination].some((test) => namesIn(test).length > 0)

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
  const steps: Step[] = []
  for (let at: Program | null = program; at?.step; at = at.parent) steps.push(at.step)
  steps.reverse()
  return program.tiers.reduceRight((next, tier) => {
    const targetOf = {allow, deny, pass: next}
    const own = steps.filter((step) => step.tier === tier)
    const rules = own.flatMap(({matches, action, log}) =>
      matches.flatMap((match): ChainRule[] => {
        if (action !== 'log') return [{match, target: targetOf[action]}]
        return log ? [{match, log}] : []
      }),
    )
    return maker.make(rules, tier.end === 'deny' ? deny : next)
  }, otherwise)
}
