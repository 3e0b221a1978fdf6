/** What is wrong with one field; an error makes the whole record absent, a warning leaves it standing. */
export interface Problem {
  readonly path: string
  readonly detail: string
  readonly severity: 'error' | 'warning'
  readonly code: 'record-invalid' | 'record-name-mismatch' | 'selector-invalid' | 'document-too-large'
}

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * One object of a parsed value, read field by field; what is of the wrong type is noted with its path.
 *
 * Missing, `null` and empty are the same thing (Go's `omitempty`, calico-model 2.1), so every reader has an empty
 * answer and a decoder never meets `undefined`. Fields nobody asks for are never looked at: newer versions add some.
 */
export class Fields {
  readonly path: string
  readonly #value: Json
  readonly #problems: Problem[]

  constructor(value: unknown, path: string, problems: Problem[]) {
    this.path = path
    this.#problems = problems
    this.#value = isObject(value) ? value : {}
    if (value !== undefined && value !== null && !isObject(value)) this.fail('', 'not an object')
  }

  #at(name: string): string {
    if (name === '') return this.path
    return this.path === '' ? name : `${this.path}.${name}`
  }

  /** Notes that the record cannot count. */
  fail(name: string, detail: string): void {
    this.#problems.push({path: this.#at(name), detail, severity: 'error', code: 'record-invalid'})
  }

  /** Notes that a field contradicts the key. */
  differ(name: string, detail: string): void {
    this.#problems.push({path: this.#at(name), detail, severity: 'error', code: 'record-name-mismatch'})
  }

  /** Notes a selector that cannot be understood; `name` may be a path. */
  failSelector(name: string, detail: string): void {
    this.#problems.push({path: this.#at(name), detail, severity: 'error', code: 'selector-invalid'})
  }

  /** Notes that there is more of something than one document may have. */
  exceed(name: string, detail: string): void {
    this.#problems.push({path: this.#at(name), detail, severity: 'error', code: 'document-too-large'})
  }

  warn(name: string, detail: string): void {
    this.#problems.push({path: this.#at(name), detail, severity: 'warning', code: 'record-invalid'})
  }

  raw(name: string): unknown {
    const value = Object.hasOwn(this.#value, name) ? this.#value[name] : undefined
    return value === null ? undefined : value
  }

  has(name: string): boolean {
    return this.raw(name) !== undefined
  }

  /** The string, or `''`. */
  text(name: string): string {
    const value = this.raw(name)
    if (value === undefined) return ''
    if (typeof value === 'string') return value
    this.fail(name, 'not a string')
    return ''
  }

  flag(name: string): boolean {
    const value = this.raw(name)
    if (typeof value === 'boolean') return value
    if (value !== undefined) this.fail(name, 'not a boolean')
    return false
  }

  /** A finite number, or `null` when the field is missing. Integers beyond 2^53 are `bigint` and no number here. */
  number(name: string): number | null {
    const value = this.raw(name)
    if (value === undefined) return null
    if (typeof value === 'number' && Number.isFinite(value)) return value
    this.fail(name, 'not a number')
    return null
  }

  integer(name: string, least: number, most: number): number | null {
    const value = this.number(name)
    if (value === null) return null
    if (Number.isInteger(value) && value >= least && value <= most) return value
    this.fail(name, `${value} is not an integer from ${least} to ${most}`)
    return null
  }

  object(name: string): Fields {
    return new Fields(this.raw(name), this.#at(name), this.#problems)
  }

  list(name: string): readonly unknown[] {
    const value = this.raw(name)
    if (value === undefined) return []
    if (Array.isArray(value)) return value
    this.fail(name, 'not a list')
    return []
  }

  objects(name: string): Fields[] {
    return this.list(name).map((item, i) => new Fields(item, `${this.#at(name)}[${i}]`, this.#problems))
  }

  /** A list of strings; `parse` gives `null` for one that is wrong, which `onBad` (an error, usually) then notes. */
  parsed<T>(name: string, parse: (text: string) => T | null, rule: string, onBad: 'fail' | 'warn' = 'fail'): T[] {
    const found: T[] = []
    for (const [i, item] of this.list(name).entries()) {
      const value = typeof item === 'string' ? parse(item) : null
      if (value !== null) found.push(value)
      else this[onBad](`${name}[${i}]`, `${show(item)} is not ${rule}`)
    }
    return found
  }

  texts(name: string): string[] {
    return this.parsed(name, (text) => text, 'a string')
  }

  /** A map of strings, in the order of the names: equal maps become equal text. */
  labels(name: string): Record<string, string> {
    const entries: [string, string][] = []
    const value = this.raw(name)
    if (value !== undefined && !isObject(value)) this.fail(name, 'not an object')
    for (const [key, label] of isObject(value) ? Object.entries(value) : []) {
      if (typeof label === 'string') entries.push([key, label])
      else this.fail(`${name}.${key}`, 'not a string')
    }
    // fromEntries defines own properties, so that a label named `__proto__` is a label and nothing else.
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** One of the given words; `fallback` when missing. */
  word<T extends string>(name: string, words: readonly T[], fallback: T): T {
    const value = this.text(name)
    if (value === '') return fallback
    const found = words.find((word) => word === value)
    if (found === undefined) this.fail(name, `${show(value)} is none of ${words.join(', ')}`)
    return found ?? fallback
  }
}

/** A value for a message: short, on one line. What is nested is only named: it may be too deep to print. */
export function show(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (typeof value === 'object') return Array.isArray(value) ? 'a list' : 'an object'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}
