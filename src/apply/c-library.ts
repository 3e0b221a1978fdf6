import koffi, {type LibraryHandle} from 'koffi'
import {StepFailure} from './failure.ts'

export const AF_NETLINK = 16
/** `SOCK_RAW | SOCK_CLOEXEC`. */
export const RAW_SOCKET = 3 | 0o2000000
export const SOL_SOCKET = 1

/** For system calls that neither Node nor a library of ours makes. Null where it cannot be loaded. */
export function loadCLibrary(): LibraryHandle | null {
  try {
    return koffi.load('libc.so.6')
  } catch (error) {
    if (error instanceof Error) return null
    throw error
  }
}

/** Of a call that has just returned: behind an await it is another one's. */
export const orErrno = (result: number): number => (result < 0 ? -koffi.errno() : result)

/** Throws StepFailure where `orErrno` gave an errno. */
export function must(result: number, what: string): void {
  if (result < 0) throw new StepFailure('failed', `${what} fails (errno ${-result})`)
}
