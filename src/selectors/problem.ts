import type {Parsed} from './parse.ts'

/** What would be right in the place of a selector that nobody can read: kubectl's `app=web` is the usual mistake. */
export const selectorRemedy = (given: string): string =>
  /[^=!<>]=[^=]/.test(given) || /==\s*[\w.]/.test(given)
    ? "equality is written ==, and values stand in quotes: app == 'web'"
    : "such as app == 'web' && has(tier)"

/** For somebody who typed it: where it stops making sense, and what would. */
export const selectorProblem = (given: string, {position, message}: Extract<Parsed, {ok: false}>): string =>
  `selector, at character ${position + 1}: ${message}; ${selectorRemedy(given)}`
