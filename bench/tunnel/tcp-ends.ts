// One end of the TCP rounds of a bed, in the sender's or the receiver's namespace: reads a `TcpPlan` (JSON, stdin). `sink` takes
// what comes and answers each whole slice with a byte; `source` sends slices, waits for that byte, and prints a
// `TcpRound` a line. A slice is shared by the connections of a way, and their buffers hold all of it: neither end waits for the
// other one's process, and system calls may block.
import {readFileSync, writeSync} from 'node:fs'
import koffi from 'koffi'

export interface TcpPlan {
  /** The device of each way at this end; its connections are bound to it. */
  readonly devices: readonly string[]
  readonly from: string
  readonly to: string
  readonly port: number
  /** Rounds as orders of ways. */
  readonly rounds: readonly (readonly number[])[]
  readonly slices: number
  /** Connections of a way, and what each of them sends in a slice. */
  readonly connections: number
  readonly shareBytes: number
}

export interface TcpRound {
  readonly way: number
  readonly bytes: number
  readonly elapsedMs: number
}

const [AF_INET, SOCK_STREAM, SOL_SOCKET, SO_REUSEADDR, SO_BINDTODEVICE, SO_SNDBUFFORCE, SO_RCVBUFFORCE] = [
  ...[2, 1, 1, 2, 25, 32, 33],
] as const
/** The kernel charges a packet with several times its bytes. */
const BUFFER_OF_SHARE = 4
/** The kernel counts what comes and copies nothing. */
const MSG_TRUNC = 0x20
const CHUNK = 65_536
const FIRST_PORT = 40_000
const MOST_TAKEN = 1 << 20

const libc = koffi.load('libc.so.6')
const socket = libc.func('int socket(int, int, int)')
const bind = libc.func('int bind(int, const void *, uint32_t)')
const connect = libc.func('int connect(int, const void *, uint32_t)')
const listen = libc.func('int listen(int, int)')
const accept = libc.func('int accept(int, void *, void *)')
const setsockopt = libc.func('int setsockopt(int, int, int, const void *, uint32_t)')
const send = libc.func('long send(int, const void *, size_t, int)')
const recv = libc.func('long recv(int, void *, size_t, int)')

const role = process.argv[2]
const {devices, from, to, port, rounds, slices, connections, shareBytes} = JSON.parse(
  readFileSync(0, 'utf8'),
) as TcpPlan

function must(result: number, what: string): number {
  if (result < 0) throw new Error(`${role}: ${what}: errno ${koffi.errno()}`)
  return result
}

function addressOf(host: string, at: number): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt16LE(AF_INET, 0)
  bytes.writeUInt16BE(at, 2)
  bytes.set(host.split('.').map(Number), 4)
  return bytes
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}

function boundSocket(device: string, host: string, at: number): number {
  const handle = must(socket(AF_INET, SOCK_STREAM, 0), 'socket')
  const name = Buffer.from(device)
  for (const [option, value] of [
    [SO_REUSEADDR, number(1)],
    [SO_BINDTODEVICE, name],
    [SO_SNDBUFFORCE, number(shareBytes * BUFFER_OF_SHARE)],
    [SO_RCVBUFFORCE, number(shareBytes * BUFFER_OF_SHARE)],
  ] as const) {
    must(setsockopt(handle, SOL_SOCKET, option, value, value.length), `option ${option}`)
  }
  const own = addressOf(host, at)
  must(bind(handle, own, own.length), 'bind')
  return handle
}

const said = Buffer.alloc(1)
const places = Array.from({length: connections}, (_, index) => index)

function sink(): void {
  const listening = devices.map((device) => {
    const handle = boundSocket(device, to, port)
    must(listen(handle, connections), 'listen')
    return handle
  })
  writeSync(1, 'ready\n')
  const handles = listening.map((handle) => places.map(() => must(accept(handle, null, null), 'accept')))
  const scratch = Buffer.alloc(MOST_TAKEN)
  for (const way of turns()) {
    for (const handle of handles[way]!) {
      for (let left = shareBytes; left > 0; ) {
        const got = must(recv(handle, scratch, Math.min(left, MOST_TAKEN), MSG_TRUNC), 'receive')
        if (got === 0) throw new Error('the sender went away')
        left -= got
      }
    }
    must(send(handles[way]![0]!, said, 1, 0), 'answer')
  }
}

/** Ways as the slices go, one after the other. */
function* turns(): Iterable<number> {
  for (const order of rounds) for (let slice = 0; slice < slices; slice++) yield* order
}

function source(): void {
  const handles = devices.map((device, way) =>
    places.map((place) => {
      const handle = boundSocket(device, from, FIRST_PORT + way * connections + place)
      const far = addressOf(to, port)
      must(connect(handle, far, far.length), `connect by ${device}`)
      return handle
    }),
  )
  const chunk = Buffer.alloc(CHUNK)
  for (const order of rounds) {
    const elapsedMs = new Map(order.map((way) => [way, 0]))
    for (let slice = 0; slice < slices; slice++) {
      for (const way of order) {
        const beganMs = performance.now()
        for (let left = shareBytes; left > 0; left -= CHUNK) {
          for (const handle of handles[way]!) must(send(handle, chunk, Math.min(left, CHUNK), 0), 'send')
        }
        must(recv(handles[way]![0]!, said, 1, 0), 'answer')
        elapsedMs.set(way, elapsedMs.get(way)! + performance.now() - beganMs)
      }
    }
    for (const way of order) {
      const line: TcpRound = {way, bytes: slices * connections * shareBytes, elapsedMs: elapsedMs.get(way)!}
      console.log(JSON.stringify(line))
    }
  }
}

if (role === 'sink') sink()
else source()
