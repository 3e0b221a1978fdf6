import type {CliContext} from './context.ts'

export interface Progress {
  /** Clears the line of progress before anything else is written. */
  readonly context: CliContext
  /** From here on there is something to wait for. */
  begin(what: string): void
  stop(): void
}

const TIMES = {afterMs: 1000, everyMs: 200}
const CLEAR = '\r\x1b[K'

/**
 * Says what a command is doing, and for how long, to a person at a terminal, once it has taken a second without a word of
 * its answer. Nothing is left of it when the answer begins, or the command ends.
 */
export function startProgress(context: CliContext, {afterMs, everyMs} = TIMES): Progress {
  let timer: NodeJS.Timeout | null = null
  let text = ''
  let isShown = false
  const clear = (): void => {
    if (isShown) context.err(CLEAR)
    isShown = false
  }
  const stop = (): void => {
    if (timer) clearInterval(timer)
    timer = null
    clear()
  }
  return {
    context: {
      ...context,
      out: (answer) => {
        stop()
        context.out(answer)
      },
      err: (words) => {
        clear()
        context.err(words)
      },
      progress: (now) => {
        text = `: ${now}`
      },
    },
    begin(what) {
      if (!context.terminal.err) return
      const began = performance.now()
      timer = setInterval(() => {
        const ms = performance.now() - began
        if (ms < afterMs) return
        isShown = true
        context.err(`${CLEAR}${what}${text}, ${Math.floor(ms / 1000)} s`)
      }, everyMs)
      timer.unref()
    },
    stop,
  }
}
