import {setTimeout as sleep} from 'node:timers/promises'
import {createApiClient} from '../api/client.ts'
import {DAEMON_ENV} from './daemon-flags.ts'
import {runCli} from './index.ts'

// A reader such as `head` that has had enough is no fault of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  throw error
})

// How a library could call Node otherwise (DEP0123: etcd by its address) is nothing that an operator can do something about.
process.noDeprecation = true

/** The next line; null where the input has ended. Lines that came together wait for their questions. */
async function askPerson(): Promise<string | null> {
  const {createInterface} = await import('node:readline/promises')
  typed ??= createInterface({input: process.stdin})[Symbol.asyncIterator]()
  const line = await typed.next()
  return line.done ? null : line.value
}
let typed: NodeJS.AsyncIterator<string> | undefined

const status = await runCli(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  api: createApiClient,
  clock: {nowMs: Date.now, sleep: (ms) => sleep(ms)},
  terminal: {out: process.stdout.isTTY === true, err: process.stderr.isTTY === true},
  ...(process.stdin.isTTY && process.stdout.isTTY ? {ask: askPerson} : {}),
  progress: () => undefined,
  // Ctrl-C ends the process, as it ends others.
  until: new AbortController().signal,
  env: process.env,
  become: (program, args) => process.execve?.(program, [program, ...args], {...DAEMON_ENV, ...process.env}),
})

// Whoever did not answer in time must not hold up the end; what was written to a pipe or a file is written.
process.exit(status)
