import {createNetlink, type NetlinkMessage, parseMessages} from 'netlink'
import {AF_NETLINK, loadCLibrary, must, orErrno, RAW_SOCKET, SOL_SOCKET} from '../c-library.ts'
import {NETLINK_ROUTE} from './socket.ts'

const NON_BLOCKING = 0o4000
const SO_RCVBUFFORCE = 33
const SOL_NETLINK = 270
const ADD_MEMBERSHIP = 1
const MSG_TRUNC = 0x20
const EAGAIN = 11
const BUFFER_BYTES = 1 << 22
/** A device with many virtual functions tells a lot. */
const MESSAGE_BYTES = 1 << 17
const EVERY_MS = 100
/** What is more waits for the next look, so that a storm holds nobody up. */
const MOST_AT_ONCE = 500

/** null: the kernel has dropped some. */
type OnMessage = (message: Pick<NetlinkMessage, 'type' | 'data'> | null) => void

/**
 * Calls back with each notification of the groups, by a look ten times a second.
 *
 * Not by the netlink library (0.3.0): when the kernel drops notifications it marks the socket as failed (ENOBUFS), libuv
 * tells that as a failed poll, and the library ends the whole process over it. Where there is no C library it must do.
 */
export function subscribe(groups: readonly number[], onMessage: OnMessage): () => void {
  const listener = openListener(groups)
  if (!listener) return subscribeByLibrary(groups, onMessage)
  const timer = setInterval(() => listener.look(onMessage), EVERY_MS)
  timer.unref()
  return () => {
    clearInterval(timer)
    listener.close()
  }
}

function openListener(groups: readonly number[]): {look(onMessage: OnMessage): void; close(): void} | null {
  const library = loadCLibrary()
  if (!library) return null
  const socket = library.func('int socket(int domain, int type, int protocol)')
  const bind = library.func('int bind(int fd, const void *address, uint32_t length)')
  const option = library.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)')
  const receive = library.func('int64_t recv(int fd, _Out_ uint8_t *data, size_t n, int flags)')
  const closeSocket = library.func('int close(int fd)')
  const setOption = (level: number, name: number, value: number): number => {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32LE(value)
    return orErrno(option(fd, level, name, bytes, bytes.length))
  }

  const fd: number = socket(AF_NETLINK, RAW_SOCKET | NON_BLOCKING, NETLINK_ROUTE)
  must(orErrno(fd), 'socket(AF_NETLINK)')
  const address = Buffer.alloc(12)
  address.writeUInt16LE(AF_NETLINK)
  try {
    must(orErrno(bind(fd, address, address.length)), 'bind')
    // Without the right to it the usual one has to do: more is dropped then, and told.
    setOption(SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
    for (const group of groups) must(setOption(SOL_NETLINK, ADD_MEMBERSHIP, group), 'NETLINK_ADD_MEMBERSHIP')
  } catch (error) {
    closeSocket(fd)
    throw error
  }

  const bytes = Buffer.alloc(MESSAGE_BYTES)
  return {
    look(onMessage) {
      for (let times = 0; times < MOST_AT_ONCE; times++) {
        const length = orErrno(Number(receive(fd, bytes, bytes.length, MSG_TRUNC)))
        if (length === -EAGAIN) return
        // ENOBUFS, told once for all that were dropped, or one that is longer than we read.
        if (length <= 0 || length > bytes.length) return onMessage(null)
        for (const message of parseMessages(bytes.subarray(0, length))) onMessage(message)
      }
    },
    close: () => closeSocket(fd),
  }
}

function subscribeByLibrary(groups: readonly number[], onMessage: OnMessage): () => void {
  const socket = createNetlink(NETLINK_ROUTE, {recvBufferSize: BUFFER_BYTES, sendBufferSize: 1 << 16})
  socket.on('message', (messages) => {
    for (const message of messages) onMessage(message)
  })
  socket.on('error', () => onMessage(null))
  socket.on('invalid', () => onMessage(null))
  for (const group of groups) socket.addMembership(group)
  return () => socket.close()
}
