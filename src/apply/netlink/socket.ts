import {createNetlink, type NetlinkMessage, type NetlinkSocket, parseError} from 'netlink'
import {errnoCode, errnoWords, StepFailure} from '../failure.ts'

const NETLINK_ROUTE = 0
const ERROR = 2
const DUMP = 0x300
const BUFFER_BYTES = 1 << 20
const TIMEOUT_MS = 5000

/** rtnetlink's own numbers (linux/rtnetlink.h). */
export const GROUP = {link: 1, ipv4Address: 5, ipv6Address: 9} as const
export const CREATE = 0x400
export const EXCLUSIVE = 0x200

/** A refusal by the kernel; `errno` as its name, so that callers can tell one they expect. */
export class NetlinkFailure extends StepFailure {
  readonly errno: string

  constructor(errno: string, words: string) {
    super(errnoCode(errno), `${words} (${errno})`)
    this.errno = errno
  }
}

/**
 * rtnetlink requests, one at a time.
 *
 * The library aborts the whole process at about 500 requests in flight, and a notification in the middle of a dump
 * splits the dump: so a queue, and another socket for notifications.
 */
export class RouteSocket {
  readonly #socket: NetlinkSocket
  #last: Promise<unknown> = Promise.resolve()

  constructor() {
    this.#socket = open()
  }

  /** A change; resolves when the kernel has acknowledged it. Throws NetlinkFailure. */
  async change(type: number, data: Uint8Array, flags = 0): Promise<void> {
    await this.#request(type, data, flags)
  }

  /** One object; null when there is none. */
  async get(type: number, data: Uint8Array): Promise<Buffer | null> {
    try {
      const [first] = await this.#request(type, data, 0)
      return first?.data ?? null
    } catch (error) {
      if (error instanceof NetlinkFailure && error.code === 'missing') return null
      throw error
    }
  }

  async dump(type: number, data: Uint8Array): Promise<Buffer[]> {
    return (await this.#request(type, data, DUMP)).map((message) => message.data)
  }

  close(): void {
    this.#socket.close()
  }

  #request(type: number, data: Uint8Array, flags: number): Promise<NetlinkMessage[]> {
    const next = this.#last.then(async () => {
      const [messages] = await this.#socket.request(type, data, {flags, checkError: false, timeout: TIMEOUT_MS})
      const [first] = messages
      if (first?.type !== ERROR) return messages
      const {errno} = parseError(first.data, first.flags)
      if (errno === 0) return []
      const {name, words} = errnoWords(errno)
      throw new NetlinkFailure(name, words)
    })
    this.#last = next.catch(() => undefined)
    return next
  }
}

/** Calls back with each notification of the groups; `null` when the kernel has dropped some (ENOBUFS). */
export function subscribe(
  groups: readonly number[],
  onMessage: (message: {type: number; data: Buffer} | null) => void,
): () => void {
  const socket = open()
  socket.on('message', (messages) => {
    for (const message of messages) onMessage(message)
  })
  socket.on('error', () => onMessage(null))
  socket.on('invalid', () => onMessage(null))
  for (const group of groups) socket.addMembership(group)
  return () => socket.close()
}

function open(): NetlinkSocket {
  return createNetlink(NETLINK_ROUTE, {recvBufferSize: BUFFER_BYTES, sendBufferSize: BUFFER_BYTES})
}
