import {closeSync, openSync, readSync} from 'node:fs'

const EVERY_MS = 50

/**
 * Hands on what is appended to a file, as it comes. Polled: a write over 9p raises no event on the host. The returned
 * function hands on the rest and ends it.
 */
export function follow(file: string, onData: (data: Buffer) => void): () => void {
  const handle = openSync(file, 'r')
  const buffer = Buffer.alloc(256 * 1024)
  const drain = (): void => {
    for (;;) {
      const count = readSync(handle, buffer, 0, buffer.length, null)
      if (count === 0) return
      onData(Buffer.from(buffer.subarray(0, count)))
    }
  }
  const timer = setInterval(drain, EVERY_MS)
  return () => {
    clearInterval(timer)
    drain()
    closeSync(handle)
  }
}
