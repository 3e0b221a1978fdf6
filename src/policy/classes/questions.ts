import type {AttributeSet} from '../../model/index.ts'
import type {ActivePolicy, ActiveRule, Catalog} from './catalog.ts'
import {push} from './intern.ts'
import {holdingOf, indexSelectors, matchingSelectors, type SelectorIndex} from './selector-matches.ts'

/** The catalog with its look-ups, and the selectors already evaluated. `changeQuestions` goes on with it in place. */
export interface Questions {
  catalog: Catalog
  readonly index: SelectorIndex
  /** Only what some policy asks. */
  readonly conditionsBySelector: Map<number, number[]>
  /** Conditions without a selector, by each of the nets one of which they ask for. */
  readonly conditionsByNet: Map<number, number[]>
  /** Conditions that ask for neither. */
  readonly openConditions: Set<number>
  readonly policiesBySelector: Map<number, ActivePolicy[]>
  readonly portNamesByName: Map<string, number[]>
  /** How many policies ask a condition, or a port name. */
  readonly conditionUses: Map<number, number>
  readonly portNameUses: Map<number, number>
  /** A memo; good for the very object, for the selectors that there were then. */
  readonly matches: WeakMap<AttributeSet, Matches>
}

interface Matches {
  /** So many selectors have been asked. */
  asked: number
  /** Ids of those that hold, ascending. */
  readonly ids: number[]
}

/** What a change of policies may make different for an address. */
export interface QuestionChange {
  /** Where one of these holds, policies, conditions or port names may differ. */
  readonly selectors: ReadonlySet<number>
  /** Conditions that came or went, and ask for no selector. */
  readonly selectorless: readonly number[]
  /** Names of ports that came or went, and are meant of any endpoint. */
  readonly portNames: ReadonlySet<string>
}

/** `sets`: what will be asked, as far as known: the index goes by how many of them have a label's value. */
export function questionsOf(catalog: Catalog, sets: Iterable<AttributeSet>): Questions {
  const questions: Questions = {
    catalog,
    index: indexSelectors(catalog.selectors, sets),
    conditionsBySelector: new Map(),
    conditionsByNet: new Map(),
    openConditions: new Set(),
    policiesBySelector: new Map(),
    portNamesByName: new Map(),
    conditionUses: new Map(),
    portNameUses: new Map(),
    matches: new WeakMap(),
  }
  for (const id of catalog.conditions.keys()) addCondition(questions, id)
  for (const [id, {name}] of catalog.portNames.entries()) push(questions.portNamesByName, name, id)
  for (const policy of catalog.policies) {
    push(questions.policiesBySelector, policy.selector, policy)
    const asked = askedBy(policy)
    for (const id of asked.conditions) count(questions.conditionUses, id, 1)
    for (const id of asked.portNames) count(questions.portNameUses, id, 1)
  }
  return questions
}

/** Goes on to the policies of a grown catalog: what came is asked, and what only `gone` asked no longer. */
export function changeQuestions(
  questions: Questions,
  catalog: Catalog,
  gone: readonly ActivePolicy[],
  come: readonly ActivePolicy[],
): QuestionChange {
  questions.catalog = catalog
  const selectors = new Set([...gone, ...come].map(({selector}) => selector))
  const selectorless: number[] = []
  const portNames = new Set<string>()
  const noteCondition = (id: number): void => {
    const {positive} = catalog.conditions[id]!
    if (positive === null) selectorless.push(id)
    else selectors.add(positive)
  }
  const notePortName = (id: number): void => {
    const {name, selector} = catalog.portNames[id]!
    if (selector === null) portNames.add(name)
    else selectors.add(selector)
  }
  for (const policy of come) {
    push(questions.policiesBySelector, policy.selector, policy)
    const asked = askedBy(policy)
    for (const id of asked.conditions) {
      if (count(questions.conditionUses, id, 1) > 1) continue
      addCondition(questions, id)
      noteCondition(id)
    }
    for (const id of asked.portNames) {
      if (count(questions.portNameUses, id, 1) > 1) continue
      push(questions.portNamesByName, catalog.portNames[id]!.name, id)
      notePortName(id)
    }
  }
  for (const policy of gone) {
    take(questions.policiesBySelector, policy.selector, policy)
    const asked = askedBy(policy)
    for (const id of asked.conditions) {
      if (count(questions.conditionUses, id, -1) > 0) continue
      const {positive, nets} = catalog.conditions[id]!
      if (positive !== null) take(questions.conditionsBySelector, positive, id)
      else if (!nets) questions.openConditions.delete(id)
      else for (const net of [...nets[4], ...nets[6]]) take(questions.conditionsByNet, net, id)
      noteCondition(id)
    }
    for (const id of asked.portNames) {
      if (count(questions.portNameUses, id, -1) > 0) continue
      take(questions.portNamesByName, catalog.portNames[id]!.name, id)
      notePortName(id)
    }
  }
  return {selectors, selectorless, portNames}
}

/** Ids of the selectors that hold for an attribute set, ascending. */
export function matchesOf({catalog, index, matches}: Questions, set: AttributeSet): readonly number[] {
  const known = matches.get(set)
  if (!known) {
    const ids = matchingSelectors(index, set)
    const fresh = {asked: index.size, ids}
    matches.set(set, fresh)
    return askedOn(fresh, catalog, set)
  }
  return askedOn(known, catalog, set)
}

/** Selectors that came after the memo was made are few: they are asked one by one. */
function askedOn(known: Matches, {selectors}: Catalog, set: AttributeSet): readonly number[] {
  if (known.asked < selectors.length) {
    known.ids.push(...holdingOf(selectors, known.asked, set))
    known.asked = selectors.length
  }
  return known.ids
}

function addCondition({catalog, conditionsBySelector, conditionsByNet, openConditions}: Questions, id: number): void {
  const {positive, nets} = catalog.conditions[id]!
  if (positive !== null) push(conditionsBySelector, positive, id)
  else if (!nets) openConditions.add(id)
  else for (const net of [...nets[4], ...nets[6]]) push(conditionsByNet, net, id)
}

/** Each question of a policy once. */
function askedBy({ingress, egress}: ActivePolicy): {conditions: Set<number>; portNames: Set<number>} {
  const conditions = new Set<number>()
  const portNames = new Set<number>()
  const ask = ({source, destination, traffic}: ActiveRule): void => {
    if (source !== null) conditions.add(source)
    if (destination !== null) conditions.add(destination)
    for (const test of [traffic.source, traffic.destination]) {
      for (const question of [test.ports, test.notPorts]) for (const id of question?.names ?? []) portNames.add(id)
    }
  }
  for (const rule of ingress ?? []) ask(rule)
  for (const rule of egress ?? []) ask(rule)
  return {conditions, portNames}
}

function count(uses: Map<number, number>, id: number, by: number): number {
  const now = (uses.get(id) ?? 0) + by
  uses.set(id, now)
  return now
}

function take<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const left = (lists.get(key) ?? []).filter((one) => one !== value)
  if (left.length > 0) lists.set(key, left)
  else lists.delete(key)
}
