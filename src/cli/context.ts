import type {Answer, ApiClient, ApiPlace} from '../api/client.ts'
import {PATH_DEFAULTS} from '../model/index.ts'

/** What a command may touch besides the files it is told to read. */
export interface CliContext {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  readonly api: (place: ApiPlace, timeoutMs?: number) => ApiClient
  /** Where `--url` says that it is, whatever socket a command names; absent or null: on this machine. */
  readonly remote?: () => string | null
  readonly clock: {
    readonly nowMs: () => number
    /** Comes back early when `until` is aborted. */
    readonly sleep: (ms: number) => Promise<void>
  }
  /** Which of the two a person looks at. */
  readonly terminal: {readonly out: boolean; readonly err: boolean}
  /** A line that a person types; null: the input has ended. Absent: nobody is there to ask. */
  readonly ask?: () => Promise<string | null>
  /** How far a command is: shown to a person who has waited a second for it. */
  readonly progress: (text: string) => void
  /** Aborted when somebody has had enough of a command that goes on by itself. */
  readonly until: AbortSignal
  readonly env: Readonly<Record<string, string | undefined>>
  /** Becomes another program, for `run`; comes back only where it cannot. */
  readonly become: (program: string, args: readonly string[]) => void
}

export const EXIT = {fine: 0, finding: 1, usage: 2, unreachable: 3} as const
export type ExitStatus = (typeof EXIT)[keyof typeof EXIT]

/** Where the appliance has its configuration and the daemon its socket. */
export const DEFAULT_CONFIG = '/etc/isthmus/gateway.yaml'
export const DEFAULT_SOCKET = `${PATH_DEFAULTS.run}/api.sock`

/** Says why there is no answer, and which status that is. */
export function explain(
  context: CliContext,
  socketPath: string,
  answer: Extract<Answer<unknown>, {ok: false}>,
): ExitStatus {
  const remote = context.remote?.() ?? null
  if (answer.code === 'unreachable' && remote !== null) {
    context.err(`no gateway answers at ${remote}: ${answer.message}\n`)
    context.err('--ca names the authority of its certificate, --cert and --key who you are\n')
    return EXIT.unreachable
  }
  if (answer.code === 'unreachable') {
    context.err(`no gateway answers on ${socketPath}: ${answer.message}\n`)
    context.err('is `isthmus run` up on this machine? --socket or ISTHMUS_SOCKET names another socket\n')
    return EXIT.unreachable
  }
  context.err(`${answer.message}\n`)
  if (answer.code === 'unavailable') return EXIT.unreachable
  return answer.code === 'unknown-kind' || answer.code === 'bad-request' ? EXIT.usage : EXIT.finding
}
