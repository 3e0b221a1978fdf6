/**
 * A neighbour that opens a BGP session in good order and then says something that it should not: run as a program,
 * `node bgp-speaker.ts OWN-ADDRESS PEER-ADDRESS AS WHAT…`, each WHAT the body of one UPDATE as HEX, `raw:HEX` for bytes that
 * are no message, or `prefixes:N` for that many, from 11.0.0.0/32 on.
 */
import {connect} from 'node:net'

const OPEN = 1
const UPDATE = 2
const KEEPALIVE = 4

function message(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(19, 0xff)
  head.writeUInt16BE(19 + body.length, 16)
  head.writeUInt8(type, 18)
  return Buffer.concat([head, body])
}

function open(as: number, id: string): Buffer {
  const body = Buffer.from([4, as >> 8, as & 0xff, 0, 90, ...id.split('.').map(Number), 0])
  return message(OPEN, body)
}

/** As many as fit into one message. */
const PREFIXES_A_MESSAGE = 800

function* prefixes(count: number, as: number, nextHop: string): Generator<Buffer> {
  const path = [0x40, 2, 4, 2, 1, as >> 8, as & 0xff]
  const attributes = [0x40, 1, 1, 0, ...path, 0x40, 3, 4, ...nextHop.split('.').map(Number)]
  for (let first = 0; first < count; first += PREFIXES_A_MESSAGE) {
    const length = Math.min(PREFIXES_A_MESSAGE, count - first)
    const nlri = Buffer.alloc(length * 5)
    for (let index = 0; index < length; index++) {
      nlri.writeUInt8(32, index * 5)
      nlri.writeUInt32BE(11 * 2 ** 24 + first + index, index * 5 + 1)
    }
    yield message(UPDATE, Buffer.concat([Buffer.from([0, 0, 0, attributes.length, ...attributes]), nlri]))
  }
}

function messagesOf(what: string): Iterable<Buffer> {
  if (what.startsWith('prefixes:')) return prefixes(Number(what.slice('prefixes:'.length)), Number(as), own!)
  if (what.startsWith('raw:')) return [Buffer.from(what.slice('raw:'.length), 'hex')]
  return [message(UPDATE, Buffer.from(what, 'hex'))]
}

const [own, peer, as, ...told] = process.argv.slice(2)
let isTold = false

/** Who is not spoken with yet is asked again; a session that has been and is closed stays closed. */
function speak(): void {
  const socket = connect({host: peer!, port: 179, localAddress: own!})
  socket.on('connect', () => socket.write(open(Number(as), own!)))
  socket.on('data', (data) => {
    // Their OPEN, and their KEEPALIVE, which comes with it or after it.
    for (let at = 0; at + 19 <= data.length; at += data.readUInt16BE(at + 16)) {
      const type = data.readUInt8(at + 18)
      if (type === OPEN) socket.write(message(KEEPALIVE, Buffer.alloc(0)))
      if (type === KEEPALIVE && !isTold) {
        isTold = true
        for (const what of told) for (const bytes of messagesOf(what)) socket.write(bytes)
      }
    }
  })
  socket.on('error', () => undefined)
  socket.on('close', () => isTold || setTimeout(speak, 200))
}

speak()
// Whoever started it ends it.
setInterval(() => undefined, 60_000)
