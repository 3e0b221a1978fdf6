// One end of many TCP flows between two pods, a process in the pod's namespace. `take ADDRESS PORT` prints what has come in so far, in
// bytes, every half second; `give ADDRESS PORT FLOWS` sends by so many connections as much as goes.
import {connect, createServer} from 'node:net'

const EVERY_MS = 500
const CHUNK = Buffer.alloc(65_536)
const [role, address, port, flows] = process.argv.slice(2)

if (role === 'take') {
  let bytes = 0
  createServer((socket) => {
    socket.on('data', (data) => {
      bytes += data.length
    })
    socket.on('error', () => socket.destroy())
  }).listen(Number(port), address, () => {
    setInterval(() => process.stdout.write(`${performance.now()} ${bytes}\n`), EVERY_MS)
  })
} else {
  for (let flow = 0; flow < Number(flows); flow++) {
    const socket = connect(Number(port), address)
    const fill = (): void => {
      while (socket.write(CHUNK));
    }
    socket.on('connect', fill).on('drain', fill)
    socket.on('error', (error) => {
      throw error
    })
  }
}
