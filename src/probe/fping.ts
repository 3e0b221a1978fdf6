import {type ChildProcess, spawn} from 'node:child_process'
import {connect} from 'node:net'

export interface FpingEnd {
  /** Why it did not run; null: it ran. */
  readonly error: Error | null
  /** Its exit status, or the signal that ended it. */
  readonly how: number | string | null
}

export interface Fping {
  /** Settles once it has ended and all that it said was told, or cannot run. Never rejects. */
  readonly ended: Promise<FpingEnd>
  kill(): void
}

export interface FpingOptions {
  readonly command?: string
  /** Of the prober's unit, where there is one: what has CAP_NET_RAW is started there (decision 0198). */
  readonly socket?: string | undefined
  readonly signal?: AbortSignal
  readonly onOutput?: (text: string) => void
  /** What it says of packets that it could not send; the prober's unit has it among the output. */
  readonly onErrors?: (text: string) => void
}

/** Starts one fping, here or by the prober's unit: which of the two isthmus.service says, and nothing is tried out. */
export function startFping(args: readonly string[], options: FpingOptions = {}): Fping {
  const {socket = process.env.ISTHMUS_PROBER, signal} = options
  const fping = socket ? askProber(socket, args, options) : spawnHere(args, options)
  const {kill} = fping
  if (signal?.aborted) kill()
  signal?.addEventListener('abort', kill, {once: true})
  void fping.ended.then(() => signal?.removeEventListener('abort', kill))
  return fping
}

function spawnHere(args: readonly string[], {command = 'fping', onOutput, onErrors}: FpingOptions): Fping {
  let child: ChildProcess
  try {
    child = spawn(command, args, {stdio: ['ignore', onOutput ? 'pipe' : 'ignore', onErrors ? 'pipe' : 'ignore']})
  } catch (error) {
    // EPERM (fping's file wants a capability that this process may not have), ENOMEM: thrown, unlike a file that is missing.
    return {ended: Promise.resolve({error: asError(error), how: null}), kill: () => undefined}
  }
  if (onOutput) child.stdout?.setEncoding('latin1').on('data', onOutput)
  if (onErrors) child.stderr?.setEncoding('latin1').on('data', onErrors)
  const ended = new Promise<FpingEnd>((resolve) => {
    child.once('error', (error) => resolve({error, how: null}))
    child.once('close', (status, killedBy) => resolve({error: null, how: status ?? killedBy}))
  })
  return {ended, kill: () => void child.kill('SIGKILL')}
}

/** The prober kills what it started as soon as the connection ends; where it does not say so by then, nobody waits for it. */
const KILLS_WITHIN_MS = 1000
/** Longer than any line of fping's. */
const MAX_LINE = 4096
/** No line of fping's begins so: all that it is asked for are addresses. */
const LAST_LINE = /^(?:exit (\d+)|refused (.*))\n$/m

/** The other end is appliance/debian/prober: a line of arguments, then fping's lines, then one that says how it ended. */
function askProber(path: string, args: readonly string[], {onOutput, onErrors}: FpingOptions): Fping {
  const socket = connect({path})
  socket.setEncoding('latin1')
  // The connection stays open for writing: its end is what ends fping.
  socket.write(`${[onErrors ? 'all' : 'out', ...args].join(' ')}\n`)
  let rest = ''
  let last: RegExpExecArray | null = null
  let failure: Error | null = null
  let killed = false
  socket.on('data', (chunk: unknown) => {
    const text = rest + String(chunk)
    const end = text.lastIndexOf('\n') + 1
    rest = text.slice(end).slice(-MAX_LINE)
    const lines = text.slice(0, end)
    last = LAST_LINE.exec(lines)
    if (last) rest = ''
    const said = last ? lines.slice(0, last.index) : lines
    if (said !== '') onOutput?.(said)
  })
  socket.once('error', (error) => {
    failure = error
  })
  const ended = new Promise<FpingEnd>((resolve) => {
    socket.once('close', () => {
      const [, status, why] = last ?? []
      if (status !== undefined) resolve({error: null, how: Number(status)})
      else if (killed) resolve({error: null, how: 'SIGKILL'})
      else {
        const words = why ?? failure?.message ?? 'it hung up; there is a most of what it runs at once'
        resolve({error: new Error(`the prober at ${path}: ${words}`), how: null})
      }
    })
  })
  const kill = (): void => {
    if (killed) return
    killed = true
    socket.end()
    const timer = setTimeout(() => socket.destroy(), KILLS_WITHIN_MS)
    socket.once('close', () => clearTimeout(timer))
  }
  return {ended, kill}
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))
