import type {AttributeSet} from '../model/index.ts'
import type {LabelReader, Selector} from './selector.ts'

/** Whether a selector holds. A label that is absent fails every positive test and passes `!=` and `not in`. */
export function evaluateSelector(ast: Selector, read: LabelReader): boolean {
  switch (ast.kind) {
    case 'all':
    case 'global':
      return true
    case 'has':
      return read(ast.label) !== undefined
    case 'equal':
      return read(ast.label) === ast.value
    case 'not-equal':
      return read(ast.label) !== ast.value
    case 'contains':
      return read(ast.label)?.includes(ast.value) ?? false
    case 'starts-with':
      return read(ast.label)?.startsWith(ast.value) ?? false
    case 'ends-with':
      return read(ast.label)?.endsWith(ast.value) ?? false
    case 'in':
    case 'not-in': {
      const value = read(ast.label)
      return (value !== undefined && ast.values.includes(value)) === (ast.kind === 'in')
    }
    case 'not':
      return !evaluateSelector(ast.operand, read)
    case 'and':
      for (const operand of ast.operands) if (!evaluateSelector(operand, read)) return false
      return true
    case 'or':
      for (const operand of ast.operands) if (evaluateSelector(operand, read)) return true
      return false
  }
}

export const NAMESPACE_LABEL = 'projectcalico.org/namespace'
export const SERVICE_ACCOUNT_LABEL = 'projectcalico.org/serviceaccount'

/**
 * Labels of an attribute set as selectors see them. Namespace and service account are labels too, also where the
 * writer of the set left them out of the labels (calico-model 2.2, 3.3).
 */
export function labelReader(set: AttributeSet): LabelReader {
  return (label) => {
    if (Object.hasOwn(set.labels, label)) return set.labels[label]
    if (label === NAMESPACE_LABEL) return set.namespace ?? undefined
    if (label === SERVICE_ACCOUNT_LABEL) return set.serviceAccount ?? undefined
    return undefined
  }
}
