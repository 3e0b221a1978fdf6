/** What a page of documentation says to type and to write. */
export interface GuideText {
  /** Command lines of its blocks, whole. */
  readonly typed: readonly Said[]
  /** Commands in the middle of a sentence: they may end early. */
  readonly named: readonly Said[]
  readonly yaml: readonly Said[]
  /** All other things in backticks. */
  readonly words: readonly Said[]
}

export interface Said {
  readonly text: string
  readonly line: number
}

export function readGuide(page: string): GuideText {
  const typed: Said[] = []
  const yaml: Said[] = []
  const prose: string[] = []
  let block: {indent: number; isYaml: boolean; line: number; lines: string[]} | null = null
  let isBefore = true
  for (const [index, text] of page.split('\n').entries()) {
    const line = index + 1
    const fence = /^( *)```(\w*)/.exec(text)
    if (fence && !block) block = {indent: fence[1]!.length, isYaml: fence[2] === 'yaml', line, lines: []}
    else if (fence && block) {
      if (block.isYaml) yaml.push({text: `${block.lines.join('\n')}\n`, line: block.line})
      block = null
    } else if (block) {
      block.lines.push(text.slice(block.indent))
      if (!block.isYaml) typed.push(...commandsIn(text, line))
    } else if (isBefore && /^ {4,}\S/.test(text)) {
      const found = commandsIn(text, line)
      typed.push(...found)
      // What a list's entry goes on with is indented as well.
      prose.push(found.length > 0 ? '' : text)
      continue
    }
    isBefore = text === '' || isBefore
    prose.push(block || fence ? '' : text)
  }
  const inline = [...prose.join('\n').matchAll(/`([^`]+)`/g)].map(({1: text, index}) => ({
    text: text!.replaceAll(/\s+/g, ' '),
    line: prose.join('\n').slice(0, index).split('\n').length,
  }))
  return {
    typed,
    yaml,
    named: inline.flatMap(({text, line}) => commandsIn(text, line)),
    words: inline.filter(({text}) => !text.startsWith('isthmus ')),
  }
}

/** Of one line: there may be a prompt before it, an explanation behind, several commands, files that it goes to. */
function commandsIn(text: string, line: number): Said[] {
  const bare = text.replace(/(?:\s+# | {3,}(?=\S)(?<=\S {3,})).*$/, '')
  return bare.split(/;|&&|\|\||\|(?= )/).flatMap((part) => {
    const [, command] = /^(?:\s*|\$ |ExecStart=.*\/|.*until )isthmus (.*)$/.exec(part.trim()) ?? []
    return command === undefined ? [] : [{text: command.replace(/\s*[<>]\s*[\w./-]+/g, ''), line}]
  })
}

/** As a shell would, but for what stands for something. */
export const wordsOf = (command: string): string[] =>
  [...command.matchAll(/"[^"]*"|'[^']*'|\S+/g)].map(([word]) => word.replaceAll(/^["']|["']$/g, ''))
