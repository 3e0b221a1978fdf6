import type {EntityRule, Policy} from '../model/index.ts'
import {NAMESPACE_LABEL, SERVICE_ACCOUNT_LABEL} from './evaluate.ts'
import {parseSelector} from './parse.ts'
import {printSelector} from './print.ts'
import type {Selector} from './selector.ts'

/** A selector of a document that cannot be understood: which field, and why. */
export interface InvalidSelector {
  readonly field: string
  readonly message: string
}

export type FoldedSubject =
  | {readonly ok: true; readonly selector: Selector}
  | {readonly ok: false; readonly invalid: InvalidSelector}

/**
 * One side's endpoint condition. `positive`: an object that holds the address must match. `negative`: none may. Both
 * null: no condition. The two never stand together: Calico merges them into one positive (`(S) && !(N)`), which is not
 * the same thing where several objects hold one address.
 */
export type FoldedPeer =
  | {readonly ok: true; readonly positive: Selector | null; readonly negative: Selector | null}
  | {readonly ok: false; readonly invalid: InvalidSelector}

/**
 * Which endpoints a global policy applies to.
 *
 * `all()` is replaced in the text and not in the tree, as Calico does (globalnetworkpolicyprocessor.go): the replacement
 * reaches into `selector`, where `all( )` with a space escapes it. Each part must parse alone before they are joined.
 */
export function foldSubject(policy: Policy): FoldedSubject {
  try {
    let text = policy.selector
    checked('selector', text)
    const append = (field: string, own: string, prefix: string, label: string): void => {
      if (own === '') return
      const prefixed = parenthesised(prefixLabels(checked(field, own), prefix))
      text = (text === '' ? prefixed : `(${text}) && ${prefixed}`).replaceAll('all()', `has(${label})`)
    }
    append('namespaceSelector', policy.namespaceSelector, 'pcns.', NAMESPACE_LABEL)
    append('serviceAccountSelector', policy.serviceAccountSelector, 'pcsa.', SERVICE_ACCOUNT_LABEL)
    return {ok: true, selector: checked('selector', text)}
  } catch (error) {
    return {ok: false, invalid: invalidOf(error)}
  }
}

/** Whom the source or destination of a global policy's rule means (upd/rules.go). Sets and CIDRs are not in it. */
export function foldPeer(entity: EntityRule): FoldedPeer {
  try {
    const terms: Selector[] = []
    const {namespaceSelector, serviceAccounts} = entity
    if (namespaceSelector !== '') {
      const own = checked('namespaceSelector', namespaceSelector, true)
      const prefixed =
        own.kind === 'global'
          ? `!has(${NAMESPACE_LABEL})`
          : printSelector(prefixLabels(own, 'pcns.')).replaceAll('all()', `has(${NAMESPACE_LABEL})`)
      terms.push(checked('namespaceSelector', prefixed))
    }
    if (serviceAccounts && serviceAccounts.names.length > 0) {
      terms.push({kind: 'in', label: SERVICE_ACCOUNT_LABEL, values: serviceAccounts.names})
    }
    if (serviceAccounts && serviceAccounts.selector !== '') {
      terms.push(prefixLabels(checked('serviceAccounts.selector', serviceAccounts.selector), 'pcsa.'))
    }
    if (entity.selector !== '') terms.push(checked('selector', entity.selector))
    const negative = entity.notSelector === '' ? null : checked('notSelector', entity.notSelector)
    if (terms.length === 0) return {ok: true, positive: null, negative}
    if (negative) terms.push({kind: 'not', operand: negative})
    return {ok: true, positive: terms.length === 1 ? terms[0]! : {kind: 'and', operands: terms}, negative: null}
  } catch (error) {
    return {ok: false, invalid: invalidOf(error)}
  }
}

/** Puts a prefix before every label name, also in `has()`. */
export function prefixLabels(ast: Selector, prefix: string): Selector {
  switch (ast.kind) {
    case 'all':
    case 'global':
      return ast
    case 'not':
      return {kind: 'not', operand: prefixLabels(ast.operand, prefix)}
    case 'and':
    case 'or':
      return {kind: ast.kind, operands: ast.operands.map((operand) => prefixLabels(operand, prefix))}
    default:
      return {...ast, label: prefix + ast.label}
  }
}

const parenthesised = (ast: Selector): string =>
  ast.kind === 'and' || ast.kind === 'or' ? `(${printSelector(ast)})` : printSelector(ast)

class Invalid extends Error {
  readonly field: string
  constructor(field: string, message: string) {
    super(message)
    this.field = field
  }
}

function invalidOf(error: unknown): InvalidSelector {
  if (!(error instanceof Invalid)) throw error
  return {field: error.field, message: error.message}
}

function checked(field: string, text: string, mayBeGlobal = false): Selector {
  const parsed = checkSelector(text, mayBeGlobal)
  if (!parsed.ok) throw new Invalid(field, parsed.message)
  return parsed.ast
}

/**
 * A selector as it may stand in a document: parsed, and `global()` only where it means something (`mayBeGlobal`: alone
 * in a rule's namespaceSelector). The message names the character.
 */
export function checkSelector(
  text: string,
  mayBeGlobal = false,
): {readonly ok: true; readonly ast: Selector} | {readonly ok: false; readonly message: string} {
  const parsed = parseSelector(text)
  if (!parsed.ok) return {ok: false, message: `${parsed.message} at character ${parsed.position + 1} of ${text}`}
  if (holdsGlobal(parsed.ast) && !(mayBeGlobal && parsed.ast.kind === 'global')) {
    return {ok: false, message: "global() may stand only alone, in a rule's namespaceSelector"}
  }
  return parsed
}

function holdsGlobal(ast: Selector): boolean {
  if (ast.kind === 'not') return holdsGlobal(ast.operand)
  if (ast.kind === 'and' || ast.kind === 'or') return ast.operands.some(holdsGlobal)
  return ast.kind === 'global'
}
