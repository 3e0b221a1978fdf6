import {createServer, request, type Server} from 'node:http'
import type {AddressInfo} from 'node:net'

/** A door on TCP to a gateway's Unix socket, for a browser in a test: nothing is checked, all goes through. */
export async function openDoor(socketPath: string): Promise<{readonly url: string; close(): Promise<void>}> {
  const server: Server = createServer((incoming, outgoing) => {
    const {method, url, headers} = incoming
    const through = request({socketPath, method, path: url, headers}, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    through.on('error', () => outgoing.destroy())
    outgoing.on('close', () => through.destroy())
    incoming.pipe(through)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
