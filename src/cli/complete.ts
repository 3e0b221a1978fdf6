import type {Command, Option} from 'commander'

/** What may stand where the last of some words is. */
export type Completion =
  | {readonly words: readonly string[]}
  /** Names of objects of a kind, as it was typed. */
  | {readonly namesOf: string}
  /** Columns that objects of a kind may be sorted by. */
  | {readonly columnsOf: string}
  /** Of the gateway, as many or as one of them; or of documents. */
  | {readonly kinds: 'all' | 'singular' | 'stored'}
  | {readonly files: true}

const NONE: Completion = {words: []}

/**
 * What may come next on a command line, from the tree of commands alone: whatever a command takes is known here at once.
 * `words` are those after the program's name, the last one being typed.
 */
export function completionOf(program: Command, words: readonly string[]): Completion {
  const current = words.at(-1) ?? ''
  const {command, given, waiting} = walk(program, words.slice(0, -1))
  if (waiting) return valuesOf(waiting, given)
  const [, long, isValue] = /^(--[\w-]+)(=?)/.exec(current) ?? []
  if (long !== undefined && isValue === '=') {
    const values = valuesOf(optionNamed(command, long), given)
    return 'words' in values ? {words: values.words.map((value) => `${long}=${value}`)} : NONE
  }
  if (current.startsWith('-')) return {words: flagsOf(command)}
  const subcommands =
    given.length === 0 ? command.commands.filter((one) => !isHidden(one)).map((one) => one.name()) : []
  const argument = command.registeredArguments[Math.min(given.length, command.registeredArguments.length - 1)]
  if (subcommands.length > 0 && !argument) return {words: subcommands}
  if (!argument || (given.length >= command.registeredArguments.length && !argument.variadic)) return NONE
  return argumentValues(command, argument.name().toLowerCase(), argument.argChoices, given)
}

interface Walked {
  readonly command: Command
  /** Arguments of that command. */
  readonly given: readonly string[]
  /** An option that waits for its value. */
  readonly waiting: Option | null
}

function walk(program: Command, words: readonly string[]): Walked {
  let command = program
  let given: string[] = []
  let waiting: Option | null = null
  for (const word of words) {
    if (waiting) waiting = null
    else if (word.startsWith('-') && word !== '-') {
      const option = optionNamed(command, word)
      waiting = option && (option.required || option.optional) && !word.includes('=') ? option : null
    } else {
      const inner =
        given.length === 0
          ? command.commands.find((one) => one.name() === word || one.aliases().includes(word))
          : undefined
      if (inner) [command, given] = [inner, []]
      else given = [...given, word]
    }
  }
  return {command, given, waiting}
}

function* upwards(command: Command): Generator<Command> {
  for (let one: Command | null = command; one; one = one.parent) yield one
}

function optionNamed(command: Command, word: string): Option | null {
  const flag = word.replace(/=.*/, '')
  return (
    [...upwards(command)].flatMap(({options}) => options).find(({long, short}) => flag === long || flag === short) ??
    null
  )
}

/** Long ones: who wants a short one knows it. */
const flagsOf = (command: Command): string[] =>
  [
    ...new Set(
      [...upwards(command)].flatMap(({options}) =>
        options.flatMap(({long, hidden}) => (hidden || !long ? [] : [long])),
      ),
    ),
  ]
    .concat('--help')
    .sort()

function valuesOf(option: Option | null, given: readonly string[]): Completion {
  if (option?.argChoices) return {words: option.argChoices}
  if (option?.long === '--sort-by') return {columnsOf: given[0] ?? ''}
  return option && /<(?:file|path|dir|folder)/.test(option.flags) ? {files: true} : NONE
}

function argumentValues(
  command: Command,
  name: string,
  choices: readonly string[] | undefined,
  given: readonly string[],
): Completion {
  if (choices) return {words: choices}
  if (name === 'kind') return {kinds: KINDS_FOR[command.name()] ?? 'all'}
  if (name === 'site' || name === 'peer') return {namesOf: `${name}s`}
  if (name === 'name' && command.registeredArguments[0]?.name() === 'kind') return {namesOf: given[0] ?? ''}
  return /file|path|dir|folder/.test(name) ? {files: true} : NONE
}

const KINDS_FOR: Readonly<Record<string, 'singular' | 'stored'>> = {describe: 'singular', delete: 'stored'}

/** Commander keeps it to itself. */
const isHidden = (command: Command): boolean => command.name().startsWith('__')
