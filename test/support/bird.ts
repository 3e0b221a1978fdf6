import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {BirdClient} from '../../src/bird/index.ts'
import type {Namespace} from './namespace.ts'
import {eventually} from './namespace.ts'

/** A BIRD that runs and does nothing, as the distribution's file makes it. */
export const IDLE_CONFIG = 'router id 192.0.2.250;\nprotocol device {}\n'

/** A real BIRD in a namespace, with a folder of its own. */
export class TestBird {
  readonly #namespace: Namespace
  readonly folder = mkdtempSync(join(tmpdir(), 'is-bird-'))
  readonly configFile = join(this.folder, 'bird.conf')
  readonly socket = join(this.folder, 'bird.ctl')
  readonly never = new AbortController().signal
  #process: ChildProcess | null = null
  #log = ''

  constructor(namespace: Namespace, config: string | null = IDLE_CONFIG) {
    this.#namespace = namespace
    if (config !== null) writeFileSync(this.configFile, config)
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  /** Starts it and waits until it answers. `-R`: a restart recovers gracefully, as on the appliance. */
  async start(config = this.configFile): Promise<this> {
    const pidFile = join(this.folder, 'bird.pid')
    const args = [
      'netns',
      'exec',
      this.#namespace.name,
      'bird',
      '-f',
      '-R',
      '-c',
      config,
      '-s',
      this.socket,
      '-P',
      pidFile,
    ]
    this.#process = spawn('ip', args, {stdio: ['ignore', 'ignore', 'pipe']})
    this.#process.stderr!.on('data', (text) => {
      this.#log += text
    })
    await eventually(() => this.ask('show status').then(Boolean, () => false)).catch(() => {
      throw new Error(`bird did not start: ${this.#log}`)
    })
    return this
  }

  /** All that it has written to its log. */
  get log(): string {
    return this.#log
  }

  /** Puts another text in place, as the daemon does. */
  async reload(config: string): Promise<void> {
    writeFileSync(this.configFile, config)
    const said = await this.ask('configure')
    if (!/Reconfigur/.test(said)) throw new Error(said)
  }

  /** The text of BIRD's answer to one command. */
  async ask(command: string): Promise<string> {
    const client = await BirdClient.connect(this.socket, this.never)
    try {
      const {lines} = await client.request(command, this.never)
      return lines.map(({text}) => text).join('\n')
    } finally {
      client.close()
    }
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const process = this.#process
    this.#process = null
    if (!process || process.exitCode !== null) return
    const gone = once(process, 'exit')
    process.kill(signal)
    await gone
  }

  async remove(): Promise<void> {
    await this.kill()
    rmSync(this.folder, {recursive: true})
  }
}

/** One in each namespace that has a text, running with it. */
export async function startBirds(
  spaces: ReadonlyMap<string, Namespace>,
  texts: Readonly<Record<string, string>>,
): Promise<Map<string, TestBird>> {
  const birds = new Map<string, TestBird>()
  for (const [name, text] of Object.entries(texts)) {
    const bird = new TestBird(spaces.get(name)!)
    birds.set(name, bird)
    await bird.start()
    await bird.reload(text)
  }
  return birds
}
