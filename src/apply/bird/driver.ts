import {execFile} from 'node:child_process'
import {setTimeout as delay} from 'node:timers/promises'
import {
  BirdClient,
  type BirdReply,
  BirdUnreachable,
  type KeptBird,
  keepBird,
  refusalOf,
  replyCode,
} from '../../bird/index.ts'
import {type ActualBird, BIRD_HASH_CONSTANT, type BirdStep, birdTextHash, type Driver} from '../../model/index.ts'
import {outcomeOf, StepFailure} from '../failure.ts'
import {ConfigFile} from './config-file.ts'

export interface BirdDriverOptions {
  readonly configFile: string
  readonly socket: string
  /** The program that checks a file while no BIRD runs. */
  readonly program?: string
  /** How long a reconfiguration may wait for protocols that shut down; 10 s. */
  readonly loadedWithinMs?: number
  /** The connection that reads go over is closed then. */
  readonly until: AbortSignal
}

/** Until then BIRD must have been told that the new configuration is good, or it goes back to the old one. */
const UNDO_AFTER_SECONDS = 30
const LOADED_WITHIN_MS = 10_000
const LOADED_POLL_MS = 25

/** The driver of BIRD: its part is the whole configuration file, and whether the running BIRD has loaded it. */
export function createBirdDriver(options: BirdDriverOptions): Driver<ActualBird | null, BirdStep> {
  const file = new ConfigFile(options.configFile)
  const bird = keepBird(options.socket, options.until)
  return {
    name: 'bird',
    atomic: true,
    read: (signal) => readBird(file, bird, signal),
    async apply(steps, signal) {
      // There is one file: of several texts the last is meant, and all steps go its way.
      const last = steps.at(-1)
      if (!last) return []
      const outcome = await outcomeOf(last.key, () => applyText(file, options, last.text, signal))
      return steps.map(({key}) => ({...outcome, step: key}))
    },
  }
}

/** null: no file, or somebody else's. A BIRD that is away, or runs with anything else, has not loaded the text. */
async function readBird(file: ConfigFile, bird: KeptBird, signal: AbortSignal): Promise<ActualBird | null> {
  const text = await file.read()
  const hash = text === null ? null : birdTextHash(text)
  if (text === null || hash === null) return null
  try {
    return {text, loaded: await bird.use((client) => isLoaded(client, hash, signal), signal)}
  } catch (error) {
    if (error instanceof BirdUnreachable) return {text, loaded: false}
    throw error
  }
}

async function applyText(
  file: ConfigFile,
  options: BirdDriverOptions,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  const client = await connectOrNull(options, signal)
  try {
    const staged = await file.stage(text)
    const committed = await checkAndCommit(file, staged, client, options, signal)
    try {
      if (!client) throw new BirdUnreachable('BIRD does not run; the file is in place for its start')
      await load(client, options, text, signal)
    } catch (error) {
      // A BIRD that went away meanwhile starts with the new file, which it has found good.
      if (error instanceof StepFailure) await committed.putBack()
      throw error
    } finally {
      await committed.keep()
    }
  } catch (error) {
    // An abort passes through the client as itself, and through a child process as an error with a code.
    signal.throwIfAborted()
    if (error instanceof BirdUnreachable) throw new StepFailure('unreachable', error.message)
    throw error
  } finally {
    client?.close()
  }
}

/** A text that is not good, or not in place, leaves nothing. */
async function checkAndCommit(
  file: ConfigFile,
  staged: string,
  client: BirdClient | null,
  options: BirdDriverOptions,
  signal: AbortSignal,
): ReturnType<ConfigFile['commit']> {
  try {
    if (client) await checkByBird(client, staged, signal)
    else await checkByProgram(options.program ?? 'bird', staged, signal)
    return await file.commit()
  } catch (error) {
    await file.dropStaged()
    throw error
  }
}

async function connectOrNull(options: BirdDriverOptions, signal: AbortSignal): Promise<BirdClient | null> {
  try {
    return await BirdClient.connect(options.socket, signal)
  } catch (error) {
    if (error instanceof BirdUnreachable) return null
    throw error
  }
}

async function checkByBird(client: BirdClient, path: string, signal: AbortSignal): Promise<void> {
  refuse(await client.request(`configure check "${path}"`, signal))
}

function refuse(reply: BirdReply): void {
  const words = refusalOf(reply)
  if (words !== null) throw new StepFailure('refused', words)
}

function checkByProgram(program: string, path: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(program, ['-p', '-c', path], {signal}, (error, _stdout, stderr) => {
      if (!error) resolve()
      else if (error.code === 'ENOENT') reject(new StepFailure('missing', `${program} is not installed`))
      else reject(new StepFailure('refused', stderr.trim() || error.message))
    })
  })
}

/** Names the file, so that a BIRD that was started on another one takes ours. */
async function load(client: BirdClient, options: BirdDriverOptions, text: string, signal: AbortSignal): Promise<void> {
  const withinMs = options.loadedWithinMs ?? LOADED_WITHIN_MS
  const reply = await client.request(`configure "${options.configFile}" timeout ${UNDO_AFTER_SECONDS}`, signal)
  refuse(reply)
  if (reply.code === replyCode.shuttingDown) throw new BirdUnreachable('BIRD is shutting down')
  const until = performance.now() + withinMs
  // At once as a rule; a queued reconfiguration waits for the one before it.
  while ((await loadedHash(client, signal)) !== birdTextHash(text)) {
    if (performance.now() > until) {
      await client.request('configure undo', signal)
      throw new StepFailure('timeout', `not loaded within ${withinMs / 1000} s; undone`)
    }
    await delay(LOADED_POLL_MS, undefined, {signal})
  }
  refuse(await client.request('configure confirm', signal))
}

/**
 * Whether BIRD runs with it, and will: one that ended between `configure` and `configure confirm` left it to be undone after a
 * while, behind the back of whoever has found it loaded.
 */
async function isLoaded(client: BirdClient, hash: string, signal: AbortSignal): Promise<boolean> {
  if ((await loadedHash(client, signal)) !== hash) return false
  await client.request('configure confirm', signal)
  return true
}

/** The hash of the text that BIRD runs with; null: none of ours (the constant is unknown, an error of syntax to BIRD). */
async function loadedHash(client: BirdClient, signal: AbortSignal): Promise<string | null> {
  const reply: BirdReply = await client.request(`eval ${BIRD_HASH_CONSTANT}`, signal)
  return reply.code === replyCode.value ? reply.lines.at(-1)!.text.trim() : null
}
