import {setTimeout as sleep} from 'node:timers/promises'
import {createApiClient} from '../../src/api/client.ts'
import {type CliContext, runCli} from '../../src/cli/index.ts'

export interface CliResult {
  readonly status: number
  readonly out: string
  readonly err: string
}

/** One command line in this process, at the time of the fake view's status; `socketPath` becomes its ISTHMUS_SOCKET. */
export async function cli(
  args: readonly string[],
  socketPath = '/nonexistent/api.sock',
  nowMs = Date.parse('2026-01-02T03:06:05.000Z'),
  more: Partial<CliContext> = {},
): Promise<CliResult> {
  let [out, err] = ['', '']
  const context: CliContext = {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    api: createApiClient,
    clock: {nowMs: () => nowMs, sleep: (ms) => sleep(ms)},
    terminal: {out: false, err: false},
    progress: () => undefined,
    until: new AbortController().signal,
    env: {ISTHMUS_SOCKET: socketPath},
    become: (program, given) => {
      out += `${[program, ...given].join(' ')}\n`
    },
    ...more,
  }
  const status = await runCli(args, context)
  return {status, out, err}
}
