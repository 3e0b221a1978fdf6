import koffi, {type LibraryHandle} from 'koffi'

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
