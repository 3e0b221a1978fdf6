/**
 * A neighbour that opens a BGP session in good order and then says something that it should not: run as a program,
 * `node bgp-speaker.ts OWN-ADDRESS PEER-ADDRESS AS HEX…`, each HEX the body of one UPDATE.
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

const [own, peer, as, ...updates] = process.argv.slice(2)
const socket = connect({host: peer!, port: 179, localAddress: own!})
socket.on('connect', () => socket.write(open(Number(as), own!)))
let isTold = false
socket.on('data', (data) => {
  // Their OPEN, and their KEEPALIVE, which comes with it or after it.
  for (let at = 0; at + 19 <= data.length; at += data.readUInt16BE(at + 16)) {
    const type = data.readUInt8(at + 18)
    if (type === OPEN) socket.write(message(KEEPALIVE, Buffer.alloc(0)))
    if (type === KEEPALIVE && !isTold) {
      isTold = true
      for (const hex of updates) socket.write(message(UPDATE, Buffer.from(hex, 'hex')))
    }
  }
})
// Whoever started it ends it; a session that is closed stays closed.
socket.on('error', () => undefined)
setInterval(() => undefined, 60_000)
