import type {FindingCode} from '../model/index.ts'
import type {Path} from '../yaml/index.ts'

/** What is wrong at one place of a document, and what would be right. */
export interface Issue {
  readonly path: Path
  readonly code: FindingCode
  readonly severity: 'error' | 'warning'
  readonly detail: string
  readonly remedy?: string
}

/** Judges one value. It notes what is wrong and goes on, so that one reading shows all of it. */
export type Shape = (value: unknown, path: Path, into: Issue[]) => void

export type Json = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export function wrong(path: Path, detail: string, remedy?: string): Issue {
  return {path, code: 'document-invalid', severity: 'error', detail, ...(remedy === undefined ? {} : {remedy})}
}

export function doubtful(path: Path, detail: string, remedy?: string): Issue {
  return {...wrong(path, detail, remedy), severity: 'warning'}
}

/** A value for a message, on one line. What is nested is only named. */
export function show(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (typeof value === 'object') return Array.isArray(value) ? 'a list' : 'a mapping'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}

/** A mapping with these fields and no others; `null` and empty are the same as missing (Go's omitempty). */
export function fields(known: Readonly<Record<string, Shape>>, required: readonly string[] = []): Shape {
  return (value, path, into) => {
    if (!isObject(value)) {
      into.push(wrong(path, `${show(value)} is no mapping`, `fields of it are ${namesOf(known).join(', ')}`))
      return
    }
    for (const [name, inner] of Object.entries(value)) {
      const shape = Object.hasOwn(known, name) ? known[name] : undefined
      if (!shape) into.push(unknownField([...path, name], name, namesOf(known)))
      else if (inner !== null && inner !== '') shape(inner, [...path, name], into)
    }
    for (const name of required) {
      if (!Object.hasOwn(value, name) || value[name] === null || value[name] === '') {
        into.push(wrong([...path, name], 'missing, and required'))
      }
    }
  }
}

/** A shape, and what must hold between the fields of the mapping. */
export function also(shape: Shape, check: (value: Json, path: Path, into: Issue[]) => void): Shape {
  return (value, path, into) => {
    shape(value, path, into)
    if (isObject(value)) check(value, path, into)
  }
}

export function listOf(item: Shape, most = Number.POSITIVE_INFINITY, remedy?: string): Shape {
  return (value, path, into) => {
    if (!Array.isArray(value)) {
      into.push(wrong(path, `${show(value)} is no list`, 'write [ITEM, …], or a line `- ITEM` for each'))
      return
    }
    if (value.length > most) into.push(wrong(path, `${value.length} items, and ${most} are the most`, remedy))
    for (const [index, inner] of value.entries()) item(inner, [...path, index], into)
  }
}

/** A string for which `fault` has nothing to say. */
export function text(fault: (value: string) => {detail: string; remedy?: string} | null = () => null): Shape {
  return (value, path, into) => {
    if (typeof value !== 'string') {
      const isScalar = typeof value === 'number' || typeof value === 'boolean'
      into.push(wrong(path, `${show(value)} is no string`, isScalar ? `put it in quotes: "${value}"` : undefined))
      return
    }
    const found = fault(value)
    if (found) into.push(wrong(path, found.detail, found.remedy))
  }
}

export const flag: Shape = (value, path, into) => {
  if (typeof value !== 'boolean') into.push(wrong(path, `${show(value)} is neither true nor false`))
}

export const number: Shape = (value, path, into) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) into.push(wrong(path, `${show(value)} is no number`))
}

export function integer(least: number, most: number): Shape {
  return (value, path, into) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
      into.push(wrong(path, `${show(value)} is no integer from ${least} to ${most}`))
    }
  }
}

export function oneOf(words: readonly (string | number)[]): Shape {
  return (value, path, into) => {
    if (words.some((word) => word === value)) return
    const near = words.find((word) => String(word).toLowerCase() === String(value).toLowerCase())
    into.push(
      wrong(path, `${show(value)} is none of ${words.join(', ')}`, near === undefined ? undefined : `write ${near}`),
    )
  }
}

/** What is accepted and not looked into: written by Calico's own programs, and dropped. */
export const anything: Shape = () => undefined

/** What people write; the rest is accepted because programs print it. */
const namesOf = (known: Readonly<Record<string, Shape>>): string[] =>
  Object.keys(known).filter((name) => known[name] !== anything)

function unknownField(path: Path, name: string, known: readonly string[]): Issue {
  const near = known
    .map((word) => ({word, distance: distanceOf(word.toLowerCase(), name.toLowerCase())}))
    .sort((a, b) => a.distance - b.distance)[0]
  const isTypo = near !== undefined && near.distance <= (name.length < 4 ? 1 : 2)
  return {
    path,
    code: 'document-unknown-field',
    severity: 'error',
    detail: `unknown field ${show(name)}`,
    remedy: isTypo ? `${near.word} is meant?` : `known here: ${known.join(', ')}`,
  }
}

/** Edit distance; field names are short, and what is longer is no misspelling. */
function distanceOf(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 3) return Number.POSITIVE_INFINITY
  let row = Array.from({length: b.length + 1}, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}
