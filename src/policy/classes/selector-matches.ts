import type {AttributeSet} from '../../model/index.ts'
import {
  evaluateSelector,
  labelReader,
  NAMESPACE_LABEL,
  SERVICE_ACCOUNT_LABEL,
  type Selector,
} from '../../selectors/index.ts'
import {push} from './intern.ts'

/** Selectors by what an attribute set must have for them to hold, so that each set is asked few of them. */
export interface SelectorIndex {
  readonly selectors: readonly Selector[]
  /** So many of `selectors`, which may have grown since, are in the index. */
  readonly size: number
  readonly byValue: ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>
  readonly byLabel: ReadonlyMap<string, readonly number[]>
  /** Those that may hold without any label. */
  readonly always: readonly number[]
}

interface Need {
  readonly label: string
  /** null: any value. */
  readonly values: readonly string[] | null
}

/** How many sets meet a need. */
type Width = (need: Need) => number

/** `sets`: of several labels that a selector needs, it is found by the one that fewest of these have. */
export function indexSelectors(selectors: readonly Selector[], sets: Iterable<AttributeSet>): SelectorIndex {
  const byValue = new Map<string, Map<string, number[]>>()
  const byLabel = new Map<string, number[]>()
  const always: number[] = []
  const width = widthIn(sets)
  for (const [id, selector] of selectors.entries()) {
    const need = needOf(selector, width)
    if (!need) always.push(id)
    else if (!need.values) push(byLabel, need.label, id)
    else {
      let values = byValue.get(need.label)
      if (!values) {
        values = new Map()
        byValue.set(need.label, values)
      }
      for (const value of new Set(need.values)) push(values, value, id)
    }
  }
  return {selectors, size: selectors.length, byValue, byLabel, always}
}

function widthIn(sets: Iterable<AttributeSet>): Width {
  const counts = new Map<string, Map<string, number>>()
  for (const set of sets) {
    for (const [label, value] of labelsOf(set)) {
      let values = counts.get(label)
      if (!values) {
        values = new Map()
        counts.set(label, values)
      }
      values.set(value, (values.get(value) ?? 0) + 1)
    }
  }
  return ({label, values}) => {
    const own = counts.get(label)
    const asked = values ? new Set(values) : (own?.keys() ?? [])
    let width = 0
    for (const value of asked) width += own?.get(value) ?? 0
    return width
  }
}

/** A label without which the selector cannot hold; the narrowest such need of a conjunction. */
function needOf(ast: Selector, width: Width): Need | null {
  switch (ast.kind) {
    case 'equal':
      return {label: ast.label, values: [ast.value]}
    case 'in':
      return {label: ast.label, values: ast.values}
    case 'has':
    case 'contains':
    case 'starts-with':
    case 'ends-with':
      return {label: ast.label, values: null}
    case 'and': {
      const needs = ast.operands.flatMap((operand) => needOf(operand, width) ?? [])
      return needs.length < 2 ? (needs[0] ?? null) : narrowest(needs, width)
    }
    default:
      return null
  }
}

function narrowest(needs: readonly Need[], width: Width): Need {
  const widths = needs.map(width)
  return needs[widths.indexOf(Math.min(...widths))]!
}

/** Ids of the indexed selectors that hold for an attribute set, ascending. */
export function matchingSelectors(index: SelectorIndex, set: AttributeSet): number[] {
  const read = labelReader(set)
  const found: number[] = []
  const ask = (ids: readonly number[] | undefined): void => {
    for (const id of ids ?? []) if (evaluateSelector(index.selectors[id]!, read)) found.push(id)
  }
  ask(index.always)
  for (const [label, value] of labelsOf(set)) {
    ask(index.byLabel.get(label))
    ask(index.byValue.get(label)?.get(value))
  }
  return found.sort((a, b) => a - b)
}

/** Likewise of those from an id on, each asked. */
export function holdingOf(selectors: readonly Selector[], from: number, set: AttributeSet): number[] {
  const read = labelReader(set)
  const found: number[] = []
  for (let id = from; id < selectors.length; id++) if (evaluateSelector(selectors[id]!, read)) found.push(id)
  return found
}

/** Every label that selectors can see, once. */
function* labelsOf(set: AttributeSet): Generator<[string, string]> {
  const read = labelReader(set)
  for (const label of new Set([...Object.keys(set.labels), NAMESPACE_LABEL, SERVICE_ACCOUNT_LABEL])) {
    const value = read(label)
    if (value !== undefined) yield [label, value]
  }
}
