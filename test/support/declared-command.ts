import type {Command, Option} from 'commander'
import {kindTyped} from '../../src/cli/kinds.ts'
import {storedKinds} from '../../src/cli/stored-documents.ts'

/** What stands for something else, in usage: `SITE`, `FILE|rollback`, `…`. */
const isPlaceholder = (word: string): boolean => /^[A-Z][A-Z,:/…]*$|[…|]/.test(word)

/**
 * What is wrong with a command line, by the commands as they are declared; nothing is run. `isWhole`: it must have what the command
 * cannot do without.
 */
export async function wrongWith(program: Command, words: readonly string[], isWhole: boolean): Promise<string[]> {
  const wrong: string[] = []
  const given: string[] = []
  let command = program
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!.replaceAll(/^\[|\]$|^\(|\)$/g, '')
    if (word === '…' || word === '') continue
    if (word.startsWith('-') && word !== '-') {
      const [flag, inline] = word.split('=')
      const option = optionNamed(command, flag!)
      if (!option && flag !== '--help') wrong.push(`no option ${flag}`)
      if (!option?.required) continue
      const value = inline ?? words[++index]?.replace(/\]$/, '')
      if (value === undefined && isWhole) wrong.push(`${flag} without a value`)
      if (value !== undefined) wrong.push(...notAmong(flag!, option.argChoices, value))
      continue
    }
    const inner = given.length === 0 ? innerOf(command, word) : []
    if (inner.length > 0) command = inner[0]!
    else given.push(word)
  }
  const {registeredArguments: declared} = command
  if (command.commands.length > 0 && declared.length === 0) {
    // What has options of its own does something without one of its commands: `diagnose`.
    if (given.length > 0) wrong.push(`no command ${given[0]}`)
    else if (isWhole && command.options.length === 0) wrong.push('a group of commands')
    return wrong
  }
  const most = declared.at(-1)?.variadic ? Number.POSITIVE_INFINITY : declared.length
  if (given.length > most) wrong.push(`one too many: ${given[most]}`)
  const least = declared.filter(({required}) => required).length
  if (isWhole && given.length < least) wrong.push(`without ${declared[given.length]!.name()}`)
  for (const [index, value] of given.entries()) {
    const argument = declared[Math.min(index, declared.length - 1)]
    wrong.push(...notAmong(argument?.name() ?? '', argument?.argChoices, value))
    if (argument?.name() === 'kind' && !isPlaceholder(value) && !kindTyped(value)) {
      if ((await storedKinds(value)).length === 0) wrong.push(`no kind ${value}`)
    }
  }
  return wrong
}

/** `drain|undrain` are both looked for. */
function innerOf(command: Command, word: string): readonly Command[] {
  const names = word.split('|')
  const found = names.map((name) => command.commands.find((one) => one.name() === name))
  return found.every((one) => one !== undefined) ? found : []
}

function optionNamed(command: Command, flag: string): Option | null {
  for (let one: Command | null = command; one; one = one.parent) {
    const found = one.options.find(({long, short}) => long === flag || short === flag)
    if (found) return found
  }
  return null
}

const notAmong = (what: string, choices: readonly string[] | undefined, value: string): string[] =>
  choices && !isPlaceholder(value) && !choices.includes(value) ? [`${what} is none of ${choices}: ${value}`] : []
