import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  parseDocument,
  visit,
} from 'yaml'
import type {Path, Position} from './path.ts'

/** What makes a text no YAML, or YAML that has no plain value. */
export interface YamlFault extends Position {
  readonly message: string
}

/** One document. `value` is null where there are faults, and where the document is empty. */
export interface YamlDocument {
  readonly value: unknown
  readonly faults: readonly YamlFault[]
  readonly start: Position
  /** Where the value at the path stands, or the nearest parent that exists: a key that is missing has no place. */
  at(path: Path): Position
  has(path: Path): boolean
}

// Warnings of the parser are faults of ours: nothing of it may go to the process' own stderr. Its look for keys that are there
// twice compares each with each, which of a megabyte takes minutes: ours is below.
const OPTIONS = {prettyErrors: false, logLevel: 'error', uniqueKeys: false} as const
/** Each is looked for from the top of its document. */
const MOST_ALIASES = 1000

/** A text that is one document; a second one in it is a fault. */
export function readYaml(text: string): YamlDocument {
  const lines = new LineCounter()
  return located(parseDocument(text, {...OPTIONS, lineCounter: lines}), lines)
}

/** A text of any number of documents; the empty ones between `---` are left out. */
export function readYamlStream(text: string): YamlDocument[] {
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, {...OPTIONS, lineCounter: lines})
  const all = Array.isArray(documents) ? documents : []
  return all
    .map((document) => located(document, lines))
    .filter(({value, faults}) => value !== null || faults.length > 0)
}

function located(document: Document.Parsed, lines: LineCounter): YamlDocument {
  const position = (offset: number): Position => {
    const {line, col} = lines.linePos(offset)
    return {line, column: col}
  }
  const said = [...document.errors, ...document.warnings].map(({pos, message}) => ({at: pos[0], message}))
  const faults: YamlFault[] = [...said, ...lookThrough(document)]
    .toSorted((a, b) => a.at - b.at)
    .map(({at, message}) => ({...position(at), message}))
  const start = position(document.contents?.range?.[0] ?? document.range[0])
  let value: unknown = null
  if (faults.length === 0) {
    try {
      value = document.toJS() ?? null
    } catch (error) {
      // Aliases that would expand without end; everything else the parser has said before.
      faults.push({...start, message: error instanceof Error ? error.message : String(error)})
    }
  }
  return {
    value,
    faults,
    start,
    at: (path) => position(offsetOf(document.contents, path)),
    has: (path) => document.hasIn(path),
  }
}

/** Keys that are there twice, and too many aliases. */
function lookThrough(document: Document.Parsed): {readonly at: number; readonly message: string}[] {
  const found: {at: number; message: string}[] = []
  let aliases = 0
  visit(document, {
    Map(_, {items}) {
      const seen = new Set<unknown>()
      for (const {key} of items) {
        if (!isScalar(key)) continue
        if (seen.has(key.value)) found.push({at: key.range?.[0] ?? 0, message: 'Map keys must be unique'})
        seen.add(key.value)
      }
    },
    Alias() {
      aliases++
    },
  })
  if (aliases > MOST_ALIASES) found.push({at: 0, message: `${aliases} aliases; at most ${MOST_ALIASES}`})
  return found
}

function offsetOf(contents: unknown, path: Path): number {
  let node = contents as Node | null
  let offset = node?.range?.[0] ?? 0
  for (const part of path) {
    let next: Node | null = null
    if (isMap(node)) {
      const pair = node.items.find((item: Pair) => (isScalar(item.key) ? String(item.key.value) : '') === String(part))
      if (!pair) return offset
      offset = (pair.key as Node | null)?.range?.[0] ?? offset
      next = pair.value as Node | null
    } else if (isSeq<Node>(node) && typeof part === 'number') {
      next = node.items[part] ?? null
      offset = next?.range?.[0] ?? offset
    }
    if (!next) return offset
    node = next
  }
  return offset
}
