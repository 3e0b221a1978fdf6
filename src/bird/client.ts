import {connect, type Socket} from 'node:net'
import {type BirdReply, ReplyReader} from './reply.ts'

/** No BIRD behind the socket, or it went away or fell silent in the middle of a request. */
export class BirdUnreachable extends Error {
  override readonly name = 'BirdUnreachable'
}

interface Waiter {
  readonly resolve: (reply: BirdReply) => void
  readonly reject: (error: Error) => void
}

/** BIRD answers from memory: what takes longer is a BIRD that hangs. */
const REQUEST_TIMEOUT_MS = 10_000

/** A connection to BIRD's control socket. Requests wait for one another. */
export class BirdClient {
  readonly #socket: Socket
  readonly #reader = new ReplyReader()
  readonly #waiters: Waiter[] = []
  #failure: Error | null = null
  /** Settles when the connection has ended, for whatever reason. */
  readonly closed: Promise<void>

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => this.#receive(text))
    socket.on('error', (error) => this.#fail(new BirdUnreachable(error.message, {cause: error})))
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#fail(new BirdUnreachable('BIRD closed the connection'))
        resolve()
      })
    })
  }

  /** Connects and waits for BIRD's greeting; throws `BirdUnreachable` when there is none. */
  static async connect(path: string, signal: AbortSignal): Promise<BirdClient> {
    signal.throwIfAborted()
    const client = new BirdClient(connect({path}))
    try {
      await client.#answer(signal)
      return client
    } catch (error) {
      client.close()
      throw error
    }
  }

  /** Sends one command line; an answer of refusal is an answer. After an abort or a timeout the connection is closed. */
  async request(command: string, signal: AbortSignal): Promise<BirdReply> {
    signal.throwIfAborted()
    if (/[\n\0]/.test(command)) throw new Error(`not one line: ${JSON.stringify(command)}`)
    if (this.#failure === null) this.#socket.write(`${command}\n`)
    return await this.#answer(signal)
  }

  /** As far as is known: BIRD may be gone, and the news on its way. */
  get isOpen(): boolean {
    return this.#failure === null && !this.#socket.destroyed
  }

  close(): void {
    this.#socket.destroy()
  }

  async #answer(signal: AbortSignal): Promise<BirdReply> {
    if (this.#failure) throw this.#failure
    const {promise, resolve, reject} = Promise.withResolvers<BirdReply>()
    this.#waiters.push({resolve, reject})
    const timer = setTimeout(() => this.#fail(new BirdUnreachable('BIRD does not answer')), REQUEST_TIMEOUT_MS)
    const abort = (): void => this.#fail(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
    signal.addEventListener('abort', abort, {once: true})
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    }
  }

  #receive(text: string): void {
    for (const reply of this.#reader.push(text)) this.#waiters.shift()?.resolve(reply)
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
    this.#socket.destroy()
  }
}
