import {AF_NETLINK, loadCLibrary, must, orErrno, RAW_SOCKET, SOL_SOCKET} from '../c-library.ts'
import {StepFailure} from '../failure.ts'

const NETLINK_NETFILTER = 12
const SO_RCVTIMEO = 20
const SO_SNDBUFFORCE = 32
const ANSWER_WITHIN_S = 120
const ANSWER_BYTES = 1 << 16
/** What the kernel's own account of a message adds to it. */
const MARGIN = 1 << 16

/** Sends one long message to nf_tables and gives every answer to `take` until that says it was the last. */
export type BulkSend = (bytes: Buffer, take: (answer: Buffer) => boolean) => Promise<void>

/**
 * For transactions of some ten thousand elements and more: the kernel works on a transaction within the system call that
 * brings it, two seconds for a million elements, so the call is made on a thread of libuv's. Each has a socket of its own,
 * with a buffer as long as itself, which takes CAP_NET_ADMIN. Null where the C library cannot be called.
 */
export function createBulkSend(): BulkSend | null {
  const library = loadCLibrary()
  if (!library) return null
  const socket = library.func('int socket(int domain, int type, int protocol)')
  const option = library.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)')
  const sendTo = library.func(
    'int64_t sendto(int fd, const void *data, size_t n, int flags, const void *to, uint32_t length)',
  )
  const receive = library.func('int64_t recv(int fd, _Out_ uint8_t *data, size_t n, int flags)')
  const close = library.func('int close(int fd)')

  /** koffi holds nothing of the arguments but the callback, from which they are reached for as long as the call takes. */
  const onThread = (run: ReturnType<typeof library.func>, ...args: readonly unknown[]): Promise<number> =>
    new Promise((resolve, reject) => {
      run.async(...args, (failure: Error | null, result: number) => {
        if (failure) reject(failure)
        else resolve(orErrno(Number(result)))
      })
    })

  return async (bytes, take) => {
    const fd: number = socket(AF_NETLINK, RAW_SOCKET, NETLINK_NETFILTER)
    must(orErrno(fd), 'socket(AF_NETLINK)')
    try {
      const size = Buffer.alloc(4)
      size.writeInt32LE(bytes.length + MARGIN)
      must(orErrno(option(fd, SOL_SOCKET, SO_SNDBUFFORCE, size, size.length)), 'SO_SNDBUFFORCE')
      const within = Buffer.alloc(16)
      within.writeBigInt64LE(BigInt(ANSWER_WITHIN_S))
      must(orErrno(option(fd, SOL_SOCKET, SO_RCVTIMEO, within, within.length)), 'SO_RCVTIMEO')
      const kernel = Buffer.alloc(12)
      kernel.writeUInt16LE(AF_NETLINK)
      must(await onThread(sendTo, fd, bytes, bytes.length, 0, kernel, kernel.length), 'a transaction of elements')
      const answer = Buffer.alloc(ANSWER_BYTES)
      for (;;) {
        const length = await onThread(receive, fd, answer, answer.length, 0)
        if (length <= 0) throw new StepFailure('timeout', 'the kernel does not answer a transaction')
        if (take(answer.subarray(0, length))) return
      }
    } finally {
      close(fd)
    }
  }
}
