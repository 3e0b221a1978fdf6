import type {Comparison, Selector} from './selector.ts'

export type Parsed =
  | {readonly ok: true; readonly ast: Selector}
  /** `position` is the 0-based index of the character that could not be understood. */
  | {readonly ok: false; readonly position: number; readonly message: string}

/** Deeper than any person writes, and far from the stack's end. */
const MAX_DEPTH = 200

const LABEL = /[A-Za-z0-9_./-]{1,512}/y
const LABEL_CHARACTER = /[A-Za-z0-9_./-]/
const CALL = /(all|global)\([ \t]*\)/y
const HAS = /has\([ \t]*/y
/** Word operators stand only right after a label, so labels may be called `in`, `not`, `has`. */
const WORD = /(contains|starts[ \t]*with|ends[ \t]*with|not[ \t]*in|in)(?![A-Za-z0-9_])/y

class SyntaxFault extends Error {
  readonly position: number
  constructor(position: number, message: string) {
    super(message)
    this.position = position
  }
}

/**
 * Parses Calico's selector language (libcalico-go/lib/selector/parser). Empty text means `all()`.
 *
 * White space is space and tab only, strings have no escapes, `!` binds tightest, then `&&`, then `||`. Nesting deeper
 * than 200 is refused, which Calico would take: a stack must not be a stranger's to exhaust.
 */
export function parseSelector(text: string): Parsed {
  try {
    return {ok: true, ast: new Parser(text).whole()}
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error
    return {ok: false, position: error.position, message: error.message}
  }
}

class Parser {
  readonly #text: string
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#text = text
  }

  whole(): Selector {
    this.#space()
    if (this.#at === this.#text.length) return {kind: 'all'}
    const ast = this.#or()
    if (this.#at < this.#text.length) throw this.#fault('expected an operator or the end')
    return ast
  }

  #or(): Selector {
    return this.#chain('||', 'or', () => this.#chain('&&', 'and', () => this.#operation()))
  }

  #chain(operator: string, kind: 'and' | 'or', next: () => Selector): Selector {
    const operands = [next()]
    while (this.#take(operator)) operands.push(next())
    return operands.length === 1 ? operands[0]! : {kind, operands}
  }

  #operation(): Selector {
    let negations = 0
    while (this.#take('!')) if (++negations > MAX_DEPTH) throw this.#fault('too many negations')
    let ast = this.#primary()
    for (; negations > 0; negations--) ast = {kind: 'not', operand: ast}
    return ast
  }

  #primary(): Selector {
    if (this.#take('(')) {
      if (++this.#depth > MAX_DEPTH) throw this.#fault('nested too deeply')
      const inner = this.#or()
      if (!this.#take(')')) throw this.#fault('expected ")"')
      this.#depth--
      return inner
    }
    const call = this.#match(CALL)
    if (call) return {kind: call[1] === 'all' ? 'all' : 'global'}
    if (this.#match(HAS)) {
      const label = this.#label()
      if (!this.#take(')')) throw this.#fault('expected ")" after the label')
      return {kind: 'has', label}
    }
    return this.#comparison(this.#label())
  }

  #comparison(label: string): Selector {
    if (this.#take('==')) return {kind: 'equal', label, value: this.#string()}
    if (this.#take('!=')) return {kind: 'not-equal', label, value: this.#string()}
    const word = this.#match(WORD)?.[1]?.replaceAll(/[ \t]/g, '')
    if (word === undefined) throw this.#fault(`expected an operator after the label ${label}`)
    if (word === 'in') return {kind: 'in', label, values: this.#set()}
    if (word === 'notin') return {kind: 'not-in', label, values: this.#set()}
    const kind: Comparison = word === 'contains' ? 'contains' : word === 'startswith' ? 'starts-with' : 'ends-with'
    return {kind, label, value: this.#string()}
  }

  #set(): string[] {
    if (!this.#take('{')) throw this.#fault('expected a set in braces')
    const values: string[] = []
    while (!this.#take('}')) {
      values.push(this.#string())
      if (this.#take(',')) continue
      if (this.#take('}')) return values
      throw this.#fault('expected "," or "}"')
    }
    return values
  }

  #string(): string {
    const quote = this.#text[this.#at]
    if (quote !== '"' && quote !== "'") throw this.#fault('expected a quoted string')
    const end = this.#text.indexOf(quote, this.#at + 1)
    if (end < 0) throw this.#fault('this string has no end')
    const value = this.#text.slice(this.#at + 1, end)
    this.#at = end + 1
    this.#space()
    return value
  }

  #label(): string {
    const label = this.#match(LABEL)?.[0]
    if (label === undefined) throw this.#fault('expected a label, "(", "!", "has(" or "all()"')
    if (LABEL_CHARACTER.test(this.#text[this.#at] ?? '') && label.length === 512) {
      throw this.#fault('a label has at most 512 characters')
    }
    return label
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (!found) return null
    this.#at += found[0].length
    this.#space()
    return found
  }

  #take(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false
    this.#at += token.length
    this.#space()
    return true
  }

  #space(): void {
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++
  }

  #fault(message: string): SyntaxFault {
    return new SyntaxFault(this.#at, message)
  }
}
