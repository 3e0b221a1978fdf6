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

export function indexSelectors(selectors: readonly Selector[]): SelectorIndex {
  const byValue = new Map<string, Map<string, number[]>>()
  const byLabel = new Map<string, number[]>()
  const always: number[] = []
  for (const [id, selector] of selectors.entries()) {
    const need = needOf(selector)
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
  return {selectors, byValue, byLabel, always}
}

/** A label without which the selector cannot hold; the narrowest such need of a conjunction. */
function needOf(ast: Selector): Need | null {
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
      const needs = ast.operands.flatMap((operand) => needOf(operand) ?? [])
      const width = (need: Need): number => need.values?.length ?? Number.POSITIVE_INFINITY
      return needs.reduce<Need | null>((best, need) => (best && width(best) <= width(need) ? best : need), null)
    }
    default:
      return null
  }
}

/** Ids of all selectors that hold for an attribute set, ascending. */
export function matchingSelectors(index: SelectorIndex, set: AttributeSet): number[] {
  const read = labelReader(set)
  const found: number[] = []
  const ask = (ids: readonly number[] | undefined): void => {
    for (const id of ids ?? []) if (evaluateSelector(index.selectors[id]!, read)) found.push(id)
  }
  ask(index.always)
  for (const label of new Set([...Object.keys(set.labels), NAMESPACE_LABEL, SERVICE_ACCOUNT_LABEL])) {
    const value = read(label)
    if (value === undefined) continue
    ask(index.byLabel.get(label))
    ask(index.byValue.get(label)?.get(value))
  }
  return found.sort((a, b) => a - b)
}
