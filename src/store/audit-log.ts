import {mkdir, open, readFile, rename} from 'node:fs/promises'
import {join} from 'node:path'
import {isMissing} from '../model/index.ts'

/** Of one file; so many of them are kept, the oldest goes. */
const MOST_BYTES = 1024 * 1024
const MOST_FILES = 16

/** Two lines a change: one before it is made, one when it is known what became of it. */
export interface AuditLine {
  /** The same of both, and greater than of all before. */
  readonly number: number
  readonly [word: string]: unknown
}

/** Changes, each line on disk before it counts; nothing is ever written over. */
export interface AuditLog {
  /** The last line of the runs before. */
  readonly newest: AuditLine | null
  /** Rejects where it is not on disk; then nothing of it is. */
  append(line: AuditLine): Promise<void>
  /** Backwards; what cannot be read is left out. */
  backwards(): AsyncGenerator<AuditLine>
}

const fileOf = (stateDir: string, age: number): string =>
  join(stateDir, 'audit', age === 0 ? 'audit.jsonl' : `audit.${age}.jsonl`)

export async function openAuditLog(stateDir: string): Promise<AuditLog> {
  let turn: Promise<unknown> = Promise.resolve()

  const linesOf = async (age: number): Promise<AuditLine[]> => {
    const text = await readFile(fileOf(stateDir, age), 'utf8').catch((error) => {
      if (isMissing(error)) return ''
      throw error
    })
    return text.split('\n').flatMap(parseLine).reverse()
  }
  async function* backwards(): AsyncGenerator<AuditLine> {
    for (let age = 0; age < MOST_FILES; age++) yield* await linesOf(age)
  }
  // One that cannot be read keeps changes from being made, and no gateway from its start.
  const newest = await backwards()
    .next()
    .then(
      ({value = null}) => value,
      () => null,
    )

  const write = async (text: string): Promise<number> => {
    await mkdir(join(stateDir, 'audit'), {recursive: true, mode: 0o700})
    await using file = await open(fileOf(stateDir, 0), 'a+', 0o600)
    const {size} = await file.stat()
    try {
      // What a crash has cut off would swallow the line after it.
      const end = size === 0 ? '\n' : (await file.read(Buffer.alloc(1), 0, 1, size - 1)).buffer.toString()
      await file.appendFile(end === '\n' ? text : `\n${text}`)
      await file.sync()
      return size + text.length
    } catch (error) {
      // Of a line that a full disk took in part nothing stays.
      await file.truncate(size)
      throw error
    }
  }
  const rotate = async (): Promise<void> => {
    for (let age = MOST_FILES - 2; age >= 0; age--) {
      await rename(fileOf(stateDir, age), fileOf(stateDir, age + 1)).catch((error) => {
        if (!isMissing(error)) throw error
      })
    }
  }

  return {
    newest,
    append(line) {
      const work = turn.then(async () => {
        const size = await write(`${JSON.stringify(line)}\n`)
        if (size > MOST_BYTES) await rotate()
      })
      turn = work.catch(() => undefined)
      return work
    },
    backwards,
  }
}

function parseLine(text: string): AuditLine[] {
  try {
    const value: unknown = JSON.parse(text)
    const isLine = typeof value === 'object' && value !== null && 'number' in value && Number.isInteger(value.number)
    return isLine ? [value as AuditLine] : []
  } catch (error) {
    if (error instanceof SyntaxError) return []
    throw error
  }
}
