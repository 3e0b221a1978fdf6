import {once} from 'node:events'
import {connect as connectTcp, createServer, type Server, type Socket} from 'node:net'

/** A way to a server on loopback that can be cut, or swallow one direction. */
export interface Relay {
  readonly endpoint: string
  /** Cuts what there is, and takes no connection until `join`. */
  part(): void
  join(): void
  /** From now on what the server says goes nowhere, and no connection ends: half a partition. */
  swallowAnswers(isSwallowed: boolean): void
  /** What the server says comes no faster than this. */
  slow(bytesPerSecond: number): void
  close(): void
}

export async function startRelay(port: number): Promise<Relay> {
  let isParted = false
  let isSwallowed = false
  let bytesPerSecond = Number.POSITIVE_INFINITY
  const sockets = new Set<Socket>()
  const server: Server = createServer((client) => {
    if (isParted) return void client.resetAndDestroy()
    const upstream = connectTcp(port, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => sockets.delete(socket))
    }
    client.on('data', (data) => upstream.write(data))
    upstream.on('data', (data) => {
      if (!isSwallowed) client.write(data)
      const restMs = (data.length / bytesPerSecond) * 1000
      if (restMs < 1) return
      upstream.pause()
      setTimeout(() => upstream.resume(), restMs)
    })
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    part: () => {
      isParted = true
      cut()
    },
    join: () => {
      isParted = false
    },
    swallowAnswers: (swallow) => {
      isSwallowed = swallow
    },
    slow: (bytes) => {
      bytesPerSecond = bytes
    },
    close: () => {
      cut()
      server.close()
    },
  }
}
