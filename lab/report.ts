import type {Result} from './steps/result.ts'

/** The verify table for people: one line a check, what was seen behind it. */
export function resultLine({ok, name, detail}: Result): string {
  return `${ok ? 'ok  ' : 'FAIL'}  ${name}${detail ? `  (${detail})` : ''}`
}

/** The answer for programs, as formats.md has it. */
export function verifyJson(scenario: string, environment: string, checks: readonly Result[]): string {
  return JSON.stringify({scenario, environment, checks, ok: checks.every(({ok}) => ok)}, null, 2)
}
