import type {Direction} from '../../model/index.ts'
import type {Family} from '../../net/index.ts'
import type {ActivePolicy, ActiveRule, ActiveTier, AddressClass, PortTest} from '../classes/index.ts'
import {type LogChain, logChain} from './log-chains.ts'
import {isUnconditional, matchesOf, type PacketMatch, printMatch} from './packet-match.ts'
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

/**
 * What a rule between two classes comes to: what its port names mean at them is worked out. Rules of one tier that come to
 * the same are one step.
 */
interface Step {
  readonly id: number
  readonly tier: ActiveTier
  readonly action: ActiveRule['action']
  readonly matches: readonly PacketMatch[]
  /** Of a Log rule. */
  readonly log: LogChain | null
  /** Nothing that stands behind it in its tier is reached. */
  readonly last: boolean
}

/** All programs that there are. It only grows. */
export interface ProgramBook {
  readonly roots: Map<string, Program>
  /** By rule, and what its names mean. */
  readonly steps: Map<number | string, Step>
  readonly byContent: Map<string, Step>
  size: number
}

export const emptyPrograms = (): ProgramBook => ({
  roots: new Map(),
  steps: new Map(),
  byContent: new Map(),
  size: 0,
})

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
  readonly rule: ActiveRule
  readonly policy: ActivePolicy
  /** null: it names ports, and so depends on the peer. */
  readonly step: Step | null
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
  for (const own of ownRules(book, direction, subject)) {
    const {far} = own
    const meant = far === null ? peers.all[subject.family] : peers.byCondition[subject.family].get(far)
    for (const peer of meant ?? []) {
      const step = own.step ?? namedStep(book, direction, subject, own, peers.classes[peer]!)
      byPeer.set(peer, longer(book, byPeer.get(peer) ?? bare, step))
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
    for (const own of rules) {
      if (own.far !== null && !conditions.has(own.far)) continue
      const step = own.step ?? namedStep(book, direction, subject, own, peer)
      found.set(index, longer(book, found.get(index) ?? bare, step))
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
      rules.push({far: rule[far], rule, policy, step: plainStep(book, direction, subject, rule, policy)})
    }
  }
  return rules
}

function plainStep(
  book: ProgramBook,
  direction: Direction,
  {family, ports}: AddressClass,
  rule: ActiveRule,
  policy: ActivePolicy,
): Step | null {
  const key = rule.id * 2 + Number(family === 6)
  const known = book.steps.get(key)
  if (known) return known
  return hasNames(rule)
    ? null
    : newStep(book, key, direction, rule, policy, matchesOf(rule.traffic, family, ports, ports))
}

function namedStep(
  book: ProgramBook,
  direction: Direction,
  subject: AddressClass,
  {rule, policy}: OwnRule,
  peer: AddressClass,
): Step {
  const [source, destination] = direction === 'egress' ? [subject, peer] : [peer, subject]
  const {family} = subject
  const key = `${rule.id} ${family} ${namesKey(rule, source, destination)}`
  const known = book.steps.get(key)
  if (known) return known
  const matches = matchesOf(rule.traffic, family, source.ports, destination.ports)
  return newStep(book, key, direction, rule, policy, matches)
}

function newStep(
  {steps, byContent}: ProgramBook,
  key: number | string,
  direction: Direction,
  {action, index}: ActiveRule,
  {tier, document}: ActivePolicy,
  matches: readonly PacketMatch[],
): Step {
  const log =
    action === 'log' && index !== null
      ? logChain({tier: tier.name, policy: document.meta.name, direction, index})
      : null
  const content = [tier.id, action, log?.name, ...matches.map(printMatch)].join('|')
  const last = action !== 'log' && matches.some(isUnconditional)
  const step = byContent.get(content) ?? {id: byContent.size, tier, action, matches, log, last}
  byContent.set(content, step)
  steps.set(key, step)
  return step
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

/** The same program where the step decides nothing more. */
function longer(book: ProgramBook, program: Program, step: Step): Program {
  if (step.matches.length === 0) return program
  for (let at: Program | null = program; at?.step?.tier === step.tier; at = at.parent) {
    if (at.step.last || (at.step === step && step.action !== 'log')) return program
  }
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
  let next = otherwise
  // Steps stand in the order of their tiers.
  let at: Program | null = program
  for (const tier of program.tiers.toReversed()) {
    const own: Step[] = []
    for (; at?.step?.tier === tier; at = at.parent) own.push(at.step)
    const end = tier.end === 'deny' ? deny : next
    next = own.length === 0 ? end : tierTarget(own.reverse(), maker, {allow, deny, pass: next}, end)
  }
  return next
}

/** Programs that differ in one tier have the chains of the others in common. */
function tierTarget(
  steps: readonly Step[],
  maker: ChainMaker,
  targets: Readonly<Record<'allow' | 'deny' | 'pass', Target>>,
  end: Target,
): Target {
  const key = `${steps.map(({id}) => id).join()} ${targets.allow} ${targets.deny} ${targets.pass}`
  return maker.once(key, () => {
    const rules = steps.flatMap(({matches, action, log}) =>
      matches.flatMap((match): ChainRule[] => {
        if (action !== 'log') return [{match, target: targets[action]}]
        return log ? [{match, log}] : []
      }),
    )
    return maker.make(rules, end)
  })
}
