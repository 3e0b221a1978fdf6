import {createLibraryRunner} from './library.ts'
import {createProcessRunner} from './process.ts'

/** nft's own words about one line of a script; line 0 when it does not say. */
export interface NftError {
  readonly line: number
  readonly words: string
}

/** The two ways to nft. Calls are one at a time: a context of the library is not safe for two. */
export interface NftRunner {
  readonly kind: 'library' | 'process'
  /** One script, one transaction: null when it is in force, nft's words when nothing of it is. */
  run(script: string): Promise<string | null>
  /** What is wrong with a script that failed, by line; changes nothing. */
  explain(script: string): Promise<readonly NftError[]>
  /** Output of a list command, as JSON or text; null when it fails. Costs a read of all tables of the namespace. */
  list(command: string, format: 'json' | 'text'): Promise<string | null>
  close(): void
}

/** Chosen once, at start: the library in process, or the `nft` program where the library is missing. */
export function createNftRunner(): NftRunner {
  return createLibraryRunner() ?? createProcessRunner()
}

/** Reads `FILE:LINE:COLUMNS: Error: WORDS` as nft prints it for scripts from a file. */
export function parseErrors(text: string): NftError[] {
  const errors: NftError[] = []
  for (const line of text.split('\n')) {
    const placed = /:(\d+):\d+-\d+: Error: (.*)$/.exec(line)
    if (placed) errors.push({line: Number(placed[1]), words: placed[2]!})
    else if (line.includes('Error:')) errors.push({line: 0, words: line.slice(line.indexOf('Error:') + 7)})
  }
  return errors
}

/** The first error's words, for a person. */
export function firstWords(text: string): string {
  return parseErrors(text)[0]?.words ?? (text.trim() || 'nft failed without a word')
}
