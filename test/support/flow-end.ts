// One end of a flow, a process in a namespace. `serve PROTOCOL ADDRESS PORT` answers whatever comes; `ask PROTOCOL
// ADDRESS PORT TO TO_PORT` sends every 20 ms and prints a line for each answer. Both print `ready` first.
import {createSocket} from 'node:dgram'
import {connect, createServer, type Socket} from 'node:net'

const EVERY_MS = 20
const [role, protocol, address, portText, to, toPort] = process.argv.slice(2)
const port = Number(portText)
const say = (line: string): boolean => process.stdout.write(`${line}\n`)

if (role === 'serve' && protocol === 'udp') {
  const socket = createSocket(address!.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', (data, from) => socket.send(data, from.port, from.address))
  socket.bind(port, address, () => say('ready'))
} else if (role === 'serve') {
  createServer((socket: Socket) => socket.pipe(socket).on('error', () => socket.destroy())).listen(port, address, () =>
    say('ready'),
  )
} else if (protocol === 'udp') {
  const socket = createSocket(address!.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', () => say('answer'))
  socket.bind(port, address, () => {
    say('ready')
    setInterval(() => socket.send('x', Number(toPort), to), EVERY_MS)
  })
} else {
  const socket = connect({host: to!, port: Number(toPort), localAddress: address!, localPort: port, noDelay: true})
  socket.on('connect', () => {
    say('ready')
    setInterval(() => socket.write('x'), EVERY_MS)
  })
  socket.on('data', () => say('answer'))
}
