/** One source file as the architecture test sees it. `path` is relative to the root of the project. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

export interface Import {
  readonly specifier: string
  readonly line: number
  /** What stands between `import` and `from`; empty for a bare and a dynamic import. */
  readonly clause: string
}

/** Where a regular expression may begin: after these a `/` is no division. */
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+<>~^%*-]|=>|\b(?:return|case|typeof|in|of|await|yield|throw))\s*$/

/**
 * The text with comments, the contents of strings and regular expressions blanked, at the same offsets: what is left
 * is code. Expressions inside template strings stay code.
 */
export function blankNonCode(text: string): string {
  const out = text.split('')
  const blank = (from: number, to: number): void => {
    for (let at = from; at < to; at++) if (out[at] !== '\n') out[at] = ' '
  }
  /** Depth of braces at which each open template expression ends. */
  const templates: number[] = []
  let depth = 0
  let at = 0
  const template = (from: number): void => {
    let end = from
    while (end < text.length && text[end] !== '`' && !text.startsWith('${', end)) end += text[end] === '\\' ? 2 : 1
    blank(from, end)
    if (text.startsWith('${', end)) {
      templates.push(depth++)
      end++
    }
    at = end + 1
  }
  while (at < text.length) {
    const char = text[at]
    if (text.startsWith('//', at)) {
      const end = text.indexOf('\n', at)
      const stop = end < 0 ? text.length : end
      blank(at, stop)
      at = stop
    } else if (text.startsWith('/*', at)) {
      const end = text.indexOf('*/', at + 2)
      const stop = end < 0 ? text.length : end + 2
      blank(at, stop)
      at = stop
    } else if (char === "'" || char === '"') {
      const end = endOfLiteral(text, at + 1, char)
      blank(at + 1, end)
      at = end + 1
    } else if (char === '`') {
      template(at + 1)
    } else if (char === '/' && BEFORE_REGEX.test(out.slice(Math.max(0, at - 40), at).join(''))) {
      const end = endOfRegex(text, at + 1)
      blank(at + 1, end)
      at = end + 1
    } else {
      if (char === '{') depth++
      if (char === '}' && --depth === templates.at(-1)) {
        templates.pop()
        template(at + 1)
        continue
      }
      at++
    }
  }
  return out.join('')
}

function endOfLiteral(text: string, from: number, quote: string): number {
  let at = from
  while (at < text.length && text[at] !== quote && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1
  return at
}

function endOfRegex(text: string, from: number): number {
  let inClass = false
  for (let at = from; at < text.length && text[at] !== '\n'; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '[') inClass = true
    else if (text[at] === ']') inClass = false
    else if (text[at] === '/' && !inClass) return at
  }
  return from
}

const STATIC = /(?<![.\w$])(?:import|export)(?<clause>[\s\w{},*$]*?)(?<![\w$])from\s*(?=['"])/g
const BARE = /(?<![.\w$])import\s*(?=['"])/g
const CALLED = /(?<![.\w$])(?:import|require)\s*\(\s*(?=['"`])/g

/** Every module that a file names: `import … from`, `export … from`, `import '…'`, `import('…')`, `require('…')`. */
export function importsOf(text: string): Import[] {
  const code = blankNonCode(text)
  const found: (Import & {readonly offset: number})[] = []
  for (const pattern of [STATIC, BARE, CALLED]) {
    for (const match of code.matchAll(pattern)) {
      const start = match.index + match[0].length
      const specifier = text.slice(start + 1, endOfLiteral(text, start + 1, text[start]!))
      const line = text.slice(0, start).split('\n').length
      found.push({specifier, line, clause: match.groups?.clause?.trim() ?? '', offset: start})
    }
  }
  return found.sort((a, b) => a.offset - b.offset).map(({specifier, line, clause}) => ({specifier, line, clause}))
}
