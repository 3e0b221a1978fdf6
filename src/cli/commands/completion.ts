import {Argument, Command} from 'commander'
import {KINDS, type Kind} from '../../api/client.ts'
import {columnsAt, nameOf} from '../columns.ts'
import {type Completion, completionOf} from '../complete.ts'
import {type CliContext, EXIT} from '../context.ts'
import {kindTyped, STORED, singularOf} from '../kinds.ts'
import type {Finish} from '../run-cli.ts'
import {splitShellLine} from '../shell-line.ts'
import {wordOf} from '../sort-rows.ts'

const SCRIPTS = {
  // COMP_WORDS is cut at colons and equal signs, which names hold: the line itself is read, and bash told the rest of a word.
  bash: `# isthmus: completion for bash. In ~/.bashrc: eval "$(isthmus completion bash)"
_isthmus() {
  local IFS=$'\\n'
  COMPREPLY=($(isthmus __complete bash -- "\${COMP_LINE:0:COMP_POINT}" "\${COMP_WORDS[COMP_CWORD]}" 2>/dev/null))
}
complete -o default -F _isthmus isthmus
`,
  zsh: `#compdef isthmus
# isthmus: completion for zsh. In ~/.zshrc, after compinit: eval "$(isthmus completion zsh)"
_isthmus() {
  local -a found
  found=("\${(@f)$(isthmus __complete zsh -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  found=(\${found:#})
  if (( \${#found} )); then compadd -a found; else _files; fi
}
compdef _isthmus isthmus
`,
} as const
type Shell = keyof typeof SCRIPTS
const SHELLS = Object.keys(SCRIPTS)

/** `isthmus completion bash|zsh`: a script that asks `isthmus __complete` at each TAB. */
export function completionCommand(context: CliContext, finish: Finish): Command {
  return new Command('completion')
    .description('completion of command lines, as a script for a shell')
    .addArgument(new Argument('<shell>', 'which').choices(SHELLS))
    .action((shell: Shell) => {
      context.out(SCRIPTS[shell])
      finish(EXIT.fine)
    })
}

/** A gateway that does not answer at once must not be waited for at each TAB. */
const ANSWER_MS = 400
const MOST_NAMES = 500

/** For the scripts: words that may stand where the last one is, a line each. */
export function completeCommand(context: CliContext, finish: Finish, program: () => Command): Command {
  return new Command('__complete')
    .argument('<shell>')
    .argument('[words...]')
    .action(async (shell: string, words: readonly string[], _: unknown, command: Command) => {
      finish(EXIT.fine)
      const {socket} = command.optsWithGlobals<{socket: string}>()
      if (shell !== 'bash') {
        const found = await wordsFor(context, completionOf(program(), words), socketIn(words) ?? socket)
        context.out(lines(found.filter((word) => word.startsWith(words.at(-1) ?? ''))))
        return
      }
      const [line = '', part = ''] = words
      const parsed = splitShellLine(line)
      const given = parsed.words.slice(1)
      const current = given.at(-1) ?? ''
      const found = await wordsFor(context, completionOf(program(), given), socketIn(given) ?? socket)
      // What bash has before the part of the word that it replaces.
      const before = Math.max(0, parsed.raw.length - part.length)
      context.out(
        lines(found.filter((word) => word.startsWith(current)).map((word) => parsed.quote(word).slice(before))),
      )
    })
}

const lines = (words: readonly string[]): string => words.map((word) => `${word}\n`).join('')

function socketIn(words: readonly string[]): string | null {
  const at = words.indexOf('--socket')
  return (at < 0 ? null : words[at + 1]) ?? null
}

async function wordsFor(context: CliContext, completion: Completion, socket: string): Promise<readonly string[]> {
  if ('words' in completion) return completion.words
  if ('files' in completion) return []
  if ('kinds' in completion) {
    if (completion.kinds === 'singular') return KINDS.map(singularOf)
    return completion.kinds === 'stored' ? ['tiers', ...STORED] : [...KINDS, ...STORED]
  }
  if ('columnsOf' in completion) {
    const kind = kindTyped(completion.columnsOf)
    return kind === null ? [] : columnsAt(0)[kind].map(({title}) => wordOf(title))
  }
  const kind = kindTyped(completion.namesOf)
  return kind === null ? [] : await namesOf(context, socket, kind)
}

async function namesOf(context: CliContext, socket: string, kind: Kind): Promise<readonly string[]> {
  const answer = await context.api(socket, ANSWER_MS).get(kind, null, {limit: MOST_NAMES})
  return answer.ok ? [...new Set(answer.value.items.map(nameOf))] : []
}
