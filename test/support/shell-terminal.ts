import assert from 'node:assert/strict'
import {spawn} from 'node:child_process'
import {chmodSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {eventually} from './namespace.ts'

const MAIN = path.resolve(import.meta.dirname, '../../src/cli/main.ts')
const CLEAR_LINE = '\x15'

export interface ShellTerminal {
  /** Types keys into an empty line, waits until the screen shows something, and empties the line. */
  type(keys: string, seen: string): Promise<void>
  end(): void
}

/** A shell at a terminal of its own, with an `isthmus` in its path; `begin` is its first line. */
export async function openShell(
  command: string,
  begin: string,
  {folder, socketPath}: {readonly folder: string; readonly socketPath: string},
): Promise<ShellTerminal> {
  const program = path.join(folder, 'isthmus')
  writeFileSync(program, `#!/bin/sh\nexec ${process.execPath} --no-warnings ${MAIN} "$@"\n`)
  chmodSync(program, 0o755)
  const env = {
    PATH: `${folder}:${process.env.PATH}`,
    ISTHMUS_SOCKET: socketPath,
    HOME: folder,
    TERM: 'dumb',
    PS1: '$ ',
    HISTFILE: '',
  }
  const running = spawn('script', ['-qfec', command, '/dev/null'], {env, stdio: ['pipe', 'pipe', 'inherit']})
  let screen = ''
  running.stdout.on('data', (text) => {
    screen += text
  })
  const see = (text: string): Promise<unknown> =>
    eventually(() => screen.includes(text), 10_000).catch(() => assert.fail(JSON.stringify(screen)))
  running.stdin.write(`${begin}; echo rea''dy\n`)
  await see('ready\r\n')
  return {
    async type(keys, seen) {
      screen = ''
      running.stdin.write(keys)
      await see(seen)
      running.stdin.write(CLEAR_LINE)
    },
    end: () => void running.kill('SIGKILL'),
  }
}
