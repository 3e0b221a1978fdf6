import koffi from 'koffi'

/** `send-raw.ts PROTOCOL IPV4`: one IP packet of 20 zero bytes of any protocol, from the namespace it is run in. */
const [protocol, address] = process.argv.slice(2)
const libc = koffi.load('libc.so.6')
const socket = libc.func('int socket(int, int, int)')
const sendto = libc.func('long sendto(int, const void *, size_t, int, const void *, uint32_t)')
const [AF_INET, SOCK_RAW] = [2, 3]
const to = Buffer.alloc(16)
to.writeUInt16LE(AF_INET, 0)
to.set(address!.split('.').map(Number), 4)
const payload = Buffer.alloc(20)
const sent: number = sendto(socket(AF_INET, SOCK_RAW, Number(protocol)), payload, payload.length, 0, to, to.length)
if (sent !== payload.length) throw new Error('not sent: not root?')
