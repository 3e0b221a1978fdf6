import {type AttributeSet, type AttributeSetId, PORT_PROTOCOL_NUMBERS, type SiteName} from '../../model/index.ts'
import type {Family} from '../../net/index.ts'
import type {Catalog} from './catalog.ts'
import {push} from './intern.ts'
import {indexSelectors, matchingSelectors, type SelectorIndex} from './selector-matches.ts'

/** All addresses that no active policy can tell apart, as subject or as peer. */
export interface AddressClass {
  readonly family: Family
  /** null: belongs to no site, and is no subject. */
  readonly site: SiteName | null
  /** Indexes of the policies that govern it, in evaluation order. */
  readonly egress: readonly number[]
  readonly ingress: readonly number[]
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
  readonly subject: {readonly attributes: AttributeSetId; readonly site: SiteName} | null
  readonly sets: readonly AttributeSetId[]
  readonly nets: ReadonlySet<number>
}

/** The catalog with its look-ups, and the selectors already evaluated; good while the policies are the same. */
export interface Questions {
  readonly catalog: Catalog
  readonly index: SelectorIndex
  readonly conditionsBySelector: ReadonlyMap<number, readonly number[]>
  /** Conditions that may hold without any selector holding. */
  readonly openConditions: readonly number[]
  readonly policiesBySelector: ReadonlyMap<number, readonly number[]>
  readonly portNamesByName: ReadonlyMap<string, readonly number[]>
  /** A memo; good for the very object, since ids are opaque here and belong to their writers. */
  readonly matches: WeakMap<AttributeSet, readonly number[]>
}

export function questionsOf(catalog: Catalog): Questions {
  const conditionsBySelector = new Map<number, number[]>()
  const openConditions: number[] = []
  for (const [id, condition] of catalog.conditions.entries()) {
    if (condition.positive === null) openConditions.push(id)
    else push(conditionsBySelector, condition.positive, id)
  }
  const policiesBySelector = new Map<number, number[]>()
  for (const [index, policy] of catalog.policies.entries()) push(policiesBySelector, policy.selector, index)
  const portNamesByName = new Map<string, number[]>()
  for (const [id, portName] of catalog.portNames.entries()) push(portNamesByName, portName.name, id)
  return {
    catalog,
    index: indexSelectors(catalog.selectors),
    conditionsBySelector,
    openConditions,
    policiesBySelector,
    portNamesByName,
    matches: new WeakMap(),
  }
}

/** Answers all questions for one composition. */
export function describe(
  questions: Questions,
  attributes: ReadonlyMap<AttributeSetId, AttributeSet>,
  composition: Composition,
): AddressClass {
  const {catalog} = questions
  const {family, subject, sets, nets} = composition
  const own = subject ? matchesOf(questions, attributes, subject.attributes) : []
  const held = new Set(own)
  for (const set of sets) for (const id of matchesOf(questions, attributes, set)) held.add(id)

  const governing = subject ? own.flatMap((id) => questions.policiesBySelector.get(id) ?? []) : []
  governing.sort((a, b) => a - b)
  const egress = governing.filter((index) => catalog.policies[index]!.egress)
  const ingress = governing.filter((index) => catalog.policies[index]!.ingress)

  const candidates = [...held].flatMap((id) => questions.conditionsBySelector.get(id) ?? [])
  const conditions = [...questions.openConditions, ...candidates].filter((id) => {
    const condition = catalog.conditions[id]!
    if (condition.negative !== null && held.has(condition.negative)) return false
    if (condition.nets && !condition.nets[family].some((net) => nets.has(net))) return false
    if (!condition.notNets) return true
    return condition.notNets[family].length > 0 && !condition.notNets[family].some((net) => nets.has(net))
  })
  conditions.sort((a, b) => a - b)

  const ports = subject ? portsOf(questions, attributes.get(subject.attributes)!, new Set(own)) : new Map()
  const site = subject?.site ?? null
  const signature = JSON.stringify([family, site, egress, ingress, conditions, [...ports]])
  return {family, site, egress, ingress, conditions, ports, signature}
}

function matchesOf(
  questions: Questions,
  attributes: ReadonlyMap<AttributeSetId, AttributeSet>,
  id: AttributeSetId,
): readonly number[] {
  const set = attributes.get(id)!
  let found = questions.matches.get(set)
  if (!found) {
    found = matchingSelectors(questions.index, set)
    questions.matches.set(set, found)
  }
  return found
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
