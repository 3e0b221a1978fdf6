import {readFileSync} from 'node:fs'
import {isMap, isSeq, LineCounter, parseDocument} from 'yaml'

type Path = readonly PropertyKey[]

/** One YAML file as read: its value, and on which line each part of it stands. */
export interface Source {
  readonly file: string
  readonly value: unknown
  /** Line of the deepest part of the path that is there: what is missing is told of where it would have to be. */
  readonly lineOf: (path: Path) => number
}

/** Reads a YAML file; what is wrong with it goes to `problems`, and the answer is then null. */
export function readSource(file: string, problems: string[]): Source | null {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    problems.push(`${file}: cannot be read: ${error instanceof Error ? error.message : String(error)}`)
    return null
  }
  const lines = new LineCounter()
  const document = parseDocument(text, {lineCounter: lines, prettyErrors: false})
  if (document.errors.length > 0) {
    for (const {pos, message} of document.errors) {
      problems.push(`${file}:${lines.linePos(pos[0]).line}: not YAML: ${message}`)
    }
    return null
  }
  const lineOf = (path: Path): number => {
    let node: unknown = document.contents
    let offset = 0
    for (const part of path) {
      if (isMap<{value: unknown; range?: [number, number, number]}>(node)) {
        // The key's line, not the value's, which in a block begins below it.
        const pair = node.items.find(({key}) => key.value === part)
        if (!pair) break
        offset = pair.key.range?.[0] ?? offset
        node = pair.value
      } else if (isSeq<{range?: [number, number, number]}>(node) && typeof part === 'number') {
        const item = node.items[part]
        if (!item) break
        offset = item.range?.[0] ?? offset
        node = item
      } else break
    }
    return lines.linePos(offset).line
  }
  return {file, value: document.toJS() as unknown, lineOf}
}
