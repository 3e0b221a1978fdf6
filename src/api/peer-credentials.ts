import {readFile} from 'node:fs/promises'
import type {Socket} from 'node:net'
import koffi from 'koffi'
import type {Caller} from './caller.ts'

const SOL_SOCKET = 1
const SO_PEERCRED = 17

export interface PeerCredentials {
  readonly pid: number
  readonly uid: number
  readonly gid: number
}

type GetSockOpt = (fd: number, level: number, name: number, value: Buffer, length: Int32Array) => number

/** Who is at the other end of a Unix socket, in the kernel's words as of when it connected; null: not told. */
export function peerCredentials(socket: Socket): PeerCredentials | null {
  const fd = descriptorOf(socket)
  getSockOpt ??= load()
  if (fd === null || getSockOpt === 'none') return null
  // struct ucred: pid, uid, gid of 32 bits each.
  const value = Buffer.alloc(12)
  if (getSockOpt(fd, SOL_SOCKET, SO_PEERCRED, value, Int32Array.of(value.length)) !== 0) return null
  return {pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8)}
}

let getSockOpt: GetSockOpt | 'none' | undefined

function load(): GetSockOpt | 'none' {
  try {
    const library = koffi.load('libc.so.6')
    return library.func('int getsockopt(int fd, int level, int name, void *value, int *length)')
  } catch (error) {
    if (error instanceof Error) return 'none'
    throw error
  }
}

/** Node has no name for it (decision 0160). */
function descriptorOf(socket: Socket): number | null {
  const {_handle: handle} = socket as Socket & {readonly _handle?: {readonly fd?: unknown} | null}
  return typeof handle?.fd === 'number' && handle.fd >= 0 ? handle.fd : null
}

const callers = new WeakMap<Socket, Promise<Caller>>()

/** Whoever may open the socket is an admin; which one, for the audit log. */
export function socketCaller(socket: Socket): Promise<Caller> {
  const known = callers.get(socket) ?? callerOf(socket)
  callers.set(socket, known)
  return known
}

async function callerOf(socket: Socket): Promise<Caller> {
  const found = peerCredentials(socket)
  return {
    ...{via: 'socket', role: 'admin', address: null, until: null},
    name: found === null ? 'somebody on this machine' : await nameOf(found.uid),
    isStill: () => true,
  }
}

async function nameOf(uid: number): Promise<string> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const line = passwd.split('\n').find((one) => one.split(':')[2] === String(uid))
  return line ? `uid ${uid} (${line.split(':')[0]})` : `uid ${uid}`
}
