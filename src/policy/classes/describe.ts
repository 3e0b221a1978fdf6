import {type AttributeSet, type Direction, PORT_PROTOCOL_NUMBERS, type SiteName} from '../../model/index.ts'
import type {Family} from '../../net/index.ts'
import {type ActivePolicy, compareActive} from './catalog.ts'
import {push} from './intern.ts'
import {matchesOf, type QuestionChange, type Questions} from './questions.ts'

/** All addresses that no active policy can tell apart, as subject or as peer. */
export interface AddressClass {
  readonly family: Family
  /** null: belongs to no site, and is no subject. */
  readonly site: SiteName | null
  /** The policies that govern it, in evaluation order. */
  readonly egress: readonly ActivePolicy[]
  readonly ingress: readonly ActivePolicy[]
  /** Staged policies that would govern it. */
  readonly stagedEgress: readonly ActivePolicy[]
  readonly stagedIngress: readonly ActivePolicy[]
  /** Ids of the peer conditions that hold for it, ascending. */
  readonly conditions: readonly number[]
  /** By port name id: what the name means at these addresses. */
  readonly ports: ReadonlyMap<number, readonly ResolvedPort[]>
  /** Equal signature, equal class. */
  readonly signature: string
}

export interface ResolvedPort {
  readonly protocol: number
  readonly port: number
}

/** What is known of an address: who answers for it, the sets that hold it, and the nets of rules around it. */
export interface Composition {
  readonly family: Family
  readonly subject: {readonly set: AttributeSet; readonly site: SiteName} | null
  readonly sets: readonly AttributeSet[]
  readonly nets: ReadonlySet<number>
}

/** Answers all questions for one composition. */
export function describe(questions: Questions, composition: Composition): AddressClass {
  const {family, subject} = composition
  const own = subject ? matchesOf(questions, subject.set) : []
  const held = heldBy(questions, composition)

  const governing = subject ? own.flatMap((id) => questions.policiesBySelector.get(id) ?? []) : []
  governing.sort(compareActive)
  const governedBy = (direction: Direction, staged: boolean): ActivePolicy[] =>
    governing.filter((policy) => policy[direction] && policy.staged === staged)
  const [egress, ingress] = [governedBy('egress', false), governedBy('ingress', false)]
  const [stagedEgress, stagedIngress] = [governedBy('egress', true), governedBy('ingress', true)]

  const found = new Set<number>()
  const ask = (ids: Iterable<number> | undefined): void => {
    for (const id of ids ?? []) if (holds(questions, id, composition, held)) found.add(id)
  }
  ask(questions.openConditions)
  for (const net of composition.nets) ask(questions.conditionsByNet.get(net))
  for (const selector of held) ask(questions.conditionsBySelector.get(selector))
  const conditions = [...found].sort((a, b) => a - b)

  const ports = subject ? portsOf(questions, subject.set, new Set(own)) : new Map()
  const site = subject?.site ?? null
  const ids = (policies: readonly ActivePolicy[]): string => policies.map(({id}) => id).join()
  const names = ports.size === 0 ? '' : JSON.stringify([...ports])
  const governed = [egress, ingress, stagedEgress, stagedIngress]
  const signature = `${family} ${site ?? '-'} ${governed.map(ids).join(' ')} ${conditions.join()} ${names}`
  return {family, site, egress, ingress, stagedEgress, stagedIngress, conditions, ports, signature}
}

/** Whether a change of the questions may have changed the answers. */
export function isTouched(
  questions: Questions,
  composition: Composition,
  {selectors, selectorless, portNames}: QuestionChange,
): boolean {
  const {subject, sets} = composition
  const lists = [...(subject ? [subject.set] : []), ...sets].map((set) => matchesOf(questions, set))
  // Few are asked: for them it is not worth while to make a set.
  const held = {has: (id: number) => lists.some((ids) => includesSorted(ids, id))}
  for (const id of selectors) if (held.has(id)) return true
  if (portNames.size > 0 && subject?.set.ports.some(({name}) => portNames.has(name))) return true
  return selectorless.some((id) => holds(questions, id, composition, held))
}

function includesSorted(ids: readonly number[], id: number): boolean {
  let [low, high] = [0, ids.length - 1]
  while (low <= high) {
    const middle = (low + high) >> 1
    if (ids[middle]! < id) low = middle + 1
    else high = middle - 1
  }
  return ids[low] === id
}

/** Selectors that hold for one of the objects that hold the address. */
function heldBy(questions: Questions, {subject, sets}: Composition): ReadonlySet<number> {
  const held = new Set(subject ? matchesOf(questions, subject.set) : [])
  for (const set of sets) for (const id of matchesOf(questions, set)) held.add(id)
  return held
}

/** Whether a condition holds whose positive selector, if it has one, does. */
function holds(
  {catalog}: Questions,
  id: number,
  {family, nets}: Composition,
  held: Pick<ReadonlySet<number>, 'has'>,
): boolean {
  const condition = catalog.conditions[id]!
  if (condition.negative !== null && held.has(condition.negative)) return false
  if (condition.nets && !condition.nets[family].some((net) => nets.has(net))) return false
  if (!condition.notNets) return true
  return condition.notNets[family].length > 0 && !condition.notNets[family].some((net) => nets.has(net))
}

/** Pods and hosts only: a name is resolved by address, never for sets and prefixes (rule_scanner.go). */
function portsOf(questions: Questions, set: AttributeSet, own: ReadonlySet<number>): Map<number, ResolvedPort[]> {
  const ports = new Map<number, ResolvedPort[]>()
  if (set.kind !== 'pod' && set.kind !== 'host') return ports
  for (const {name, protocol, port} of set.ports) {
    for (const id of questions.portNamesByName.get(name) ?? []) {
      const {selector} = questions.catalog.portNames[id]!
      if (selector === null || own.has(selector)) push(ports, id, {protocol: PORT_PROTOCOL_NUMBERS[protocol], port})
    }
  }
  const byNumber = (a: ResolvedPort, b: ResolvedPort): number => a.protocol - b.protocol || a.port - b.port
  return new Map([...ports].sort(([a], [b]) => a - b).map(([id, list]) => [id, list.sort(byNumber)]))
}
