import type {CliContext} from './context.ts'

const CODES = {good: 32, unsure: 33, bad: 31} as const

/** Words of states, BIRD's among them; what is not here says neither. */
const WORDS: Readonly<Record<keyof typeof CODES, readonly string[]>> = {
  good: ['up', 'Up', 'Established', 'synced', 'fresh', 'yes', 'all', 'held', 'ok'],
  unsure: [
    ...['from disk', 'waiting', 'suspect', 'no packets', 'documents', 'warning', 'create', 'update', 'delete', 'kept'],
    ...['Active', 'Connect', 'OpenSent', 'OpenConfirm', 'Init'],
  ],
  bad: [
    ...['down', 'Down', 'AdminDown', 'Idle', 'absent', 'stale', 'withdrawn', 'forgotten', 'nothing', 'no', 'error'],
    ...['conflict', 'failed'],
  ],
}

const CODE_OF = new Map(
  (['good', 'unsure', 'bad'] as const).flatMap((sort) => WORDS[sort].map((word) => [word, CODES[sort]] as const)),
)

/** Colours a word of state, for a person at a terminal who has not said that there shall be none (no-color.org). */
export function painterOf({terminal, env}: Pick<CliContext, 'terminal' | 'env'>): (word: string) => string {
  if (!terminal.out || env.TERM === 'dumb' || (env.NO_COLOR ?? '') !== '') return (word) => word
  return (word) => {
    const code = CODE_OF.get(word)
    return code === undefined ? word : `\x1b[${code}m${word}\x1b[0m`
  }
}
