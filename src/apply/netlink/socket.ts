import {createNetlink, type NetlinkSocket} from 'netlink'
import {createRequestQueue, NetlinkFailure, type NetlinkRequest} from './request-queue.ts'

export const NETLINK_ROUTE = 0
const DUMP = 0x300
const BUFFER_BYTES = 1 << 20

/** rtnetlink's own numbers (linux/rtnetlink.h). */
export const GROUP = {link: 1, queue: 4, ipv4Address: 5, ipv4Rule: 8, ipv6Address: 9, ipv6Rule: 19} as const
export const CREATE = 0x400
export const EXCLUSIVE = 0x200

/**
 * rtnetlink requests, one at a time. A notification in the middle of a dump would split the dump, so notifications have
 * another socket.
 */
export class RouteSocket {
  readonly #socket: NetlinkSocket
  readonly #request: NetlinkRequest

  constructor() {
    this.#socket = open()
    this.#request = createRequestQueue(this.#socket)
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
}

function open(): NetlinkSocket {
  return createNetlink(NETLINK_ROUTE, {recvBufferSize: BUFFER_BYTES, sendBufferSize: BUFFER_BYTES})
}
