import {execFile} from 'node:child_process'

export interface Ran {
  readonly ok: boolean
  /** What it wrote to its standard output. */
  readonly out: string
  /** Why it failed, in its own words where it has some; empty where it did not. */
  readonly why: string
}

/** A table with a million elements is some 100 MB of JSON. */
const MOST_BYTES = 1 << 30

/** Runs a program of the machine, without a shell. Never rejects. `timeoutMs` 0: however long it takes. */
export function runProgram(
  file: string,
  args: readonly string[],
  {signal, timeoutMs = 0}: {readonly signal?: AbortSignal; readonly timeoutMs?: number} = {},
): Promise<Ran> {
  const options = {maxBuffer: MOST_BYTES, timeout: timeoutMs, encoding: 'utf8', ...(signal ? {signal} : {})} as const
  return new Promise((resolve) => {
    execFile(file, [...args], options, (error, out, stderr) => {
      if (!error) return resolve({ok: true, out, why: ''})
      const isLate = error.killed === true && (error.code ?? null) === null
      const late = isLate ? `no answer within ${timeoutMs / 1000} s` : null
      const missing = error.code === 'ENOENT' ? 'not found' : null
      resolve({ok: false, out, why: missing ?? late ?? (stderr.trim() || error.message.trim())})
    })
  })
}
