import type {Direction} from '../../model/index.ts'
import {type ActiveRule, type AddressClass, type Catalog, type Interner, interner} from '../classes/index.ts'
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
  readonly byPeer: ReadonlyMap<number, Program>
}

/**
 * Finds, for a subject class and a direction, the program towards each peer class.
 *
 * It goes from the rules to the peers that they mean, so that its cost is that of the matches and not that of rules ×
 * peers. Equal lists of rules are one program, whichever pair they come from.
 */
export function subjectPrograms(
  catalog: Catalog,
  programs: Interner<Program>,
  direction: Direction,
  subject: AddressClass,
  peers: PeerIndex,
): SubjectPrograms {
  const governing = subject[direction]
  const near = direction === 'egress' ? 'source' : 'destination'
  const far = direction === 'egress' ? 'destination' : 'source'
  const own = new Set(subject.conditions)
  const hits = new Map<number, {rule: ActiveRule; tier: number}[]>()
  for (const index of governing) {
    const policy = catalog.policies[index]!
    for (const rule of policy[direction] ?? []) {
      if (rule.family !== null && rule.family !== subject.family) continue
      const [mine, theirs] = [rule[near], rule[far]]
      if (mine !== null && !own.has(mine)) continue
      const meant = theirs === null ? peers.all[subject.family] : (peers.byCondition[subject.family].get(theirs) ?? [])
      for (const peer of meant) {
        const list = hits.get(peer)
        const hit = {rule, tier: policy.tier}
        if (list) list.push(hit)
        else hits.set(peer, [hit])
      }
    }
  }
  const tiers = [...new Set(governing.map((index) => catalog.policies[index]!.tier))]
  const frame = `${subject.family} ${tiers.join()}`
  const programOf = (peer: AddressClass | null, list: readonly {rule: ActiveRule; tier: number}[]): Program => {
    const [source, destination] = direction === 'egress' ? [subject, peer] : [peer, subject]
    const key = `${frame}|${list.map(({rule}) => `${rule.id}${namesKey(rule, source, destination)}`).join(' ')}`
    const id = programs.idOf(key, () => ({
      id: programs.items.length,
      tiers: tiers.map((tier) => ({
        end: catalog.tiers[tier]!.end,
        steps: list
          .filter((hit) => hit.tier === tier)
          .map(({rule}) => ({
            action: rule.action,
            matches: matchesOf(rule.traffic, subject.family, source!.ports, destination!.ports),
          })),
      })),
    }))
    return programs.items[id]!
  }
  const byPeer = new Map([...hits].map(([peer, list]) => [peer, programOf(peers.classes[peer]!, list)]))
  return {bare: programOf(null, []), byPeer}
}

/** Classes by the conditions that hold for them. */
export interface PeerIndex {
  readonly classes: readonly AddressClass[]
  readonly all: Readonly<Record<4 | 6, readonly number[]>>
  readonly byCondition: Readonly<Record<4 | 6, ReadonlyMap<number, readonly number[]>>>
}

export function indexPeers(classes: readonly AddressClass[]): PeerIndex {
  const all: Record<4 | 6, number[]> = {4: [], 6: []}
  const byCondition: Record<4 | 6, Map<number, number[]>> = {4: new Map(), 6: new Map()}
  for (const [index, {family, conditions}] of classes.entries()) {
    all[family].push(index)
    for (const condition of conditions) {
      const list = byCondition[family].get(condition)
      if (list) list.push(index)
      else byCondition[family].set(condition, [index])
    }
  }
  return {classes, all, byCondition}
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
