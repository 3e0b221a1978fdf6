import {type NetlinkMessage, type NetlinkSocket, parseError} from 'netlink'
import {errnoCode, errnoWords, StepFailure} from '../failure.ts'

const ERROR = 2
const TIMEOUT_MS = 5000

/** A refusal by the kernel; `errno` as its name, so that callers can tell one they expect. */
export class NetlinkFailure extends StepFailure {
  readonly errno: string

  constructor(errno: string, words: string) {
    super(errnoCode(errno), `${words} (${errno})`)
    this.errno = errno
  }
}

export type NetlinkRequest = (type: number, data: Uint8Array, flags: number) => Promise<readonly NetlinkMessage[]>

/**
 * Requests of one socket, one at a time, since the library aborts the whole process at about 500 in flight. Resolves
 * with the messages of the answer (none for an acknowledgement); throws StepFailure.
 */
export function createRequestQueue(socket: NetlinkSocket, timeoutMs = TIMEOUT_MS): NetlinkRequest {
  let last: Promise<unknown> = Promise.resolve()
  return (type, data, flags) => {
    const next = last.then(async () => {
      const messages = await ask(socket, type, data, flags, timeoutMs)
      const [first] = messages
      if (first?.type !== ERROR) return messages
      const {errno} = parseError(first.data, first.flags)
      if (errno === 0) return []
      const {name, words} = errnoWords(errno)
      throw new NetlinkFailure(name, words)
    })
    last = next.catch(() => undefined)
    return next
  }
}

async function ask(
  socket: NetlinkSocket,
  type: number,
  data: Uint8Array,
  flags: number,
  timeout: number,
): Promise<readonly NetlinkMessage[]> {
  try {
    return (await socket.request(type, data, {flags, checkError: false, timeout}))[0]
  } catch (error) {
    // The library's own complaints: a system call's has a code, a timeout has none.
    if (!(error instanceof Error)) throw error
    const code = 'code' in error && typeof error.code === 'string' ? errnoCode(error.code) : 'timeout'
    throw new StepFailure(code, error.message)
  }
}
