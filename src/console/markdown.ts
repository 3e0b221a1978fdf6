/** As much of Markdown as runbooks are written in. Only what is known here becomes anything; all else is text. */
export type Block =
  | {readonly kind: 'heading'; readonly level: number; readonly spans: readonly Span[]}
  | {readonly kind: 'paragraph'; readonly spans: readonly Span[]}
  | {readonly kind: 'list'; readonly ordered: boolean; readonly items: readonly (readonly Span[])[]}
  | {readonly kind: 'code'; readonly text: string}
  | {readonly kind: 'table'; readonly rows: readonly (readonly (readonly Span[])[])[]}

export type Span =
  | {readonly kind: 'text' | 'code' | 'strong'; readonly text: string}
  /** To another page of the same folder, without `.md`; an address of elsewhere stays text. */
  | {readonly kind: 'link'; readonly text: string; readonly page: string}

export function parseMarkdown(text: string): Block[] {
  const lines = text.replaceAll('\r\n', '\n').split('\n')
  const blocks: Block[] = []
  let at = 0
  const takeWhile = (isOne: (line: string) => boolean): string[] => {
    const from = at
    while (at < lines.length && isOne(lines[at]!)) at++
    return lines.slice(from, at)
  }
  while (at < lines.length) {
    const line = lines[at]!
    const heading = /^(#{1,6}) +(.*)$/.exec(line)
    if (line.trim() === '') at++
    else if (heading) {
      blocks.push({kind: 'heading', level: heading[1]!.length, spans: parseSpans(heading[2]!)})
      at++
    } else if (line.startsWith('```')) {
      at++
      blocks.push({kind: 'code', text: takeWhile((one) => !one.startsWith('```')).join('\n')})
      at++
    } else if (line.startsWith('    ')) {
      const code = takeWhile((one) => one.startsWith('    ') || one.trim() === '')
      blocks.push({
        kind: 'code',
        text: code
          .map((one) => one.slice(4))
          .join('\n')
          .trimEnd(),
      })
    } else if (line.startsWith('|')) {
      const rows = takeWhile((one) => one.startsWith('|')).filter((row) => !/^[|\s:-]+$/.test(row))
      blocks.push({kind: 'table', rows: rows.map((row) => cellsOf(row).map(parseSpans))})
    } else if (ITEM.test(line)) {
      blocks.push({kind: 'list', ordered: /^\d/.test(line), items: itemsOf(takeWhile(isOfList)).map(parseSpans)})
    } else {
      const own = takeWhile((one) => one.trim() !== '' && !/^(#{1,6} |```|\|)/.test(one) && !ITEM.test(one))
      blocks.push({kind: 'paragraph', spans: parseSpans(own.join(' '))})
    }
  }
  return blocks
}

const ITEM = /^(?:[-*]|\d+\.) +/
const isOfList = (line: string): boolean => ITEM.test(line) || /^ {2,}\S/.test(line)

function itemsOf(lines: readonly string[]): string[] {
  const items: string[] = []
  for (const line of lines) {
    if (ITEM.test(line)) items.push(line.replace(ITEM, ''))
    else items.push(`${items.pop() ?? ''} ${line.trim()}`)
  }
  return items
}

const cellsOf = (row: string): string[] =>
  row
    .replace(/^\||\|\s*$/g, '')
    .split('|')
    .map((cell) => cell.trim())

const SPAN = /`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\(([^)]+)\)/g

function parseSpans(text: string): Span[] {
  const spans: Span[] = []
  let from = 0
  const plain = (until: number): void => {
    if (until > from) spans.push({kind: 'text', text: text.slice(from, until)})
  }
  for (const match of text.matchAll(SPAN)) {
    plain(match.index)
    from = match.index + match[0].length
    const [whole, code, strong, label, target] = match
    const page = /^([\w-]+)\.md(?:#.*)?$/.exec(target ?? '')?.[1]
    if (code !== undefined) spans.push({kind: 'code', text: code})
    else if (strong !== undefined) spans.push({kind: 'strong', text: strong})
    else if (page !== undefined) spans.push({kind: 'link', text: label!, page})
    else spans.push({kind: 'text', text: label ?? whole})
  }
  plain(text.length)
  return spans
}
