import koffi from 'koffi'

/**
 * `send-raw.ts PROTOCOL IPV4 [SOURCE HEX [TIMES]]`: one IP packet of any protocol, from the namespace it is run in; 20 zero bytes
 * where nothing else is said. TIMES of them, 20 ms apart.
 */
const [protocol, address, source, content, times = '1'] = process.argv.slice(2)
const libc = koffi.load('libc.so.6')
const socket = libc.func('int socket(int, int, int)')
const bind = libc.func('int bind(int, const void *, uint32_t)')
const sendto = libc.func('long sendto(int, const void *, size_t, int, const void *, uint32_t)')
const [AF_INET, SOCK_RAW] = [2, 3]
function socketAddress(text: string): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt16LE(AF_INET, 0)
  bytes.set(text.split('.').map(Number), 4)
  return bytes
}
const to = socketAddress(address!)
const payload = content === undefined ? Buffer.alloc(20) : Buffer.from(content, 'hex')
const handle: number = socket(AF_INET, SOCK_RAW, Number(protocol))
if (source !== undefined && bind(handle, socketAddress(source), 16) !== 0) throw new Error(`no address ${source}`)
for (let left = Number(times); left > 0; left--) {
  const sent: number = sendto(handle, payload, payload.length, 0, to, to.length)
  if (sent !== payload.length) throw new Error('not sent: not root?')
  if (left > 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
}
