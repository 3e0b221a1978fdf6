import {type ChildProcessByStdio, spawn} from 'node:child_process'
import type {Readable} from 'node:stream'

export interface CommandResult {
  readonly ok: boolean
  /** null: it was ended by a signal, or never began. */
  readonly status: number | null
  readonly timedOut: boolean
  /** The end of what it said, or why it could not be started. */
  readonly said: string
  readonly durationMs: number
}

/** Of what a command says the last so many characters are kept. */
const MOST_SAID = 2000
const LAST_WORDS_MS = 200

/**
 * Runs an operator's command: no shell, a process group of its own, which is ended as a whole when time is up or `signal` says so, so
 * that nothing of it changes routes after another has been asked.
 */
export function runCommand(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  {timeoutMs, signal}: {readonly timeoutMs: number; readonly signal: AbortSignal},
): Promise<CommandResult> {
  const startedMs = performance.now()
  const [file, ...args] = command
  return new Promise((resolve) => {
    let said = ''
    let timedOut = false
    let child: ChildProcessByStdio<null, Readable, Readable>
    try {
      child = spawn(file!, args, {
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {...process.env, ...env},
      })
    } catch (error) {
      // E2BIG and its like Node throws, unlike a file that is missing.
      resolve({ok: false, status: null, timedOut, said: (error as Error).message, durationMs: 0})
      return
    }
    const end = (): void => {
      // Of a command that could not be started there is no group.
      if (child.pid === undefined) return
      try {
        process.kill(-child.pid, 'SIGKILL')
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    }
    const timer = setTimeout(() => {
      timedOut = true
      end()
    }, timeoutMs)
    signal.addEventListener('abort', end, {once: true})
    const hear = (text: string): void => {
      said = (said + text).slice(-MOST_SAID)
    }
    child.stdout.setEncoding('utf8').on('data', hear)
    child.stderr.setEncoding('utf8').on('data', hear)
    const finish = (status: number | null): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      const durationMs = Math.round(performance.now() - startedMs)
      resolve({ok: status === 0 && !timedOut, status, timedOut, said: said.trim(), durationMs})
    }
    child.once('error', (error) => {
      hear(error.message)
      finish(null)
    })
    child.once('exit', (status) => {
      // What it left behind in its group holds its output; what left the group is not waited for.
      end()
      const last = setTimeout(() => finish(status), LAST_WORDS_MS)
      child.once('close', () => {
        clearTimeout(last)
        finish(status)
      })
    })
  })
}
