import type {CliContext} from './context.ts'

const AFTER_MS = 1000
const EVERY_MS = 200
const CLEAR = '\r\x1b[K'

/** Says how far a work is, to a person at a terminal, once it has taken a second; at the end nothing is left of it. */
export async function withProgress<T>(
  context: Pick<CliContext, 'terminal' | 'err'>,
  what: string,
  work: (say: (text: string) => void) => Promise<T>,
): Promise<T> {
  if (!context.terminal.err) return await work(() => undefined)
  const began = performance.now()
  let text = ''
  let isShown = false
  const timer = setInterval(() => {
    const ms = performance.now() - began
    if (ms < AFTER_MS) return
    isShown = true
    context.err(`${CLEAR}${what}${text === '' ? '' : `: ${text}`}, ${Math.floor(ms / 1000)} s`)
  }, EVERY_MS)
  try {
    return await work((now) => {
      text = now
    })
  } finally {
    clearInterval(timer)
    if (isShown) context.err(CLEAR)
  }
}
