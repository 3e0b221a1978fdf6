export interface ShellLine {
  /** Without their quotes; the last one is being typed. */
  readonly words: readonly string[]
  /** The last one as it stands there. */
  readonly raw: string
  /** A whole word as whoever types it has begun to quote. */
  readonly quote: (word: string) => string
}

/** Reads the beginning of a command line as a shell does, up to where it ends: in the middle of a word, or of a quote. */
export function splitShellLine(line: string): ShellLine {
  const words: string[] = []
  let word = ''
  let raw = ''
  let quote: string | null = null
  for (let at = 0; at < line.length; at++) {
    const char = line[at]!
    if (quote === null && (char === ' ' || char === '\t')) {
      if (raw !== '') words.push(word)
      word = ''
      raw = ''
      continue
    }
    raw += char
    if (quote !== null) {
      if (char === quote) quote = null
      else if (char === '\\' && quote === '"' && '\\"$`'.includes(line[at + 1] ?? ' ')) {
        const next = line[++at]!
        raw += next
        word += next
      } else word += char
    } else if (char === "'" || char === '"') quote = char
    else if (char === '\\' && at + 1 < line.length) {
      const next = line[++at]!
      raw += next
      word += next
    } else word += char
  }
  const open = quote ?? (raw.startsWith("'") || raw.startsWith('"') ? raw[0]! : null)
  return {words: [...words, word], raw, quote: (whole) => (open === null ? escaped(whole) : `${open}${whole}${open}`)}
}

const escaped = (word: string): string => word.replaceAll(/[^\w@%+=:,./-]/g, '\\$&')
