import type {Selector} from './selector.ts'

const OPERATORS = {
  equal: '==',
  'not-equal': '!=',
  contains: 'contains',
  'starts-with': 'starts with',
  'ends-with': 'ends with',
  in: 'in',
  'not-in': 'not in',
} as const

/**
 * The text of a selector; parsing it gives the same tree. Equal trees have equal text, so the text serves as identity.
 * A value with both kinds of quotes cannot be written (nor parsed) in this language.
 */
export function printSelector(ast: Selector): string {
  switch (ast.kind) {
    case 'all':
    case 'global':
      return `${ast.kind}()`
    case 'has':
      return `has(${ast.label})`
    case 'in':
    case 'not-in':
      return `${ast.label} ${OPERATORS[ast.kind]} {${ast.values.map(quote).join(', ')}}`
    case 'not':
      return `!${nested(ast.operand)}`
    case 'and':
      return ast.operands.map(nested).join(' && ')
    case 'or':
      return ast.operands
        .map((operand) => (operand.kind === 'and' ? printSelector(operand) : nested(operand)))
        .join(' || ')
    default:
      return `${ast.label} ${OPERATORS[ast.kind]} ${quote(ast.value)}`
  }
}

const nested = (ast: Selector): string =>
  ast.kind === 'and' || ast.kind === 'or' ? `(${printSelector(ast)})` : printSelector(ast)

const quote = (value: string): string => (value.includes('"') ? `'${value}'` : `"${value}"`)
