// Says who asks. `serve PORT`: on all addresses, by TCP and UDP, answers with the asker's address and how many bytes came;
// prints `ready`. `tcp|udp ADDRESS PORT [BYTES [MS]]`: asks, and prints the answer, the error's code, or `nothing` after so long.
import {createSocket} from 'node:dgram'
import {connect, createServer} from 'node:net'

const [role, address, portText, bytes = '1', giveUpMs = '5000'] = process.argv.slice(2)
const say = (line: string): never => {
  process.stdout.write(`${line}\n`)
  process.exit()
}

if (role === 'serve') {
  const port = Number(address)
  const four = createSocket('udp4')
  const six = createSocket({type: 'udp6', ipv6Only: true})
  for (const socket of [four, six]) {
    socket.on('message', (data, from) => socket.send(`${from.address} ${data.length}`, from.port, from.address))
    socket.bind(port)
  }
  const server = createServer({allowHalfOpen: true}, (socket) => {
    let count = 0
    socket.on('data', (data) => {
      count += data.length
    })
    socket.on('end', () => socket.end(`${socket.remoteAddress!.replace('::ffff:', '')} ${count}`))
    socket.on('error', () => socket.destroy())
  })
  server.listen(port, '::', () => process.stdout.write('ready\n'))
} else if (role === 'udp') {
  const socket = createSocket(address!.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', (data) => say(String(data)))
  const ask = (): void => socket.send(Buffer.alloc(Number(bytes)))
  socket.on('error', (error) => {
    const code = 'code' in error ? String(error.code) : error.message
    // The way is narrower than was known; now it is known.
    if (code === 'EMSGSIZE') ask()
    else say(code)
  })
  socket.connect(Number(portText), address!, ask)
  setTimeout(() => say('nothing'), Number(giveUpMs))
} else {
  const socket = connect({host: address!, port: Number(portText)})
  let answer = ''
  socket.on('connect', () => socket.end(Buffer.alloc(Number(bytes))))
  socket.on('data', (data) => {
    answer += data
  })
  socket.on('end', () => say(answer))
  socket.on('error', (error) => say('code' in error ? String(error.code) : error.message))
  setTimeout(() => say('nothing'), Number(giveUpMs))
}
