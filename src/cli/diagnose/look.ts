import type {Seen} from '../../diagnose/index.ts'
import {runProgram} from '../run-program.ts'

/** More than anything that answers at all takes; what does not is told as such, and holds nothing else up. */
const LIMIT_MS = 5000

/** One look at the world, within its time. Never rejects. */
export async function look<T>(
  what: string,
  work: (signal: AbortSignal) => Promise<T>,
  limitMs = LIMIT_MS,
): Promise<Seen<T>> {
  const ended = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Seen<T>>((resolve) => {
    timer = setTimeout(() => resolve({ok: false, why: `${what}: no answer within ${limitMs / 1000} s`}), limitMs)
  })
  const looked = work(ended.signal).then(
    (value): Seen<T> => ({ok: true, value}),
    (error: unknown): Seen<T> => ({
      ok: false,
      why: `${what}: ${error instanceof Error ? error.message : String(error)}`,
    }),
  )
  try {
    return await Promise.race([looked, late])
  } finally {
    clearTimeout(timer)
    ended.abort()
  }
}

/** What a program says; rejects with the first of its own words where it fails. */
export async function tool(signal: AbortSignal, file: string, ...args: readonly string[]): Promise<string> {
  const {ok, out, why} = await runProgram(file, args, {signal})
  if (!ok) throw new Error(why.split('\n')[0])
  return out
}

/** Uses what was seen before, or passes on why it was not. */
export async function then<A, B>(seen: Seen<A>, next: (value: A) => Promise<Seen<B>>): Promise<Seen<B>> {
  return seen.ok ? next(seen.value) : seen
}
