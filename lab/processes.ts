import {type ChildProcess, execFile, spawn} from 'node:child_process'
import {closeSync, openSync, readFileSync} from 'node:fs'
import {promisify} from 'node:util'

const run = promisify(execFile)

export interface CommandResult {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command to its end; a status other than 0 is an answer, not an error. */
export async function command(
  argv: readonly string[],
  options: {input?: string; timeoutMs?: number} = {},
): Promise<CommandResult> {
  const [file, ...args] = argv
  return new Promise((resolve, reject) => {
    const child = spawn(file!, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.timeoutMs ? {timeout: options.timeoutMs} : {}),
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.once('error', reject)
    child.once('close', (status) => resolve({status: status ?? 1, stdout, stderr}))
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
  })
}

/** As `command`, but a failure throws with the command's own words. */
export async function must(
  argv: readonly string[],
  options: {input?: string; timeoutMs?: number} = {},
): Promise<string> {
  const {status, stdout, stderr} = await command(argv, options)
  if (status !== 0) throw new Error(`${argv.join(' ')}: status ${status}: ${(stderr || stdout).trim()}`)
  return stdout
}

export const inNamespace = (namespace: string, ...argv: string[]): string[] => [
  'ip',
  'netns',
  'exec',
  namespace,
  ...argv,
]

/** A process that goes on: its output into a log file, in a namespace. */
export function daemon(namespace: string, argv: readonly string[], log: string, cwd = '/'): ChildProcess {
  const output = openSync(log, 'a')
  try {
    const [file, ...args] = inNamespace(namespace, ...argv)
    return spawn(file!, args, {stdio: ['ignore', output, output], detached: true, cwd})
  } finally {
    closeSync(output)
  }
}

/** Ends the waiting for a daemon that has ended itself, with its own words. */
export function mustRun(child: ChildProcess, what: string, log: string): void {
  if (child.exitCode === null && child.signalCode === null) return
  const words = readFileSync(log, 'utf8').trim().split('\n').slice(-3).join(' | ')
  throw new Error(`${what} ended (${child.signalCode ?? `status ${child.exitCode}`}): ${words}`)
}

/** Everything that runs in a namespace. */
export async function pidsIn(namespace: string): Promise<number[]> {
  const {stdout} = await run('ip', ['netns', 'pids', namespace]).catch(() => ({stdout: ''}))
  return stdout.split('\n').filter(Boolean).map(Number)
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** Asks again until the answer is there; the last answer is told when the time is over. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | null>,
  timeoutMs = 60_000,
  everyMs = 50,
): Promise<T> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== null) return answer
    if (performance.now() > end) throw new Error(`${what}: not within ${timeoutMs / 1000} s`)
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}
