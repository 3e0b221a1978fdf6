import {type ChildProcess, fork} from 'node:child_process'
import {once} from 'node:events'
import {openSync, readFileSync} from 'node:fs'
import {request} from 'node:http'
import {join, resolve} from 'node:path'
import {DAEMON_ENV, DAEMON_FLAGS} from '../../src/cli/daemon-flags.ts'
import type {LoopReport} from '../gateway/loop-watch.ts'

const DAEMON = resolve(import.meta.dirname, '../../dist/isthmusd.mjs')
const LOOP_WATCH = resolve(import.meta.dirname, '../gateway/loop-watch.ts')

/** The daemon as `isthmus run` becomes it, but that it also tells how long its event loop was held up. */
export class DaemonProcess {
  readonly #child: ChildProcess

  /** With ISTHMUS_BENCH_PROFILE=FOLDER the daemon writes a CPU profile and its log there. */
  constructor(config: string, folder: string) {
    const profile = process.env.ISTHMUS_BENCH_PROFILE
    const log = openSync(join(profile ?? folder, 'isthmusd.log'), 'w')
    this.#child = fork(DAEMON, ['run', '--config', config], {
      execArgv: [
        ...DAEMON_FLAGS,
        ...['--import', LOOP_WATCH],
        ...(profile ? ['--cpu-prof', `--cpu-prof-dir=${profile}`] : []),
      ],
      env: {...DAEMON_ENV, ...process.env},
      stdio: ['ignore', log, log, 'ipc'],
    })
  }

  async report(wanted: 'reset' | 'report'): Promise<LoopReport> {
    this.#child.send(wanted)
    const [report]: LoopReport[] = await once(this.#child, 'message')
    return report!
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** As the kernel counts it: most ever, and now. */
  residentMib(): {readonly most: number; readonly now: number} {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    const mib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
    return {most: mib('VmHWM'), now: mib('VmRSS')}
  }

  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }

  async stop(): Promise<void> {
    if (!this.isAlive) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await gone
  }
}

/** Of its metrics the first of a name, with these labels if any; NaN: none. By its socket, which answers as often as it is asked. */
export async function metric(folder: string, name: string, labels = ''): Promise<number> {
  const text = await new Promise<string>((resolve, reject) => {
    request({socketPath: join(folder, 'api.sock'), path: '/metrics'}, (response) => {
      if (response.statusCode !== 200) return reject(new Error(`/metrics: ${response.statusCode}`))
      const parts: Buffer[] = []
      response.on('data', (part) => parts.push(part)).on('end', () => resolve(Buffer.concat(parts).toString()))
    })
      .on('error', reject)
      .end()
  })
  return Number(new RegExp(`^${name}${labels ? `{[^}]*${labels}[^}]*}` : '(?:{[^}]*})?'} (\\S+)$`, 'm').exec(text)?.[1])
}
