/**
 * The label language as a tree. `and` and `or` keep the nesting that was written, so that printing and parsing are
 * inverse to one another.
 */
export type Selector =
  | {readonly kind: 'all'}
  /** True as a node; what it means is decided where it may stand at all (`fold.ts`). */
  | {readonly kind: 'global'}
  | {readonly kind: 'has'; readonly label: string}
  | {readonly kind: Comparison; readonly label: string; readonly value: string}
  | {readonly kind: 'in' | 'not-in'; readonly label: string; readonly values: readonly string[]}
  | {readonly kind: 'not'; readonly operand: Selector}
  | {readonly kind: 'and' | 'or'; readonly operands: readonly Selector[]}

export type Comparison = 'equal' | 'not-equal' | 'contains' | 'starts-with' | 'ends-with'

/** Reads one label; `undefined` when it is absent. An empty value is present. */
export type LabelReader = (label: string) => string | undefined
