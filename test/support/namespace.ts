import {type SpawnSyncReturns, spawn, spawnSync} from 'node:child_process'
import {mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {createRequire} from 'node:module'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'

/**
 * Network namespaces for tests, and a way to run a whole test file inside one.
 *
 * In-process sockets act on the namespace of their process, so a driver's test must be a process in there:
 * `inNamespace(import.meta.url, () => describe(…))` runs the file once more, by mocha, under `ip netns exec`, and shows
 * the results of that run under the same names. The file inside sees an empty namespace with `lo` up.
 */
const INSIDE = 'ISTHMUS_TEST_NAMESPACE'

let counter = 0
const made = new Set<string>()
process.on('exit', () => {
  for (const name of made) spawnSync('ip', ['netns', 'delete', name])
})

export interface Namespace {
  readonly name: string
  /** Runs a command in it; throws with the command's own words when it fails. */
  run(command: string, input?: string): string
  remove(): void
}

export function createNamespace(label: string): Namespace {
  const name = `is-test-${process.pid}-${counter++}-${label}`
  command('ip', ['netns', 'add', name])
  made.add(name)
  const run = (line: string, input?: string): string => command('ip', ['netns', 'exec', name, 'sh', '-ec', line], input)
  run('ip link set lo up')
  return {
    name,
    run,
    remove() {
      if (made.delete(name)) command('ip', ['netns', 'delete', name])
    },
  }
}

/** Runs a shell line in the process's own namespace (inside `inNamespace`: the scratch one). */
export function shell(line: string, input?: string): string {
  return command('sh', ['-ec', line], input)
}

function command(file: string, args: string[], input = ''): string {
  // Node's pipes are sockets, which nft 1.0.9 refuses to read a script from.
  const argv = input === '' ? [file, ...args] : ['sh', '-c', 'cat | "$@"', 'sh', file, ...args]
  const options = {input, encoding: 'utf8', maxBuffer: 1 << 28} as const
  const result: SpawnSyncReturns<string> = spawnSync(argv[0]!, argv.slice(1), options)
  if (result.status !== 0) throw new Error(`${args.at(-1)}: ${result.stderr || result.error?.message}`)
  return result.stdout
}

/** What mocha's json reporter says of one test. */
interface ChildTest {
  readonly fullTitle: string
  readonly duration?: number
  readonly err: {readonly message?: string; readonly stack?: string}
}

interface ChildReport {
  readonly tests: readonly ChildTest[]
  readonly pending: readonly ChildTest[]
  readonly failures: readonly ChildTest[]
}

export function inNamespace(moduleUrl: string, suite: () => void): void {
  if (process.env[INSIDE] !== undefined) {
    suite()
    return
  }
  let child: Promise<ChildReport> | null = null
  const report = (): Promise<ChildReport> => {
    child ??= runInside(fileURLToPath(moduleUrl))
    return child
  }
  const saved = {it: globalThis.it, before, after, beforeEach, afterEach}
  const {it: realIt} = saved
  const shown = (title: string): Mocha.Test =>
    realIt(title, async function () {
      // The first of a file waits for all of them; a longer time of its own stays.
      this.timeout(Math.max(this.timeout(), 120_000))
      const {tests, pending, failures} = await report()
      const name = this.test?.fullTitle()
      const named = ({fullTitle}: ChildTest): boolean => fullTitle === name
      if (pending.some(named)) this.skip()
      const failure = failures.find(named) ?? failures.find(({fullTitle}) => fullTitle.includes(' hook '))
      if (failure) throw new Error(failure.err.stack ?? failure.err.message ?? 'failed')
      if (!tests.some(named)) throw new Error('did not run inside the namespace')
    })
  const nothing = (): void => undefined
  try {
    Object.assign(globalThis, {
      it: Object.assign(shown, {skip: realIt.skip, only: realIt.only}),
      before: nothing,
      after: nothing,
      beforeEach: nothing,
      afterEach: nothing,
    })
    suite()
  } finally {
    Object.assign(globalThis, saved)
  }
}

async function runInside(file: string): Promise<ChildReport> {
  const namespace = createNamespace('file')
  const folder = mkdtempSync(join(tmpdir(), 'is-test-'))
  const output = join(folder, 'report.json')
  const mocha = createRequire(import.meta.url).resolve('mocha/bin/mocha.js')
  const args = ['netns', 'exec', namespace.name, process.execPath, mocha, '--reporter', 'json']
  args.push('--reporter-option', `output=${output}`, file)
  try {
    const words = await new Promise<string>((resolve) => {
      const running = spawn('ip', args, {
        env: {...process.env, [INSIDE]: namespace.name},
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let said = ''
      running.stdout.on('data', (chunk) => {
        said += chunk
      })
      running.stderr.on('data', (chunk) => {
        said += chunk
      })
      running.on('close', () => resolve(said))
    })
    try {
      return JSON.parse(readFileSync(output, 'utf8')) as ChildReport
    } catch {
      throw new Error(`mocha in the namespace wrote no report: ${words}`)
    }
  } finally {
    rmSync(folder, {recursive: true})
    namespace.remove()
  }
}

/** Polls kernel state until `probe` gives something, every 20 ms. */
export async function eventually<T>(
  probe: () => T | null | undefined | false | Promise<T | null | undefined | false>,
  withinMs = 2000,
): Promise<T> {
  const end = performance.now() + withinMs
  for (;;) {
    const value = await probe()
    if (value) return value
    if (performance.now() > end) throw new Error(`not so within ${withinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
